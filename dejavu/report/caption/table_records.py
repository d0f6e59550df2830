"""Rows of the caption lane's tables: what queries find, and what stands beside the paper's numbers."""

import dataclasses
from collections.abc import Mapping

from dejavu.report import paper
from dejavu.report.caption.counts import AgreementPair, AtSetting
from dejavu.report.caption.records import Gaps, Setting
from dejavu.report.numbers import Estimate, Line, line
from dejavu.statistics import intervals


@dataclasses.dataclass(frozen=True, slots=True)
class TopL(AtSetting):
    """Query ``caption_top_l``: gaps of the first L samples, most memorized first (paper, Figure 9)."""

    role: str
    length: int  # L
    precision_gap: float
    precision_gap_low: float | None
    precision_gap_high: float | None
    recall_gap: float
    recall_gap_low: float | None
    recall_gap_high: float | None
    f_gap: float
    f_gap_low: float | None
    f_gap_high: float | None

    def gaps(self) -> dict[str, Estimate]:
        """Return precision, recall and F gap with their intervals, by name."""
        return {
            name: Estimate(value=value, low=low, high=high)
            for name, value, low, high in (
                ("precision", self.precision_gap, self.precision_gap_low, self.precision_gap_high),
                ("recall", self.recall_gap, self.recall_gap_low, self.recall_gap_high),
                ("F", self.f_gap, self.f_gap_low, self.f_gap_high),
            )
        }


@dataclasses.dataclass(frozen=True, slots=True)
class PlantedGap(AtSetting):
    """Query ``caption_planted``: how well the recall gap finds samples that were repeated in training."""

    n_planted: int
    n_other: int
    auroc: float

    @property
    def area(self) -> Estimate:
        """Return the area with Newcombe's interval."""
        low, high = intervals.auroc_small(self.auroc, self.n_planted, self.n_other)
        return Estimate(value=self.auroc, low=low, high=high)

    def line(self) -> Line:
        """Return the row as it is written."""
        return line(self) | self.area.cells("auroc")


@dataclasses.dataclass(frozen=True, slots=True)
class RoleMeans(AtSetting):
    """Query ``caption_exchangeability``: what no model was trained on, on the samples of one role."""

    role: str
    n: int
    mean_objects: float
    mean_precision: float | None
    mean_recall: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class MostMemorized:
    """Query ``caption_most_memorized``: a sample of which the target brings back the most."""

    target: str
    reference: str
    mode: str
    k: int
    place: int
    sample_id: int
    sample_name: str
    caption: str | None
    n_objects: int
    target_hits: int
    target_predicted: int
    reference_hits: int
    reference_predicted: int


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """How alike the objects are that two references predict correctly (paper, Figure 4)."""

    pair: AgreementPair
    n: int
    jaccard: Estimate

    @property
    def paper(self) -> float | None:
        """Return the paper's similarity; None where it gives none."""
        pair = self.pair
        return paper.agreement(
            (pair.first, pair.second), pair.mode,
            k=(pair.first_k, pair.second_k), top=(pair.first_top, pair.second_top),
        )  # fmt: skip

    def line(self) -> Line:
        """Return the row as it is written."""
        tops = {
            "first_top": self.pair.first_top or "all",
            "second_top": self.pair.second_top or "all",
        }
        numbers: Line = {"n": self.n, "jaccard": self.jaccard.value}
        return line(self.pair) | tops | numbers | self.jaccard.bounds() | {"paper": self.paper}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BesidePaper:
    """Gaps on target samples at a setting of Tables 2 to 5, and the paper's."""

    target: str
    reference: str
    setting: Setting
    n: int
    gaps: Gaps
    excess: Gaps
    paper: Mapping[int, paper.Pair]  # by number of the table


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionTables:
    """What the caption lane knows beside the gaps: of references, and of single samples."""

    by_neighbors: tuple[BesidePaper, ...]  # Tables 2 and 4
    by_objects: tuple[BesidePaper, ...]  # Tables 3 and 5
    agreement: tuple[Agreement, ...]
    top_l: tuple[TopL, ...]
    planted: tuple[PlantedGap, ...]
    alike: tuple[RoleMeans, ...]
    most_memorized: tuple[MostMemorized, ...]
