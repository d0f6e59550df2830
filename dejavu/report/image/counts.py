"""Counts of samples that the image lane's scores are made of, as the queries in ``dejavu/sql`` find them."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class ScoreCounts:
    """Query ``image_score_counts``: who is right on the samples of one role."""

    target: str
    reference: str
    role: str
    n: int
    n_target_correct: int
    n_reference_correct: int
    n_memorized: int
    n_reference_only: int
    target_accuracy: float
    reference_accuracy: float
    dejavu_score: float
    memorized_share: float


@dataclasses.dataclass(frozen=True, slots=True)
class CountsAtPercent:
    """Query ``image_scores_at_percent``: who is right on the most confident p %; None: not known."""

    target: str
    reference: str
    role: str
    percent: int
    n_top: int
    n_target_correct: int | None
    n_reference_correct_own: int | None
    n_reference_correct_paired: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class DetectionCounts:
    """Query ``image_detection``: who passes the cut that few control samples exceed."""

    target: str
    reference: str
    percent: int
    n_target: int
    n_control: int
    cut: float | None  # nats; None: all may pass
    n_target_above: int
    n_control_above: int


@dataclasses.dataclass(frozen=True, slots=True)
class PlantedCounts:
    """Query ``image_planted``: memorization confidence of planted against other target samples."""

    target: str
    reference: str
    n_planted: int
    n_other: int
    n_planted_memorized: int
    n_other_memorized: int
    wins_doubled: int
    auroc: float
