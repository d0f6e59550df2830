"""Find the background crop of each attacked or reference image: all that the adversary holds."""

import collections
import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from dejavu.errors import ArtifactError, DataError
from dejavu.image import rectangles
from dejavu.params.corpora import CropParams
from dejavu.roles import ATTACKED, CONTROL, REFERENCE, TARGET
from dejavu.run.progress import say
from dejavu.tables import parquet
from dejavu.tables.schemas import CROPS, SAMPLES, SPLITS

CROPPED_ROLES = (TARGET, REFERENCE, CONTROL)  # public images are embedded whole
_RULES = {"largest": rectangles.largest, "interval": rectangles.interval}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CropInputs:
    """The tables that say which images are cropped."""

    samples: Path
    splits: Path


def build(*, settings: CropParams, inputs: CropInputs, out: Path) -> None:
    """Write the crops table of the samples that have a role in `CROPPED_ROLES`.

    Raises:
        ArtifactError: the split was made from other samples.
        DataError: not one crop of an attacked role is kept.
    """
    samples, splits = inputs.samples, inputs.splits
    samples_fingerprint = parquet.fingerprint(samples)
    recorded = parquet.inputs_of(splits).get("samples", samples_fingerprint)
    if recorded != samples_fingerprint:
        raise ArtifactError(
            f"{splits} was made from samples {recorded}, but {samples} is {samples_fingerprint}: "
            "they do not belong together. Run `dvc repro` to rebuild both."
        )
    rows = SAMPLES.read(samples, columns=["sample_id", "width_px", "height_px", "boxes"])
    roles = SPLITS.read(splits, columns=["sample_id", "role"])  # both in the order of sample_id
    rows = rows.append_column("role", roles["role"])
    crops = find(rows.filter(pc.is_in(rows["role"], pa.array(CROPPED_ROLES))), settings)
    require_kept(crops, settings)
    made_from = {"samples": samples_fingerprint, "split": parquet.fingerprint(splits)}
    CROPS.write(crops, out, inputs=made_from)
    n_kept = pc.sum(crops["is_kept"]).as_py() or 0
    say(f"crop: {n_kept} of {crops.num_rows} kept; {_reasons(crops) or 'none dropped'}")


def require_kept(crops: pa.Table, settings: CropParams) -> None:
    """Refuse crops of an attacked role of which not one is kept: nobody could be attacked.

    Raises:
        DataError: the message counts the reasons and says what the rule asks for.
    """
    for role in ATTACKED:
        mine = crops.filter(pc.equal(crops["role"], role))
        if not mine.num_rows or pc.any(mine["is_kept"]).as_py():
            continue
        where = f" at the {settings.corner} corner" if settings.rule == "corner" else ""
        raise DataError(
            f"role {role}: not one of {mine.num_rows} crops is kept: {_reasons(mine)}. image.crop.rule "
            f"{settings.rule!r}{where} must leave a crop whose shorter side exceeds image.crop.min_side_px = "
            f"{settings.min_side_px}{_sizes(mine)}. Lower it (min_crop_px in Python), or take another rule "
            f"(corner cuts image.crop.corner_fraction = {settings.corner_fraction:g} of each side)."
        )


def _reasons(crops: pa.Table) -> str:
    dropped = collections.Counter(crops["drop_reason"].drop_null().to_pylist())
    return ", ".join(f"{n} {reason}" for reason, n in sorted(dropped.items()))


def _sizes(crops: pa.Table) -> str:
    """Say how large the crops would be, where any has a place."""
    placed = crops.filter(crops["x0"].is_valid())
    if not placed.num_rows:
        return ""
    sides = pc.min_element_wise(
        pc.subtract(placed["x1"], placed["x0"]), pc.subtract(placed["y1"], placed["y0"])
    )
    return f"; here it is {pc.min(sides).as_py()} to {pc.max(sides).as_py()} pixels"


def find(rows: pa.Table, settings: CropParams) -> pa.Table:
    """Return the crops table: each image's crop by the rule, kept or dropped with a reason.

    Reasons: ``no_box`` (the rule needs one), ``no_background`` (boxes cover the whole image),
    ``crop_too_small`` (its shorter side is not above ``min_side_px``; its place is given).

    Args:
        rows: columns sample_id, role, width_px, height_px, boxes; images that can be read.
        settings: the rule and the smallest side.
    """
    sizes = np.stack([rows["width_px"].to_numpy(), rows["height_px"].to_numpy()], axis=1)
    reasons = np.full(len(sizes), None, dtype=object)
    if settings.rule == "corner":
        found = _corner(sizes, settings)
    else:
        found, n_boxes = _beside_boxes(rows["boxes"], sizes, settings.rule)
        reasons[n_boxes == 0] = "no_box"
    shorter = np.minimum(found[:, 2] - found[:, 0], found[:, 3] - found[:, 1])
    has_box = reasons != "no_box"
    reasons[has_box & (shorter <= settings.min_side_px)] = "crop_too_small"
    reasons[has_box & (shorter == 0)] = "no_background"
    has_place = shorter > 0
    places = {
        name: pa.array(found[:, axis], type=pa.int32(), mask=~has_place)
        for axis, name in enumerate(("x0", "y0", "x1", "y1"))
    }
    drop_reasons = pa.array(reasons, type=pa.string())
    columns = {
        "sample_id": rows["sample_id"],
        "role": rows["role"],
        "is_kept": pc.is_null(drop_reasons),
        "drop_reason": drop_reasons,
    }
    return pa.table({**columns, **places}, schema=CROPS.schema)


def _beside_boxes(
    boxes: pa.ChunkedArray, sizes: Int[np.ndarray, "n 2"], rule: str
) -> tuple[Int[np.ndarray, "n 4"], Int[np.ndarray, " n"]]:
    """Return each image's crop (all 0: none) and its number of boxes."""
    lists = boxes.combine_chunks()
    counts = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = lists.flatten()
    corners = np.stack([flat.field(name).to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)
    starts = np.cumsum(counts) - counts
    found = np.zeros((len(sizes), 4), dtype=np.int64)
    for count in np.unique(counts[counts > 0]).tolist():
        images = np.flatnonzero(counts == count)
        members = corners[starts[images][:, None] + np.arange(count)]
        found[images] = _RULES[rule](members, sizes[images])
    return found, counts


def _corner(sizes: Int[np.ndarray, "n 2"], settings: CropParams) -> Int[np.ndarray, "n 4"]:
    """Return a fixed share of width and height at one corner, boxes or not."""
    sides = (sizes * settings.corner_fraction).astype(np.int64)
    vertical, horizontal = settings.corner.split("_")
    x0 = np.zeros(len(sizes), np.int64) if horizontal == "left" else sizes[:, 0] - sides[:, 0]
    y0 = np.zeros(len(sizes), np.int64) if vertical == "upper" else sizes[:, 1] - sides[:, 1]
    return np.stack([x0, y0, x0 + sides[:, 0], y0 + sides[:, 1]], axis=1)
