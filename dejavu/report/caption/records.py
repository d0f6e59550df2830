"""What is measured of a target against a reference in the caption lane, and how it enters results.json."""

import dataclasses
from collections.abc import Iterator, Mapping

from dejavu.params.report import CaptionHeadline
from dejavu.report.numbers import NOTHING, Estimate, Line, Node
from dejavu.roles import SECOND_MODEL


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Setting:
    """How a caption is searched and what counts of what is found."""

    mode: str
    k: int
    top: int | None  # None: all objects

    @property
    def top_text(self) -> str:
        """Return ``top`` as it is written in tables."""
        return "all" if self.top is None else str(self.top)

    @classmethod
    def of(cls, headline: CaptionHeadline) -> "Setting":
        """Return what the lane opens with."""
        return cls(headline.mode, headline.k, headline.n_top)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """PPG, PRG and AUCG (paper, equation 4), each in [-1, 1]; of an excess: target − control."""

    ppg: Estimate
    prg: Estimate
    aucg: Estimate

    def by_name(self) -> dict[str, Estimate]:
        """Return the gaps by their name."""
        return {"ppg": self.ppg, "prg": self.prg, "aucg": self.aucg}

    def node(self) -> Node:
        """Return the gaps as in results.json."""
        found: Node = {}
        for name, each in self.by_name().items():
            found |= each.node(name)
        return found

    def cells(self, prefix: str = "") -> Line:
        """Return columns of a table."""
        found: Line = {}
        for name, each in self.by_name().items():
            found |= each.cells(f"{prefix}{name}")
        return found


NO_GAPS = Gaps(ppg=NOTHING, prg=NOTHING, aucg=NOTHING)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoleGaps:
    """One role: counts of samples, mean recalls, gaps, and exact sign tests."""

    n: int
    n_precision_higher: int
    n_precision_lower: int
    n_recall_higher: int
    n_recall_lower: int
    n_target_undefined: int
    n_reference_undefined: int
    target_recall: float  # mean over samples, in [0, 1]; their difference is AUCG
    reference_recall: float
    ppg_sign_p: float
    prg_sign_p: float
    gaps: Gaps

    def node(self) -> Node:
        """Return the role as in results.json."""
        names = (field.name for field in dataclasses.fields(self) if field.name != "gaps")
        return {name: getattr(self, name) for name in names} | self.gaps.node()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExcessGaps:
    """Target − control, two independent sets of samples."""

    n_target: int
    n_control: int
    gaps: Gaps
    p_one_sided: Mapping[str, float | None]  # of "not above 0"; None: too few groups

    def node(self) -> Node:
        """Return the excess as in results.json."""
        found: Node = {"n_target": self.n_target, "n_control": self.n_control}
        found |= {f"{name}_p_one_sided": p for name, p in self.p_one_sided.items()}
        return found | self.gaps.node()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A target against a reference at one setting; a role without samples is None."""

    target: RoleGaps | None
    control: RoleGaps | None
    excess: ExcessGaps | None  # needs both roles
    bias_oracle: Gaps | None  # gaps against this reference − against the oracle; None: not known

    def node(self) -> Node:
        """Return the comparison as in results.json."""
        bias: Node = {}
        found: Node = {"bias": bias}
        if self.target is not None:
            found["target"] = self.target.node()
        if self.control is not None:
            found["control"] = self.control.node()
            bias["control"] = self.control.gaps.node()
        if self.excess is not None:
            found["excess"] = self.excess.node()
        if self.bias_oracle is not None:
            bias["oracle"] = self.bias_oracle.node()
        return found


CaptionResults = Mapping[str, Mapping[str, Mapping[Setting, Comparison]]]  # by target, reference


def every(results: CaptionResults) -> Iterator[tuple[str, str, Setting, Comparison]]:
    """Yield every comparison with its target, reference and setting."""
    for target, references in results.items():
        for reference, by_setting in references.items():
            for setting, comparison in by_setting.items():
                yield target, reference, setting, comparison


def two_model_gaps(
    references: Mapping[str, Mapping[Setting, Comparison]], at: Setting
) -> Gaps | None:
    """Return the gaps against the second model on target samples; None where there are none."""
    found = references.get(SECOND_MODEL, {}).get(at)
    return None if found is None or found.target is None else found.target.gaps


def caption_node(results: CaptionResults) -> Node:
    """Return ``caption`` of results.json: ``<target>.<reference>.<mode>.k=<k>.top=<top>``."""
    return {
        target: {reference: _by_setting(found) for reference, found in references.items()}
        for target, references in results.items()
    }


def _by_setting(found: Mapping[Setting, Comparison]) -> Node:
    nested: dict[str, dict[str, Node]] = {}
    for at, comparison in found.items():
        by_top = nested.setdefault(at.mode, {}).setdefault(f"k={at.k}", {})
        by_top[f"top={at.top_text}"] = comparison.node()
    return dict(nested)
