"""results.json, image lane: every score with n and interval, by target, reference and role.

Point values come from whole counts made by the queries in ``dejavu/sql``; intervals from resamples.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from dejavu.report.image.bootstrap import Resampled, resample
from dejavu.report.image.score_arrays import Panel, Role, read_panels
from dejavu.report.numbers import Node, put, significant
from dejavu.report.settings import ImageSettings
from dejavu.run import seeds
from dejavu.statistics.exact_tests import mcnemar_p
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

ORACLE = "oracle"
_NO_ENTROPY = "guesses came without an entropy: nobody knows which are the surest"
Key = tuple[str, ...]
Counts = dict[str, Any]
Count = int | float  # NaN: not known
_PLANTED_IDS = "SELECT sample_id FROM samples WHERE lane = 'image' AND truth.is_planted ORDER BY 1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """Counts by key and resampled statistics: all that results are made of."""

    settings: ImageSettings
    counts: Mapping[Key, Counts]  # target, reference, role
    at_percent: Mapping[Key, Counts]  # target, reference, role, percent
    detection: Mapping[Key, Counts]  # target, reference, percent
    planted: Mapping[Key, Counts]  # target, reference
    panels: Mapping[Role, Panel]
    resampled: Mapping[Role, Resampled]


def image_results(catalog: Catalog, settings: ImageSettings) -> Node:
    """Return ``image.<target>.<reference>`` with ``target``, ``control``, ``excess`` and ``bias``.

    - ``target``, ``control``: scores of one role (paper, section 3): ``dejavu_score`` = accuracy of the
      target − accuracy of the reference, overall and at p %, ``memorized_share`` (Definition 1), exact
      McNemar p, and for planted samples the AUROC of memorization confidence.
    - ``excess``: score of target − score of control, two independent sets of samples; with the
      estimated precision of the list of memorized samples, and detection at few false positives.
    - ``bias``: the control's score, and the score against the reference − the score against the oracle.

    Without control samples there is no ``control``, ``excess`` or ``bias.control``.
    """
    evidence = _gather(catalog, settings)
    panel = evidence.panels["target"]
    results: Node = {}
    for column, comparison in enumerate(panel.comparisons):
        pair = (comparison.target, comparison.reference)
        nodes: Node = {role: _role_node(evidence, pair, column, role) for role in evidence.panels}
        if "control" in evidence.panels:
            nodes["excess"] = _excess_node(evidence, pair, column)
        nodes["bias"] = _bias_node(evidence, pair, column)
        results.setdefault(comparison.target, {})[comparison.reference] = nodes
    return results


def _gather(catalog: Catalog, settings: ImageSettings) -> _Evidence:
    counts = _by_key(catalog, "image_score_counts", "target", "reference", "role")
    pairs = sorted({key[:2] for key in counts})
    planted = catalog.table(_PLANTED_IDS)["sample_id"].to_numpy()
    panels = read_panels(catalog, [(target, reference) for target, reference in pairs], planted)
    return _Evidence(
        settings=settings,
        counts=counts,
        at_percent=_by_key(
            catalog, "image_scores_at_percent", "target", "reference", "role", "percent"
        ),
        detection=_by_key(catalog, "image_detection", "target", "reference", "percent"),
        planted=_by_key(catalog, "image_planted", "target", "reference"),
        panels=panels,
        resampled=_resampled(panels, settings),
    )


def _by_key(catalog: Catalog, query: str, *keys: str) -> dict[Key, Counts]:
    rows = catalog.rows(queries.text(query))
    return {tuple(str(row[key]) for key in keys): row for row in rows}


def _resampled(panels: Mapping[Role, Panel], settings: ImageSettings) -> dict[Role, Resampled]:
    """Resample control first: the cuts found on it decide who passes in the target role."""
    found: dict[Role, Resampled] = {}
    roles: tuple[Role, ...] = ("control", "target")
    for role in roles:
        if role not in panels:
            continue
        found[role] = resample(
            panels[role],
            at_percent=settings.score.at_percent,
            n_resamples=settings.report.resamples,
            generator=seeds.generator(settings.seed, f"report.bootstrap.image.{role}"),
            cuts=found["control"].cut if role == "target" and "control" in found else None,
            false_positive_percent=settings.report.false_positive_percent
            if role == "control"
            else (),
        )
    return found


Statistics = dict[str, tuple[float, Float64[np.ndarray, " resamples"]]]


def _statistics(evidence: _Evidence, pair: tuple[str, str], column: int, role: Role) -> Statistics:
    """Return the statistics that exist in both roles: value on the samples, values per resample."""
    comparison = evidence.panels[role].comparisons[column]
    drawn = evidence.resampled[role]
    row = evidence.counts[(*pair, role)]
    right, reference_right = row["n_target_correct"], row["n_reference_correct"]
    i, j = comparison.target_column, comparison.reference_column
    accuracy = drawn.accuracy
    found: Statistics = {
        "dejavu_score": ((right - reference_right) / row["n"], accuracy[:, i] - accuracy[:, j]),
        "memorized_share": (row["n_memorized"] / row["n"], drawn.memorized[:, column]),
        "target_accuracy": (right / row["n"], accuracy[:, i]),
        "reference_accuracy": (reference_right / row["n"], accuracy[:, j]),
    }
    for percent in evidence.settings.score.at_percent:
        n_top, hits, own, paired = _top(evidence.at_percent.get((*pair, role, str(percent))))
        mine = drawn.top_own[percent][:, i]
        found |= {
            f"dejavu_score_at_{percent}": (
                (hits - own) / n_top, mine - drawn.top_own[percent][:, j],
            ),
            f"at_{percent}_paired": (
                (hits - paired) / n_top, mine - drawn.top_paired[percent][:, column],
            ),
        }  # fmt: skip
    return found


def _top(counts: Counts | None) -> tuple[Count, Count, Count, Count]:
    """Return how many samples p % are, and how many of its surest each is right about.

    The target; the reference on its own surest samples; the reference on those of the target. NaN
    where it is not known which samples are the surest.
    """
    if counts is None:
        return (np.nan,) * 4
    names = ("n_target_correct", "n_reference_correct_own", "n_reference_correct_paired")
    hits, own, paired = (np.nan if counts[name] is None else counts[name] for name in names)
    return counts["n_top"], hits, own, paired


def _role_node(evidence: _Evidence, pair: tuple[str, str], column: int, role: Role) -> Node:
    row = evidence.counts[(*pair, role)]
    node: Node = {
        name: row[name]
        for name in (
            "n", "n_target_correct", "n_reference_correct", "n_memorized", "n_reference_only",
        )
    }  # fmt: skip
    node["mcnemar_p"] = significant(mcnemar_p(row["n_memorized"], row["n_reference_only"]))
    for name, (value, resampled) in _statistics(evidence, pair, column, role).items():
        put(node, name, value, resampled, reason=_NO_ENTROPY)
    for percent in evidence.settings.score.at_percent:
        top = evidence.at_percent.get((*pair, role, str(percent)))
        node[f"n_at_{percent}"] = None if top is None else top["n_top"]
    auroc = evidence.resampled[role].auroc
    if role == "target" and auroc is not None and pair in evidence.planted:
        planted = evidence.planted[pair]
        put(node, "planted_auroc", planted["auroc"], auroc[:, column])
        for name in ("n_planted", "n_other", "n_planted_memorized", "n_other_memorized"):
            node["n_planted_other" if name == "n_other" else name] = planted[name]
    return node


def _excess_node(evidence: _Evidence, pair: tuple[str, str], column: int) -> Node:
    attacked = _statistics(evidence, pair, column, "target")
    control = _statistics(evidence, pair, column, "control")
    node: Node = {
        "n_target": evidence.panels["target"].n,
        "n_control": evidence.panels["control"].n,
    }
    for name, (value, resampled) in attacked.items():
        other_value, other_resampled = control[name]
        put(node, name, value - other_value, resampled - other_resampled, reason=_NO_ENTROPY)
    _put_precision(
        node, "estimated_precision", attacked["memorized_share"], control["memorized_share"]
    )
    for percent in evidence.settings.report.false_positive_percent:
        _put_detection(node, evidence, pair, column, percent)
    return node


def _put_detection(
    node: Node, evidence: _Evidence, pair: tuple[str, str], column: int, percent: int
) -> None:
    """Write what passes the cut that at most `percent` % of control samples exceed."""
    comparison = evidence.panels["target"].comparisons[column]
    if not all(panel.is_ranked(comparison) for panel in evidence.panels.values()):
        for kind in ("memorized_share", "control_share", "estimated_precision", "cut"):
            above = evidence.resampled["target"].above[percent][:, column]
            resampled = None if kind == "cut" else above
            put(node, f"{kind}_at_fpr_{percent}", None, resampled, reason=_NO_ENTROPY)
        return
    row = evidence.detection[(*pair, str(percent))]
    shares = {
        role: (
            row[f"n_{role}_above"] / row[f"n_{role}"],
            evidence.resampled[role].above[percent][:, column],
        )
        for role in evidence.panels
    }
    put(node, f"memorized_share_at_fpr_{percent}", *shares["target"])
    put(node, f"control_share_at_fpr_{percent}", *shares["control"])
    _put_precision(
        node, f"estimated_precision_at_fpr_{percent}", shares["target"], shares["control"]
    )
    put(
        node,
        f"cut_at_fpr_{percent}",
        row["cut"],
        reason="no cut is needed: fewer control samples are flagged than may be",
    )


def _put_precision(
    node: Node,
    name: str,
    attacked: tuple[float, Float64[np.ndarray, " resamples"]],
    control: tuple[float, Float64[np.ndarray, " resamples"]],
) -> None:
    """Write (share of target − share of control) / share of target, the part not explained by chance."""
    share, shares = attacked
    value = (share - control[0]) / share if share else None
    with np.errstate(divide="ignore", invalid="ignore"):
        resampled = np.where(shares > 0, (shares - control[1]) / shares, np.nan)
    put(node, name, value, resampled, reason="no target sample is on the list")


def _bias_node(evidence: _Evidence, pair: tuple[str, str], column: int) -> Node:
    node: Node = {}
    if "control" in evidence.panels:
        put(node, "control", *_statistics(evidence, pair, column, "control")["dejavu_score"])
    oracles = [
        place
        for place, other in enumerate(evidence.panels["target"].comparisons)
        if (other.target, other.reference) == (pair[0], ORACLE)
    ]
    if oracles and pair[1] != ORACLE:
        mine = _statistics(evidence, pair, column, "target")["dejavu_score"]
        oracle = _statistics(evidence, (pair[0], ORACLE), oracles[0], "target")["dejavu_score"]
        put(node, "oracle", mine[0] - oracle[0], mine[1] - oracle[1])
    return node
