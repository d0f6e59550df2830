"""The gate before the excess, on what a finished run knows of its samples: exchangeable roles, and others."""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from dejavu.corpora.image_reader import ImageReader
from dejavu.report.calibration import Calibration
from dejavu.report.outside import Looked
from dejavu.statistics.control_differs import Gate, Known
from dejavu.tables import catalog

_SEED = 12
_EFFORT = 9  # of 9, to compress PNG files


def of_lanes(calibration: Calibration) -> dict[str, Looked]:
    """Return what each lane's gate looks at; the caption lane by its first target."""
    found = {}
    if calibration.image is not None:
        found["image"] = calibration.image.looked
    if calibration.caption is not None:
        found["caption"] = next(iter(calibration.caption.looked.values()))
    return found


def exchangeable(calibration: Calibration, n_draws: int) -> Iterator[str]:
    """Yield how often the gate closes, or warns, where roles are dealt anew to groups, in Markdown."""
    yield (
        "| lane | covariates | columns outside the model | draws | gate closed | a warning | "
        "blind AUROC, mean and largest |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for lane, looked in of_lanes(calibration).items():
        rng = np.random.default_rng(_SEED)
        found = [_dealt(looked, rng).gate(each, "exchangeable") for each in range(n_draws)]
        closed = sum(gate.is_closed for gate in found)
        warned = sum(bool(gate.reasons) and not gate.is_closed for gate in found)
        areas = [gate.blind.auroc for gate in found if gate.blind]
        cells = (
            lane, looked.covariates.x.shape[1], looked.outside.known.x.shape[1], n_draws,
            f"{closed} ({100 * closed / n_draws:.1f} %)", f"{warned} ({100 * warned / n_draws:.1f} %)",
            f"{np.mean(areas):.3f}, {max(areas):.3f}",
        )  # fmt: skip
        yield f"| {' | '.join(map(str, cells))} |"


def _dealt(looked: Looked, rng: np.random.Generator) -> Looked:
    """Deal the roles anew to whole groups of duplicates, as many groups to target as there are."""
    known = looked.outside.known
    groups, row = np.unique(known.group, return_inverse=True)
    is_target = rng.permutation(np.bincount(row[known.is_target], minlength=len(groups)) > 0)

    def anew(each: Known) -> Known:
        place = np.searchsorted(groups, each.group)
        return dataclasses.replace(each, is_target=is_target[place])

    return dataclasses.replace(
        looked,
        covariates=anew(looked.covariates),
        outside=dataclasses.replace(looked.outside, known=anew(known)),
    )


def differing(calibration: Calibration, data: Path, data_root: str) -> Iterator[str]:
    """Yield what the gate says of control sets that differ, in Markdown.

    All are made from the run's own control samples: those of two backgrounds of five (another source), those
    whose objects have names in the second half of the vocabulary alone (another year's classes), and all of
    them with their files written anew by another encoder (other sizes, equal pixels).
    """
    yield "| lane | control | n control | gate | p, covariates | p, outside the model | blind AUROC |"
    yield "| --- | --- | ---: | --- | ---: | ---: | ---: |"
    for lane, looked in of_lanes(calibration).items():
        rows = _samples(data, lane, len(looked.outside.known.group))
        scene, kind = (np.array(rows[name].to_pylist()) for name in ("scene", "kind"))
        kinds = np.unique(kind)
        sets = {
            "as it is": looked,
            "of two backgrounds of five": _some(looked, np.isin(scene, np.unique(scene)[:2])),
            "of half of the objects": _some(looked, np.isin(kind, kinds[len(kinds) // 2 :])),
            "written by another encoder": _written_anew(looked, rows, data / lane / "images", data_root),
        }  # fmt: skip
        for what, each in sets.items():
            yield _line(lane, what, each.gate(0, "differing"))


_ATTACKED = {
    "image": "SELECT sample_id FROM crops WHERE is_kept AND role IN ('target', 'control')",
    "caption": "SELECT DISTINCT sample_id FROM caption_scores",
}


def _samples(data: Path, lane: str, n: int) -> pa.Table:
    """Return the attacked samples of a lane in sample_id order, the order of what the gate looks at."""
    views = ["samples", "crops", "caption_scores"]
    with catalog.connect(data, only=views, sandboxed=False) as opened:
        rows = opened.table(
            "SELECT sample_id, uri, ln(n_bytes + 1) AS ln_bytes, truth.scene AS scene, "
            "list_min(list_transform(boxes, lambda box: box.label)) AS kind "
            f"FROM samples WHERE lane = $lane AND sample_id IN ({_ATTACKED[lane]}) ORDER BY sample_id",
            {"lane": lane},
        )
    if rows.num_rows != n:
        raise SystemExit(f"{lane}: {rows.num_rows} attacked samples, but the gate looks at {n}")
    return rows


def _some(looked: Looked, control: np.ndarray) -> Looked:
    """Return all of target, and the chosen ones of control; rows are the same in both matrices."""
    known = looked.outside.known
    kept = known.is_target | control
    return dataclasses.replace(
        looked,
        covariates=_rows(looked.covariates, kept),
        outside=dataclasses.replace(looked.outside, known=_rows(known, kept)),
    )


def _rows(known: Known, kept: np.ndarray) -> Known:
    return Known(x=known.x[kept], is_target=known.is_target[kept], group=known.group[kept])


def _written_anew(looked: Looked, rows: pa.Table, images: Path, data_root: str) -> Looked:
    """Return what would be known had control's files been written with more effort to compress them."""
    known = looked.outside.known
    if not np.allclose(np.asarray(known.x)[:, 0], rows["ln_bytes"].to_numpy()):
        raise SystemExit("the first column outside the model is expected to be the size in bytes")
    x = np.asarray(known.x)
    with ImageReader.open(images, data_root) as reader:
        for place in np.flatnonzero(~known.is_target):
            encoded = io.BytesIO()
            reader.read(rows["uri"][place].as_py()).save(encoded, "PNG", compress_level=_EFFORT)
            x[place, 0] = np.log(encoded.tell() + 1)
    return dataclasses.replace(
        looked, outside=dataclasses.replace(looked.outside, known=dataclasses.replace(known, x=x))
    )


def _line(lane: str, what: str, gate: Gate) -> str:
    assert gate.joint is not None
    assert gate.joint_outside is not None
    assert gate.blind is not None
    word = "closed" if gate.is_closed else "open, with a warning" if gate.reasons else "open"
    area = gate.blind
    cells = (
        lane, what, area.n_control, word, f"{gate.joint.p_value:.3f}", f"{gate.joint_outside.p_value:.3f}",
        f"{area.auroc:.2f} ({area.low:.2f} to {area.high:.2f})",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"
