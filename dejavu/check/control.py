"""Before a run: do the target and the control samples that people bring differ in what no model knows?

Roles that are drawn are alike by construction, so this looks only at roles that are given. The run tests
again, on all samples and with what the references know; a difference that shows here costs no training.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.check import rehearsal
from dejavu.check.findings import Untried
from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.mean_color import color_columns, mean_colors
from dejavu.corpora.records import Record
from dejavu.corpora.roots import external_root
from dejavu.corpora.tallies import Tally
from dejavu.errors import DataError
from dejavu.params.machine import MachineParams
from dejavu.roles import ATTACKED, PUBLIC, TARGET
from dejavu.statistics.control_differs import Known, blind_baseline, gate, joint_test
from dejavu.statistics.covariates import Covariates, covariates

MIN_SAMPLES = 50  # per role; fewer tell nothing
MAX_SAMPLES = 1_000  # opened per role, evenly spread over its listing
_PURPOSE = "check.control_differs"


def look(
    lane: str,
    values: Mapping[str, Any],
    listed: Sequence[Record],
    given: np.ndarray,
    *,
    root: str | None,
    machine: MachineParams,
    seconds: float,
) -> str:
    """Open samples of both attacked roles and try to tell them apart without any model.

    Args:
        lane: ``image`` or ``caption``.
        values: sections by name.
        listed: the samples of the corpus.
        given: the role of each; None where it is drawn.
        root: of the corpus.
        machine: where corpora lie, and how many threads open images.
        seconds: that it may take; images are opened twice, the second time for their colors.

    Raises:
        DataError: the gate of docs/method.md is closed: any excess would be called "control differs".
        Untried: too few samples have given roles.
    """
    places = [_spread(np.flatnonzero(given == role)) for role in ATTACKED]
    if min(len(found) for found in places) < MIN_SAMPLES:
        raise Untried(
            f"fewer than {MIN_SAMPLES} samples are given the role target, or control: only the run will tell"
        )
    rows, is_target = [], []
    share = _uncovered(listed, given, places)
    for role, found in zip(ATTACKED, places, strict=True):
        table = pa.concat_tables(
            rehearsal.inspected(
                lane, values, [listed[place] for place in found], values["limits"], Tally(), root, machine,
                seconds / (2 * len(ATTACKED)),
            )
        )  # fmt: skip
        usable = table.filter(pc.is_null(table["problem"]))
        rows.append(usable)
        is_target.append(np.full(usable.num_rows, role == TARGET))
    both = pa.concat_tables(rows)
    known = _outside(both, _colors(both, root, machine, values["limits"].image_bytes))
    return _judged(known, np.concatenate(is_target), values.get("seed", 0), lane, share)


def _colors(
    rows: pa.Table, root: str | None, machine: MachineParams, max_bytes: int
) -> Mapping[str, np.ndarray]:
    """Return mean colors as columns; none where no image lies outside the corpus, or can be read."""
    if root is None or rows["uri"].null_count:
        return {}
    with ImageReader(external_root(machine.data_root, root), max_bytes=max_bytes) as reader:
        colors = color_columns(mean_colors(reader, rows["uri"].to_pylist()))
    return {} if isinstance(colors, str) else colors


def _uncovered(
    listed: Sequence[Record], given: np.ndarray, places: Sequence[np.ndarray]
) -> float | None:
    """Return the share of attacked samples with a label that no public sample has; None: not known."""
    bank = {listed[int(place)].label_id for place in np.flatnonzero(given == PUBLIC)}
    labels = [listed[int(place)].label_id for found in places for place in found]
    if not bank or None in bank or None in labels:
        return None
    return float(np.mean([label not in bank for label in labels]))


def _judged(
    known: Covariates, is_target: np.ndarray, seed: int, lane: str, uncovered_share: float | None
) -> str:
    both = Known(x=known.x, is_target=is_target, group=np.arange(len(is_target)))
    found = gate(
        joint_test(both, seed=seed, purpose=_PURPOSE),
        blind_baseline(both, seed=seed, purpose=_PURPOSE),
        uncovered_share=uncovered_share,
    )
    if found.is_closed:
        raise DataError(
            f"{'; '.join(found.reasons)}. Such a control set makes every verdict read 'control differs': "
            "take control from the source that target is from (same years, same processing), or leave "
            f"{lane}.split.roles_from null."
        )
    if found.reasons:
        return f"to be warned of: {'; '.join(found.reasons)}"
    n_target = int(is_target.sum())
    n_control = len(is_target) - n_target
    return f"{n_target} target and {n_control} control samples cannot be told apart without a model"


def _spread(places: np.ndarray) -> np.ndarray:
    if len(places) <= MAX_SAMPLES:
        return places
    return places[np.unique(np.linspace(0, len(places) - 1, MAX_SAMPLES).astype(np.int64))]


def _outside(rows: pa.Table, colors: Mapping[str, np.ndarray]) -> Covariates:
    """Return what is known of samples outside any model: bytes, size, color, caption length, label."""
    columns = {
        f"ln {name}": np.log(rows[name].to_numpy().astype(np.float64))
        for name in ("n_bytes", "width_px", "height_px")
        if not rows[name].null_count
    }
    if not rows["caption"].null_count:
        lengths = pc.utf8_length(rows["caption"]).to_numpy()
        columns["ln caption"] = np.log(lengths.astype(np.float64) + 1)
    columns |= colors
    labels = np.zeros(rows.num_rows, dtype=np.int64)
    if not rows["label_id"].null_count:
        labels = rows["label_id"].to_numpy().astype(np.int64)
    return covariates(columns, {"label": labels})
