"""The scores of one role as arrays: one row per sample, one column per predictor."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int64

from dejavu.errors import ArtifactError
from dejavu.roles import ATTACKED, TARGET
from dejavu.tables import by_sample
from dejavu.tables.catalog import Catalog

Role = Literal["target", "control"]
_PAIR = """
    SELECT sample_id, role, target_correct, reference_correct, target_entropy, reference_entropy
    FROM image_scores
    WHERE target = $target AND reference = $reference
    ORDER BY sample_id
"""
_GROUPS = """
    SELECT sample_id, group_id FROM splits
    WHERE lane = 'image' AND role IN ('target', 'control')
    ORDER BY sample_id
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A target against a reference, as columns of a panel."""

    target: str
    reference: str
    target_column: int
    reference_column: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Who is right, and how sure, on every sample of one role; rows in sample_id order."""

    role: Role
    sample_id: Int64[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]  # duplicates share a group
    correct: Bool[np.ndarray, "n predictors"]
    entropy: Float64[np.ndarray, "predictors n"]  # nats; NaN: a guess came without one
    comparisons: tuple[Compared, ...]
    is_planted: Bool[np.ndarray, " n"] | None  # None: unknown, or nothing is planted

    @property
    def n(self) -> int:
        """Return the number of samples."""
        return len(self.sample_id)

    def memorized(self) -> Bool[np.ndarray, "n comparisons"]:
        """Return which samples the target gets right and the reference wrong, per comparison."""
        targets = [comparison.target_column for comparison in self.comparisons]
        references = [comparison.reference_column for comparison in self.comparisons]
        return self.correct[:, targets] & ~self.correct[:, references]

    def confidence(self, comparison: Compared) -> Float64[np.ndarray, " n"]:
        """Return the memorization confidence (paper, equation 3): reference − target entropy, nats."""
        difference = (
            self.entropy[comparison.reference_column] - self.entropy[comparison.target_column]
        )
        return np.round(difference, 9)  # as in the table of scores, so that ties are ties

    def is_ranked(self, comparison: Compared) -> bool:
        """Return whether it is known how sure both are; without it nothing can be ranked."""
        return not np.isnan(self.confidence(comparison)).any()


class _Columns:
    """Distinct predictor columns; what several targets share is kept once."""

    def __init__(self) -> None:
        self.correct: list[np.ndarray] = []
        self.entropy: list[np.ndarray] = []
        self._places: dict[tuple[str, str], list[int]] = {}

    def place(self, key: tuple[str, str], correct: np.ndarray, entropy: np.ndarray) -> int:
        for place in self._places.setdefault(key, []):
            same = np.array_equal(self.correct[place], correct)
            if same and np.array_equal(self.entropy[place], entropy, equal_nan=True):
                return place
        self.correct.append(correct)
        self.entropy.append(entropy)
        self._places[key].append(len(self.correct) - 1)
        return len(self.correct) - 1


def read_panels(
    catalog: Catalog, pairs: Sequence[tuple[str, str]], planted_ids: Int64[np.ndarray, " planted"]
) -> dict[Role, Panel]:
    """Read the scores of all (target, reference) pairs, one panel per role that has samples.

    Raises:
        ArtifactError: two pairs are scored on different samples.
    """
    columns = _Columns()
    comparisons: list[Compared] = []
    first: pa.Table | None = None
    for target, reference in pairs:
        rows = catalog.table(_PAIR, {"target": target, "reference": reference})
        if first is None:
            first = rows.select(["sample_id", "role"])
        elif not rows.select(["sample_id", "role"]).equals(first):
            raise ArtifactError(
                f"image_scores: {target!r} against {reference!r} is scored on other samples than "
                f"{pairs[0]}. Run `dvc repro` to score them again."
            )
        sides = {
            side: columns.place(
                (side, name), _numpy(rows, f"{side}_correct"), _numpy(rows, f"{side}_entropy")
            )
            for side, name in (("target", target), ("reference", reference))
        }
        comparisons.append(
            Compared(
                target=target,
                reference=reference,
                target_column=sides["target"],
                reference_column=sides["reference"],
            )
        )
    if first is None:
        raise ArtifactError("image_scores: no rows. Run `dvc repro` to score again.")
    groups = catalog.table(_GROUPS)
    place, _ = by_sample.positions(_numpy(groups, "sample_id"), _numpy(first, "sample_id"))
    first = first.append_column("group_id", groups["group_id"].take(pa.array(place)))
    return _split_by_role(columns, tuple(comparisons), first, planted_ids)


def _split_by_role(
    columns: _Columns,
    comparisons: tuple[Compared, ...],
    samples: pa.Table,
    planted_ids: Int64[np.ndarray, " planted"],
) -> dict[Role, Panel]:
    panels: dict[Role, Panel] = {}
    sample_id = _numpy(samples, "sample_id")
    for role in ATTACKED:
        rows = pc.equal(samples["role"], role).to_numpy()
        if not rows.any():
            continue
        planted = np.isin(sample_id[rows], planted_ids)
        panels[role] = Panel(
            role=role,
            sample_id=sample_id[rows],
            group=_numpy(samples, "group_id")[rows],
            correct=np.stack([column[rows] for column in columns.correct], axis=1),
            entropy=np.stack([column[rows] for column in columns.entropy]),
            comparisons=comparisons,
            is_planted=planted if role == TARGET and planted.any() else None,
        )
    return panels


def _numpy(rows: pa.Table, name: str) -> np.ndarray:
    return rows[name].to_numpy()
