"""Tables about the references themselves, on target samples: accuracy by label, agreement, intersection.

Counts come from the queries; the intervals from one set of resamples of the target samples.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int32

from dejavu.report import paper
from dejavu.statistics import resampling
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

Rows = list[dict[str, Any]]
_ANSWERS = """
    SELECT label_id, is_correct FROM predictions
    WHERE predictor = $predictor AND role = 'target'
    ORDER BY sample_id
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTables:
    """Rows of the three tables, each with ``low`` and ``high``."""

    by_class: Rows
    agreement: Rows
    intersection: Rows


@dataclasses.dataclass(frozen=True, slots=True)
class _Answers:
    """Who is right on each target sample, in sample_id order."""

    places: dict[str, int]  # column of each predictor
    correct: Bool[np.ndarray, "n predictors"]
    label_id: Int32[np.ndarray, " n"]


def reference_tables(
    catalog: Catalog,
    *,
    seconds: Sequence[str],
    n_resamples: int,
    generator: np.random.Generator,
) -> ReferenceTables:
    """Return the tables of Figures 2b and 3a and Table 1 of the paper.

    Args:
        catalog: views ``predictions``, ``labels`` and ``targets``.
        seconds: predictors of the headline second models.
        n_resamples: B.
        generator: source of the resamples.
    """
    tables = ReferenceTables(
        by_class=catalog.rows(queries.text("image_correlations_by_class")),
        agreement=catalog.rows(queries.text("image_agreement")),
        intersection=catalog.rows(queries.text("image_intersection")),
    )
    names = {row["reference"] for row in tables.by_class} | set(seconds)
    answers = _read(catalog, sorted(names))
    if answers is None:
        return tables
    columns = _Columns(answers, tables, seconds)
    tally = resampling.Tally(columns.tallied)
    drawn = np.empty((n_resamples, len(columns.ratios)))
    for place, counts in resampling.count_blocks(len(answers.label_id), n_resamples, generator):
        drawn[place] = columns.values(tally.of(counts))
    for row, values in zip(columns.rows, drawn.T, strict=True):
        bounds = resampling.interval(values) or (None, None)
        row["low"], row["high"] = bounds
    for row in tables.intersection:
        row["paper"] = paper.TABLE_1.get(row["reference"], {}).get(row["scope"])
    return tables


def _read(catalog: Catalog, names: Sequence[str]) -> _Answers | None:
    if not names:
        return None
    parts = [catalog.table(_ANSWERS, {"predictor": name}) for name in names]
    return _Answers(
        {name: column for column, name in enumerate(names)},
        np.stack([part["is_correct"].to_numpy() for part in parts], axis=1),
        parts[0]["label_id"].to_numpy(),
    )


class _Columns:
    """Every reported share as a ratio of two counts: cells of one matrix of indicator columns."""

    def __init__(self, answers: _Answers, tables: ReferenceTables, seconds: Sequence[str]) -> None:
        self.rows: Rows = []
        self.ratios: list[tuple[int, int]] = []  # columns: numerator, denominator
        self.tallied: list[Bool[np.ndarray, " n"]] = []
        self._places: dict[tuple[str, ...], int] = {}
        for row in tables.by_class:
            label, right = (
                answers.label_id == row["label_id"],
                self._right(answers, row["reference"]),
            )
            key = str(row["label_id"])
            denominator = self._place(("label", key), label)
            self._add(
                row, self._place(("right", row["reference"], key), label & right), denominator
            )
        for row in tables.agreement:
            first, second = (self._right(answers, row[side]) for side in ("first", "second"))
            pair = (row["first"], row["second"])
            either = self._place(("either", *pair), first | second)
            self._add(row, self._place(("both", *pair), first & second), either)
        hits = answers.correct[:, [answers.places[name] for name in seconds]].all(axis=1)
        ranked = _labels_by_hits(answers.label_id[hits])
        for row in tables.intersection:
            scope = row["scope"]
            n_labels = len(ranked) if scope == "all" else int(scope.removeprefix("top-"))
            within = hits & np.isin(answers.label_id, ranked[:n_labels])
            right = self._right(answers, row["reference"])
            denominator = self._place(("within", scope), within)
            recovered = self._place(("recovered", row["reference"], scope), within & right)
            self._add(row, recovered, denominator)

    def values(
        self, sums: Float64[np.ndarray, "block columns"]
    ) -> Float64[np.ndarray, "block ratios"]:
        """Return every ratio in each resample; NaN where nothing is counted below the line."""
        above, below = (sums[:, [ratio[side] for ratio in self.ratios]] for side in (0, 1))
        return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)

    def _right(self, answers: _Answers, predictor: str) -> Bool[np.ndarray, " n"]:
        return answers.correct[:, answers.places[predictor]]

    def _place(self, key: tuple[str, ...], column: Bool[np.ndarray, " n"]) -> int:
        if key not in self._places:
            self._places[key] = len(self.tallied)
            self.tallied.append(column)
        return self._places[key]

    def _add(self, row: dict[str, Any], numerator: int, denominator: int) -> None:
        self.rows.append(row)
        self.ratios.append((numerator, denominator))


def _labels_by_hits(label_id: Int32[np.ndarray, " hits"]) -> Int32[np.ndarray, " labels"]:
    """Return labels by number of hits, descending; ties: the smaller label."""
    labels, counts = np.unique(label_id, return_counts=True)
    return labels[np.argsort(-counts, kind="stable")]
