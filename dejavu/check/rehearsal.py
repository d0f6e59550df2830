"""Do with a sample of a corpus what stage ``corpus`` and stage ``crop`` will do with all of it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.check import listed_boxes
from dejavu.check.clock import Clock
from dejavu.check.findings import Finding, Untried, tried
from dejavu.check.roles import Lane
from dejavu.corpora import build
from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.plausibility import judge
from dejavu.corpora.records import Record
from dejavu.corpora.roots import external_root
from dejavu.corpora.tallies import Tally, turned
from dejavu.errors import DataError
from dejavu.image import crop
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import MachineParams
from dejavu.roles import TARGET
from dejavu.tables.schemas import SAMPLES as SAMPLES_TABLE

SAMPLES = 2_000  # opened at most, evenly spread over the listing
SECONDS = 30.0  # after which no more are opened
ODD = 8  # samples whose boxes are least like the others', for the contact sheet
_AT_ONCE = 100


def look(
    lane: str,
    values: Mapping[str, Any],
    known: Lane,
    *,
    clock: Clock,
) -> Iterator[Finding]:
    """Open a sample of the images, judge them and their boxes, and cut their crops.

    Args:
        lane: ``image`` or ``caption``.
        values: sections by name.
        known: the listed samples; is told what was opened, and which crops were cut.
        clock: of the check; says when no more images are opened.
    """
    machine: MachineParams = values["machine"]
    limits, listed = values["limits"], known.listed
    root = getattr(values[f"{lane}.corpus"].root, "root", None)
    tally, parts = Tally(), [SAMPLES_TABLE.schema.empty_table()]

    def opened() -> str:
        seconds = clock.share(SECONDS)
        parts.extend(inspected(lane, values, listed, limits, tally, root, machine, seconds))
        rows = known.opened = pa.concat_tables(parts)
        bad = rows.filter(pc.is_valid(rows["problem"]))
        build.require_usable(rows, values[f"{lane}.corpus"].root.max_dropped_share)
        if not len(rows):
            raise Untried("no image could be opened in time")
        return f"{len(rows)} of {known.n} samples opened; " + (
            f"{len(bad)} unusable: {_told(bad)}" if len(bad) else "all usable"
        )

    def judged() -> str:
        every = listed_boxes.tally(listed)
        judge(every, limits, where=f"{lane}.corpus, all {every.totals['boxes']} boxes listed")
        judge(tally, limits, where=f"{lane}.corpus, {tally.totals['samples']} samples looked at")
        told = turned(tally)
        n_listed, n_opened = every.totals["boxes"], tally.totals["boxes"]
        return f"{n_listed} boxes listed, {n_opened} of images opened; no limit is exceeded" + (
            f"; {told}" if told else ""
        )

    def odd() -> str:
        places = [] if known.is_generated else listed_boxes.oddest(listed, ODD).tolist()
        some = [listed[place] for place in places]
        if some:
            seconds = clock.share(SECONDS)
            looks = inspected(lane, values, some, limits, Tally(), root, machine, seconds)
            known.odd = pa.concat_tables(looks)
        return f"{len(some)} samples with boxes least like the others' are on the contact sheet"

    yield tried(lane, "images", opened)
    yield tried(lane, "limits", judged)
    yield tried(lane, "odd boxes", odd)
    if lane == "image" and "image.crop" in values:
        yield tried(lane, "crops", lambda: _crops(known, values["image.crop"]))


def inspected(
    lane: str,
    values: Mapping[str, Any],
    listed: Sequence[Record],
    limits: LimitsParams,
    tally: Tally,
    root: str | None,
    machine: MachineParams,
    seconds: float,
) -> Iterator[pa.Table]:
    """Open at most `SAMPLES` records, evenly spread, and yield rows of the table ``samples``."""
    places = np.unique(np.linspace(0, len(listed) - 1, min(SAMPLES, len(listed))).astype(int))
    folder = Path() if root is None else external_root(machine.data_root, root)
    started = time.monotonic()
    with (
        ImageReader(folder, max_bytes=limits.image_bytes) as reader,
        ThreadPoolExecutor(machine.workers) as pool,
    ):
        look_at = build.inspector(values[f"{lane}.corpus"].root, reader, limits.image_px)
        for start in range(0, len(places), _AT_ONCE):
            if time.monotonic() - started > seconds:
                return
            chunk = [listed[place] for place in places[start : start + _AT_ONCE]]
            facts = list(pool.map(look_at, chunk))
            yield build.rows_of(lane, chunk, facts, n_before=start, tally=tally)


def _told(bad: pa.Table) -> str:
    first = bad.slice(0, 5)
    pairs = zip(first["uri"].to_pylist(), first["problem"].to_pylist(), strict=True)
    return ", ".join(f"{uri} ({problem})" for uri, problem in pairs)


def _crops(known: Lane, settings: Any) -> str:
    """Cut the crop of every usable sample looked at, as if all were attacked."""
    usable = known.usable
    if not usable.num_rows:
        raise DataError("no usable image was looked at, so no crop could be cut")
    roles = pa.repeat(pa.scalar(TARGET), len(usable))
    crops = known.crops = crop.find(usable.append_column("role", roles), settings)
    kept = crops.filter(crops["is_kept"])
    counts = pc.value_counts(crops["drop_reason"].drop_null()).to_pylist()
    reasons = ", ".join(f"{each['counts']} {each['values']}" for each in counts)
    crop.require_kept(crops, settings)
    area = (usable["width_px"].to_numpy() * usable["height_px"].to_numpy())[
        crops["is_kept"].to_numpy()
    ]
    sides = pc.multiply(pc.subtract(kept["x1"], kept["x0"]), pc.subtract(kept["y1"], kept["y0"]))
    share = float(np.median(sides.to_numpy() / area))
    dropped = f"; {reasons}" if reasons else ""
    return f"{len(kept)} of {len(crops)} crops kept, half of them above {share:.0%} of the image{dropped}"
