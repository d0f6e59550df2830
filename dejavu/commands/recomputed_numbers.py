"""Compute the headline of a run again from its tables, and compare it with what lists and reports say.

What is computed again, from the guesses of every predictor on: the list of memorized samples, and what
``results.json`` and ``metrics.json`` say of the adjusted excess, its checks and its word. Nothing is drawn at
random in these, so they have to be equal; another processor may differ in the last digit.
"""

import dataclasses
import functools
import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dejavu import params as parameters
from dejavu.caption import memorized as listed_captions
from dejavu.commands.recorded_hashes import Difference
from dejavu.errors import DejavuError
from dejavu.image import memorized as listed_images
from dejavu.report import calibration, from_params, headline, make
from dejavu.report.calibration import Calibration
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.settings import ImageSettings
from dejavu.statistics.memorized_rows import ListInputs
from dejavu.tables.schemas import MEMORIZED_SAMPLES
from dejavu.text import printable

PLACE = "numbers"
_SHARE, _POINT = 1e-6, 1e-4  # the last digit of numbers in results.json, and in metrics.json
_P_VALUES = {"p", "p_one_sided", "p_holm"}  # have significant digits, no last one
_RELATIVE = 1e-5
_STAGE = "report"
_LANES = ("image", "caption")


@dataclasses.dataclass(slots=True)
class Recomputed:
    """What was computed again."""

    n_numbers: int = 0
    reason: str | None = None  # why nothing was
    differences: list[Difference] = dataclasses.field(default_factory=list)


def verify(root: Path, stages: Mapping[str, Any]) -> Recomputed:
    """Compute the headline of a project again.

    Args:
        root: the project's folder, with params.yaml, tables in ``data/`` and reports in ``reports/``.
        stages: what dvc.lock records, which says with which parameters the report was made.

    Returns:
        What differs; or why nothing could be computed: the tables or the report are not here, or
        params.yaml is not what the report was made with.
    """
    data, reports, params = root / "data", root / "reports", root / "params.yaml"
    if not (reports / "results.json").is_file():
        return Recomputed(reason=f"there is no {reports.name}/results.json here")
    lanes = [lane for lane in _LANES if (data / lane / "scores.parquet").is_file()]
    if not lanes:
        return Recomputed(reason=f"there are no scores below {data.name}/ here")
    if not params.is_file():
        return Recomputed(reason=f"there is no {params.name} here")
    if changed := _changed(params, stages):
        return Recomputed(
            reason=f"{params.name} is not what the report was made with: {', '.join(changed)}. "
            "`dvc repro` makes a report of it"
        )
    found = Recomputed()
    try:
        settings = from_params.read(params)
        compare(
            data, reports, settings.image, settings.captions, found, data_root=settings.data_root
        )
    except DejavuError as error:
        what = f"cannot be computed again: {error}"
        found.differences.append(_difference("reports/results.json", what))
    return found


def _changed(params: Path, stages: Mapping[str, Any]) -> list[str]:
    """Return the parameters of the report that are not what dvc.lock recorded."""
    recorded = functools.reduce(_below, (_STAGE, "params", params.name), stages)
    values = parameters.read(params)
    return [
        printable(str(name))
        for name, value in (recorded if isinstance(recorded, Mapping) else {}).items()
        if functools.reduce(_below, str(name).split("."), values) != value
    ]


def _below(values: Any, name: str) -> Any:
    """Return the value of a name in a mapping; None if there is none."""
    return values.get(name) if isinstance(values, Mapping) else None


def compare(
    data: Path,
    reports: Path,
    image: ImageSettings,
    captions: CaptionSettings,
    found: Recomputed,
    *,
    data_root: str = ".",
) -> None:
    """Add to `found` what differs between tables and reports; images lie below `data_root`.

    The blind baseline looks at images and embeddings, too: where they are not here it is left alone.

    Raises:
        ArtifactError: tables are missing, or do not belong together.
    """
    with tempfile.TemporaryDirectory(prefix="dejavu-verify-") as scratch:
        _compare_lists(data, Path(scratch), image, captions, found)
    of_lanes = _calibration(data, image, captions, data_root)
    expected = calibration.calibration_node(of_lanes)
    calibrated = _read(reports / "results.json").get("calibrated")
    _leave_unseen(expected, calibrated)
    _compare(
        expected,
        calibrated,
        "reports/results.json: calibrated",
        found,
        last_digit=_SHARE,
    )
    stated = _read(reports / "metrics.json")
    for (lane, name), numbers in headline.answers(of_lanes).items():
        if name in stated:  # models beyond a limit have no place there
            shown = {key: stated[name].get(key) for key in numbers}
            _compare(
                numbers, shown, f"reports/metrics.json: {name} ({lane})", found, last_digit=_POINT
            )


def _compare_lists(
    data: Path, scratch: Path, image: ImageSettings, captions: CaptionSettings, found: Recomputed
) -> None:
    report = image.report
    share, storey = report.false_discovery_percent / 100, report.storey
    roles = {lane: data / lane / "reference_role" for lane in _LANES}
    attacked = {lane: folder if folder.is_dir() else None for lane, folder in roles.items()}
    if (folder := data / "image" / "predictions").is_dir():
        listed_images.write(
            settings=listed_images.ImageListSettings(
                share=share, storey=storey, targets=image.targets
            ),
            inputs=ListInputs(attacked=folder, reference_role=attacked["image"]),
            out=scratch / "image.parquet",
        )  # fmt: skip
    if (scores := data / "caption" / "scores.parquet").is_file():
        listed_captions.write(
            settings=listed_captions.CaptionListSettings(
                share=share, storey=storey, models=captions.models, headline=captions.headline
            ),
            inputs=ListInputs(attacked=scores, reference_role=attacked["caption"]),
            out=scratch / "caption.parquet",
        )  # fmt: skip
    for file in sorted(scratch.glob("*.parquet")):
        lane = file.stem
        place = data / lane / "memorized_samples.parquet"
        expected = MEMORIZED_SAMPLES.read(file)
        found.n_numbers += expected.num_rows
        for what in _rows_that_differ(expected, MEMORIZED_SAMPLES.read(place)):
            name = place.relative_to(data.parent).as_posix()
            found.differences.append(_difference(name, what, f"list_samples@{lane}"))


def _rows_that_differ(expected: pa.Table, stated: pa.Table) -> Iterator[str]:
    """Yield what differs between two lists, a line for each column."""
    if expected.num_rows != stated.num_rows:
        yield f"has {stated.num_rows} rows, computed again {expected.num_rows}"
        return
    for name in expected.column_names:
        ours, theirs = expected[name].combine_chunks(), stated[name].combine_chunks()
        is_equal = pc.equal(ours, theirs)
        if pa.types.is_floating(ours.type):
            is_equal = pc.or_(is_equal, pc.less_equal(pc.abs(pc.subtract(ours, theirs)), _SHARE))
        both_null = pc.and_(pc.is_null(ours), pc.is_null(theirs))
        is_equal = pc.or_(pc.fill_null(is_equal, False), both_null)
        if n := len(ours) - (pc.sum(is_equal).as_py() or 0):
            row = pc.index(is_equal, False).as_py()
            who = f"{expected['target'][row].as_py()}, sample {expected['sample_id'][row].as_py()}"
            told = f"{_shown(theirs[row].as_py())}, computed again {_shown(ours[row].as_py())}"
            yield f"{name} of {n} rows, first {printable(who)}: {told}"


def _leave_unseen(expected: Any, stated: Any) -> None:
    """Take out of both sides what follows from a look at more, or less, than is here."""
    for lane, models in expected.items():
        for name in models:
            checks = [
                functools.reduce(_below, (lane, name, "control_check"), each)
                for each in (expected, stated)
            ]
            seen = [
                functools.reduce(_below, ("blind_baseline", "left_out"), each) for each in checks
            ]
            if None not in seen and seen[0] != seen[1]:
                for check in checks:
                    for part in ("blind_baseline", "is_closed", "reasons"):
                        check.pop(part, None)


def _calibration(
    data: Path, image: ImageSettings, captions: CaptionSettings, data_root: str
) -> Calibration:
    with make.tables_of(data, image, captions) as (tables, has_image, has_captions):
        return calibration.calibrate(
            tables, image, captions, has_image=has_image, has_captions=has_captions,
            data_root=data_root,
        )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        content = None
    return content if isinstance(content, dict) else {}


def _compare(
    expected: Any, stated: Any, where: str, found: Recomputed, *, last_digit: float
) -> None:
    """Add a difference for each value below `expected` that is stated otherwise."""
    if isinstance(expected, Mapping):
        stated = stated if isinstance(stated, Mapping) else {}
        for name in sorted({*expected, *stated}):
            digit = 0.0 if name in _P_VALUES else last_digit
            values = expected.get(name), stated.get(name)
            _compare(*values, f"{where}.{name}", found, last_digit=digit)
    elif isinstance(expected, list) and isinstance(stated, list) and len(expected) == len(stated):
        for number, values in enumerate(zip(expected, stated, strict=True)):
            _compare(*values, f"{where}[{number}]", found, last_digit=last_digit)
    else:
        found.n_numbers += 1
        if not _is_equal(expected, stated, last_digit):
            what = f"is {_shown(stated)}, computed again {_shown(expected)}"
            found.differences.append(_difference(where, what))


def _is_equal(expected: Any, stated: Any, last_digit: float) -> bool:
    is_number = isinstance(expected, float) and type(stated) in (int, float)
    if is_number:
        return math.isclose(expected, stated, rel_tol=_RELATIVE, abs_tol=1.5 * last_digit)
    return type(expected) is type(stated) and bool(expected == stated)


def _difference(path: str, what: str, stage: str = _STAGE) -> Difference:
    return Difference(stage=stage, path=path, place=PLACE, what=what)


def _shown(value: Any) -> str:
    return "not there" if value is None else printable(json.dumps(value, ensure_ascii=False))[:200]
