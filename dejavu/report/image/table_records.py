"""Rows of the image lane's tables, as the queries in ``dejavu/sql`` find them."""

import dataclasses
from collections.abc import Sequence

from dejavu.report import paper
from dejavu.report.numbers import Estimate, Line, line, shared
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import Record, rows_as


class _Share:
    """A row about a share of samples, which is written with its interval."""

    __slots__ = ()

    @property
    def share(self) -> Estimate:
        """Return the share with its interval."""
        raise NotImplementedError

    def line(self) -> Line:
        """Return the row as it is written."""
        return line(self) | self.share.bounds()


@dataclasses.dataclass(frozen=True, slots=True)
class Accuracy(_Share):
    """Query ``image_accuracy``: how often a predictor guesses the hidden label (paper, Figure 2a)."""

    predictor: str
    role: str
    is_target: bool
    n: int
    n_correct: int
    accuracy: float
    n_labels: int

    @property
    def share(self) -> Estimate:
        """Return the accuracy with its interval."""
        return shared(self.accuracy, self.n_correct, self.n)


@dataclasses.dataclass(frozen=True, slots=True)
class LabelAccuracy(_Share):
    """Query ``image_correlations_by_class``: a label that a reference often guesses right (Figure 2b)."""

    reference: str
    place: int
    label_id: int
    label: str
    n: int
    n_correct: int
    accuracy: float

    @property
    def share(self) -> Estimate:
        """Return the accuracy with its interval."""
        return shared(self.accuracy, self.n_correct, self.n)


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement(_Share):
    """Query ``image_agreement``: on which samples two references are both right (paper, Figure 3a)."""

    first: str
    second: str
    n: int
    n_both_right: int
    n_either_right: int
    n_agree: int
    overlap: float | None  # None: neither is ever right
    agreement: float

    @property
    def share(self) -> Estimate:
        """Return the overlap with its interval."""
        return shared(self.overlap, self.n_both_right, self.n_either_right)


@dataclasses.dataclass(frozen=True, slots=True)
class Intersection:
    """Query ``image_intersection``: what a reference recovers of the two-model tests (paper, Table 1)."""

    reference: str
    scope: str
    n_intersection: int
    n_recovered: int
    share: float

    @property
    def recovered(self) -> Estimate:
        """Return the share with its interval."""
        return shared(self.share, self.n_recovered, self.n_intersection)

    @property
    def paper(self) -> float | None:
        """Return the paper's share; None where it gives none."""
        return paper.TABLE_1.get(self.reference, {}).get(self.scope)

    def line(self) -> Line:
        """Return the row as it is written."""
        return line(self) | self.recovered.bounds() | {"paper": self.paper}


@dataclasses.dataclass(frozen=True, slots=True)
class MostMemorized:
    """Query ``image_most_memorized``: a sample of high memorization confidence."""

    target: str
    reference: str
    place: int
    sample_id: int
    sample_name: str
    label: str
    memorization_confidence: float | None  # nats
    target_entropy: float | None  # nats
    reference_entropy: float | None  # nats
    is_planted: bool | None


@dataclasses.dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Query ``image_confidence``: samples of like memorization confidence (paper, Figure 7)."""

    target: str
    reference: str
    role: str
    low: float  # nats
    high: float  # nats
    n: int
    n_memorized: int


@dataclasses.dataclass(frozen=True, slots=True)
class TiedCounts:
    """Query ``tied_votes``: votes of one search that the rule for ties decides."""

    model: str
    layer: str
    metric: str
    role: str
    n: int
    n_tied: int
    share_tied: float


@dataclasses.dataclass(frozen=True, slots=True)
class TiedVotes:
    """Tied votes of one predictor under audit."""

    target: str
    counts: TiedCounts

    @property
    def share(self) -> Estimate:
        """Return the share of votes that tie with its interval."""
        return shared(self.counts.share_tied, self.counts.n_tied, self.counts.n)

    def line(self) -> Line:
        """Return the row as it is written."""
        return {"target": self.target} | line(self.counts) | self.share.bounds()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageTables:
    """What the image lane knows beside the scores: of references, votes and single samples."""

    accuracy: tuple[Accuracy, ...]
    by_label: tuple[LabelAccuracy, ...]
    agreement: tuple[Agreement, ...]
    intersection: tuple[Intersection, ...]
    most_memorized: tuple[MostMemorized, ...]
    confidence: tuple[ConfidenceBin, ...]
    tied_votes: tuple[TiedVotes, ...]


def read(catalog: Catalog, tied: Sequence[TiedVotes]) -> ImageTables:
    """Return the tables of the image lane.

    Args:
        catalog: the views of a report, with the tables of its settings.
        tied: tied votes, which need views of their own.
    """

    def rows(record: type[Record], query: str) -> tuple[Record, ...]:
        return tuple(rows_as(record, catalog.table(queries.text(query))))

    return ImageTables(
        accuracy=rows(Accuracy, "image_accuracy"),
        by_label=rows(LabelAccuracy, "image_correlations_by_class"),
        agreement=rows(Agreement, "image_agreement"),
        intersection=rows(Intersection, "image_intersection"),
        most_memorized=rows(MostMemorized, "image_most_memorized"),
        confidence=rows(ConfidenceBin, "image_confidence"),
        tied_votes=tuple(tied),
    )
