"""Counts of samples that the caption lane's gaps are made of, as the queries in ``dejavu/sql`` find them."""

import dataclasses

from dejavu.report.caption.records import Setting
from dejavu.tables.records import fields_of


@dataclasses.dataclass(frozen=True, slots=True)
class AtSetting:
    """What rows about one comparison at one setting begin with."""

    target: str
    reference: str
    mode: str
    k: int
    top: int | None

    @property
    def setting(self) -> Setting:
        """Return how captions are searched and what counts."""
        return Setting(self.mode, self.k, self.top)


@dataclasses.dataclass(frozen=True, slots=True)
class GapCell(AtSetting):
    """Query ``caption_gap_cells``: samples of one comparison, setting and role that count alike."""

    role: str
    precision_sign: int
    hit_gap: int
    n_objects: int
    group_id: int | None  # None: each sample is a group of its own
    n: int


@dataclasses.dataclass(frozen=True, slots=True)
class GapCounts(AtSetting):
    """Query ``caption_score_counts``: signs of the gaps and mean recalls of one comparison, setting, role."""

    role: str
    n: int
    n_precision_higher: int
    n_precision_lower: int
    n_recall_higher: int
    n_recall_lower: int
    n_target_undefined: int
    n_reference_undefined: int
    ppg: float
    prg: float
    mean_target_recall: float
    mean_reference_recall: float


@dataclasses.dataclass(frozen=True, slots=True)
class AgreementPair:
    """Two references on the samples of one role, each at its own setting."""

    target: str
    mode: str
    first: str
    second: str
    first_k: int
    second_k: int
    first_top: int | None
    second_top: int | None
    role: str


@dataclasses.dataclass(frozen=True, slots=True)
class AgreementCell(AgreementPair):
    """Query ``caption_agreement_cells``: samples of which a pair of references find as much."""

    first_hits: int
    second_hits: int
    common_hits: int
    group_id: int | None  # None: each sample is a group of its own
    n: int

    @property
    def pair(self) -> AgreementPair:
        """Return what is compared."""
        return AgreementPair(*(getattr(self, name) for name in fields_of(AgreementPair)))
