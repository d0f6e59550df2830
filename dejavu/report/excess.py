"""What both lanes report of an excess: records, and how they enter results.json."""

import dataclasses
from collections.abc import Mapping

from dejavu.report.crossover import Crossed
from dejavu.report.listed import ListCounts
from dejavu.report.measures import Measured
from dejavu.report.numbers import Node, rounded, significant
from dejavu.statistics.adjusted import MIN_GROUPS, Difference
from dejavu.statistics.control_differs import Gate, JointTest

_TOO_FEW_GROUPS = f"a role has fewer than {MIN_GROUPS} groups of duplicates"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """Target − control of one model at one setting; None where a role has too few groups."""

    adjusted: Difference | None  # right or wrong; caption lane: recall
    soft: Difference | None  # log odds of the votes; None in the caption lane, and without votes
    gap: Difference | None  # no covariate
    unadjusted: Mapping[str, Difference | None]  # by reference, subtracted with coefficient 1
    covariates: tuple[str, ...]
    with_second_model: Difference | None = None  # the second model among the covariates
    more: Mapping[str, Difference | None] = dataclasses.field(default_factory=dict)
    n_left_out: int | None = None  # caption lane: target samples that no control sample matches
    has_votes: bool = True
    crossover: Crossed | None = None
    roles_seen: tuple[str, ...] = ()  # by the model in training
    is_negative_control: bool = False  # the model saw target and control alike: it gets no verdict
    listing: ListCounts | None = None  # of memorized samples; None without votes
    measures: Mapping[str, Measured] = dataclasses.field(default_factory=dict)  # others, by name


def excess_node(found: Excess) -> Node:
    """Return the numbers of one model, in shares (soft: nats)."""
    node: Node = {
        "adjusted": difference_node(found.adjusted),
        "gap": difference_node(found.gap),
        "excess_unadjusted": {
            name: difference_node(each) for name, each in sorted(found.unadjusted.items())
        },
        "covariates": list(found.covariates),
    }
    if found.soft is not None or not found.has_votes:
        reason = _TOO_FEW_GROUPS if found.has_votes else "guesses came without votes"
        node["adjusted_soft"] = difference_node(found.soft, reason)
    if found.with_second_model is not None:
        node["adjusted_with_second_model"] = difference_node(found.with_second_model)
    node |= {name: difference_node(each) for name, each in found.more.items()}
    if found.listing is not None:
        node["list"] = found.listing.node()
    node["roles_seen"] = list(found.roles_seen)
    node["is_negative_control"] = found.is_negative_control
    if (crossed := found.crossover) is not None:
        reason = crossed.reason or _TOO_FEW_GROUPS
        node["crossover"] = difference_node(crossed.hard, reason)
        if found.soft is not None:
            node["crossover_soft"] = difference_node(crossed.soft, reason)
        node |= {name: difference_node(each, reason) for name, each in crossed.more.items()}
    if found.n_left_out is not None:
        node["n_unmatched"] = found.n_left_out
    if found.measures:
        node["measures"] = {name: _measure_node(each) for name, each in found.measures.items()}
    return node


def _measure_node(found: Measured) -> Node:
    """Return one measure, in its own unit; members found at few false positives in shares."""
    node: Node = {
        "unit": found.unit,
        "measure_mean_target": rounded(found.mean_target),
        "measure_mean_control": rounded(found.mean_control),
        "measure_adjusted": difference_node(found.adjusted),
        "measure_gap": difference_node(found.gap),
    }
    for percent, each in found.found.items():
        node |= each.node(f"tpr_at_fpr_{percent:g}")
    return node


def difference_node(found: Difference | None, reason: str = _TOO_FEW_GROUPS) -> Node:
    """Return value, 95 % interval, standard error, one-sided p-value and sizes; or why there is none."""
    if found is None:
        return {"value": None, "reason": reason}
    return {
        "value": rounded(found.value),
        "ci95": [rounded(bound) for bound in found.interval()],
        "se": rounded(found.se),
        "p_one_sided": significant(found.p_greater),
        "n_target": found.n_target,
        "n_control": found.n_control,
    }


def gate_node(gate: Gate) -> Node:
    """Return what the gate measured, and whether it is closed."""
    blind = gate.blind
    return {
        "is_closed": gate.is_closed,
        "reasons": list(gate.reasons),
        "joint_test": _joint_node(gate.joint),
        "joint_test_outside": _joint_node(gate.joint_outside),
        "blind_baseline": None
        if blind is None
        else {
            "auroc": rounded(blind.auroc),
            "auroc_ci95": [rounded(blind.low), rounded(blind.high)],
            "looked_at": list(gate.looked_at),
            "left_out": dict(gate.left_out),
            "n_target": blind.n_target,
            "n_control": blind.n_control,
        },
        "uncovered_share": None if gate.uncovered_share is None else rounded(gate.uncovered_share),
    }


def _joint_node(found: JointTest | None) -> Node | None:
    """Return a joint test; None where nothing varies."""
    if found is None:
        return None
    return {
        "hotelling_t2": rounded(found.statistic),
        "p": significant(found.p_value),
        "n_target": found.n_target,
        "n_control": found.n_control,
    }
