"""What is measured of a target against a reference in the image lane, and how it enters results.json."""

import dataclasses
from collections.abc import Mapping

from dejavu.report.numbers import Estimate, Node


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MostConfident:
    """The déjà vu score on the most confident p % of samples."""

    own: Estimate  # each predictor on the samples that it is surest about
    paired: Estimate  # both on those that the target is surest about


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What exists in both roles, in shares; of an excess: target − control."""

    dejavu_score: Estimate
    memorized_share: Estimate
    target_accuracy: Estimate
    reference_accuracy: Estimate
    at: Mapping[int, MostConfident]  # by percent

    def node(self) -> Node:
        """Return the numbers by name."""
        found: Node = {}
        for name in ("dejavu_score", "memorized_share", "target_accuracy", "reference_accuracy"):
            found |= getattr(self, name).node(name)
        for percent, each in self.at.items():
            found |= each.own.node(f"dejavu_score_at_{percent}")
            found |= each.paired.node(f"at_{percent}_paired")
        return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """How well memorization confidence finds samples that were repeated in training."""

    auroc: Estimate
    n_planted: int
    n_other: int
    n_planted_memorized: int
    n_other_memorized: int

    def node(self) -> Node:
        """Return counts and area."""
        return self.auroc.node("planted_auroc") | self.counts()

    def counts(self) -> dict[str, int]:
        """Return the counts by the name of their column."""
        return {
            "n_planted": self.n_planted,
            "n_planted_other": self.n_other,
            "n_planted_memorized": self.n_planted_memorized,
            "n_other_memorized": self.n_other_memorized,
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoleScores:
    """One role: counts of samples, and the scores made of them."""

    n: int
    n_target_correct: int
    n_reference_correct: int
    n_memorized: int
    n_reference_only: int
    n_at: Mapping[int, int | None]  # by percent: how many samples p % are
    mcnemar_p: float
    scores: Scores
    planted: Planted | None  # None: nothing is planted, or the role is not the target

    def node(self) -> Node:
        """Return the role as in results.json."""
        found: Node = {
            name: getattr(self, name)
            for name in (
                "n", "n_target_correct", "n_reference_correct", "n_memorized", "n_reference_only",
                "mcnemar_p",
            )
        }  # fmt: skip
        found |= {f"n_at_{percent}": n for percent, n in self.n_at.items()}
        return found | self.scores.node() | (self.planted.node() if self.planted else {})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What passes the lowest cut that at most f % of control samples exceed."""

    memorized_share: Estimate
    control_share: Estimate
    estimated_precision: Estimate
    cut: Estimate  # nats

    def node(self, percent: int) -> Node:
        """Return the numbers by name."""
        found: Node = {}
        for name in ("memorized_share", "control_share", "estimated_precision", "cut"):
            found |= getattr(self, name).node(f"{name}_at_fpr_{percent}")
        return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExcessScores:
    """Target − control, two independent sets of samples."""

    n_target: int
    n_control: int
    scores: Scores
    estimated_precision: Estimate
    detection: Mapping[int, Detection]  # by percent of false positives
    p_one_sided: float | None  # of a score that is not above control's; None: too few groups

    def node(self) -> Node:
        """Return the excess as in results.json."""
        found: Node = {"n_target": self.n_target, "n_control": self.n_control}
        found["dejavu_score_p_one_sided"] = self.p_one_sided
        found |= self.scores.node() | self.estimated_precision.node("estimated_precision")
        for percent, each in self.detection.items():
            found |= each.node(percent)
        return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A target against a reference; without control samples there is no control, excess or bias of it."""

    target: RoleScores
    control: RoleScores | None
    excess: ExcessScores | None
    bias_oracle: (
        Estimate | None
    )  # score against this reference − against the oracle; None: not known

    def node(self) -> Node:
        """Return the comparison as in results.json."""
        bias: Node = {}
        found: Node = {"target": self.target.node(), "bias": bias}
        if self.control is not None:
            found["control"] = self.control.node()
            bias |= self.control.scores.dejavu_score.node("control")
        if self.excess is not None:
            found["excess"] = self.excess.node()
        if self.bias_oracle is not None:
            bias |= self.bias_oracle.node("oracle")
        return found


ImageResults = Mapping[str, Mapping[str, Comparison]]  # by target and reference


def unreported(results: ImageResults) -> list[str]:
    """Return why scores at p %, and shares above cuts, are not there."""
    found = [
        estimate
        for references in results.values()
        for each in references.values()
        for scores in (each.target.scores, each.excess and each.excess.scores)
        if scores
        for top in scores.at.values()
        for estimate in (top.own, top.paired)
    ] + [
        cut.memorized_share
        for references in results.values()
        for each in references.values()
        if each.excess
        for cut in each.excess.detection.values()
    ]
    return list(dict.fromkeys(each.reason for each in found if each.value is None and each.reason))


def image_node(results: ImageResults) -> Node:
    """Return ``image`` of results.json: ``<target>.<reference>`` with target, control, excess and bias."""
    return {
        target: {name: comparison.node() for name, comparison in references.items()}
        for target, references in results.items()
    }
