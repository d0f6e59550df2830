"""results.json, image lane: every score with n and interval, by target, reference and role.

Point values come from whole counts made by the queries in ``dejavu/sql``; intervals from resamples.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from dejavu.report.image.bootstrap import Resampled, resample
from dejavu.report.image.counts import (
    CountsAtPercent,
    DetectionCounts,
    PlantedCounts,
    ScoreCounts,
)
from dejavu.report.image.records import (
    Comparison,
    Detection,
    ExcessScores,
    ImageResults,
    Planted,
    RoleScores,
)
from dejavu.report.image.score_arrays import Panel, Role, read_panels
from dejavu.report.image.score_intervals import area, precision, too_few_control
from dejavu.report.image.score_statistics import NO_ENTROPY, Statistics, of_most_confident
from dejavu.report.numbers import Estimate, bounded, estimate, significant
from dejavu.report.settings import ImageSettings
from dejavu.roles import ATTACKED, ORACLE, TARGET
from dejavu.run import seeds
from dejavu.statistics import intervals
from dejavu.statistics.adjusted import Side, unadjusted
from dejavu.statistics.exact_tests import mcnemar_p
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import rows_as

Pair = tuple[str, str]  # target, reference
_PLANTED_IDS = "SELECT sample_id FROM samples WHERE lane = 'image' AND truth.is_planted ORDER BY 1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """Counts by key and resampled statistics: all that results are made of."""

    settings: ImageSettings
    counts: Mapping[tuple[str, str, str], ScoreCounts]  # target, reference, role
    at_percent: Mapping[tuple[str, str, str, int], CountsAtPercent]  # the same, percent
    detection: Mapping[tuple[str, str, int], DetectionCounts]  # target, reference, percent
    planted: Mapping[Pair, PlantedCounts]
    panels: Mapping[Role, Panel]
    resampled: Mapping[Role, Resampled]


def image_results(catalog: Catalog, settings: ImageSettings) -> ImageResults:
    """Return every target against every reference.

    - ``target``, ``control``: scores of one role (paper, section 3): ``dejavu_score`` = accuracy of the
      target − accuracy of the reference, overall and at p %, ``memorized_share`` (Definition 1), exact
      McNemar p, and for planted samples the AUROC of memorization confidence.
    - ``excess``: score of target − score of control, two independent sets of samples; with the
      estimated precision of the list of memorized samples, and detection at few false positives.
    - ``bias_oracle``: the score against the reference − the score against the oracle.
    """
    evidence = _gather(catalog, settings)
    results: dict[str, dict[str, Comparison]] = {}
    for column, each in enumerate(evidence.panels["target"].comparisons):
        pair = (each.target, each.reference)
        has_control = "control" in evidence.panels
        results.setdefault(each.target, {})[each.reference] = Comparison(
            target=_role(evidence, pair, column, "target"),
            control=_role(evidence, pair, column, "control") if has_control else None,
            excess=_excess(evidence, pair, column) if has_control else None,
            bias_oracle=_bias_oracle(evidence, pair, column),
        )
    return results


def _gather(catalog: Catalog, settings: ImageSettings) -> _Evidence:
    counts = rows_as(ScoreCounts, catalog.table(queries.text("image_score_counts")))
    at_percent = rows_as(CountsAtPercent, catalog.table(queries.text("image_scores_at_percent")))
    detection = rows_as(DetectionCounts, catalog.table(queries.text("image_detection")))
    repeated = rows_as(PlantedCounts, catalog.table(queries.text("image_planted")))
    pairs = sorted({(each.target, each.reference) for each in counts})
    planted = catalog.table(_PLANTED_IDS)["sample_id"].to_numpy()
    panels = read_panels(catalog, pairs, planted)
    return _Evidence(
        settings=settings,
        counts={(each.target, each.reference, each.role): each for each in counts},
        at_percent={
            (each.target, each.reference, each.role, each.percent): each for each in at_percent
        },
        detection={(each.target, each.reference, each.percent): each for each in detection},
        planted={(each.target, each.reference): each for each in repeated},
        panels=panels,
        resampled=_resampled(panels, settings),
    )


def _resampled(panels: Mapping[Role, Panel], settings: ImageSettings) -> dict[Role, Resampled]:
    return {
        role: resample(
            panel,
            at_percent=settings.score.at_percent,
            n_resamples=settings.report.resamples,
            generator=seeds.generator(settings.seed, f"report.bootstrap.image.{role}"),
        )
        for role, panel in panels.items()
    }


def _statistics(evidence: _Evidence, pair: Pair, column: int, role: Role) -> Statistics:
    comparison = evidence.panels[role].comparisons[column]
    drawn = evidence.resampled[role]
    row = evidence.counts[(*pair, role)]
    n, right, reference_right = row.n, row.n_target_correct, row.n_reference_correct
    i, j = comparison.target_column, comparison.reference_column
    accuracy = drawn.accuracy
    return Statistics(
        n=n,
        dejavu_score=((right - reference_right) / n, accuracy[:, i] - accuracy[:, j]),
        hits={
            "memorized_share": row.n_memorized,
            "target_accuracy": right,
            "reference_accuracy": reference_right,
        },
        shares={
            "memorized_share": drawn.memorized[:, column],
            "target_accuracy": accuracy[:, i],
            "reference_accuracy": accuracy[:, j],
        },
        at={
            percent: of_most_confident(
                evidence.at_percent.get((*pair, role, percent)),
                (drawn.top_own[percent][:, i], drawn.top_own[percent][:, j]),
                drawn.top_paired[percent][:, column],
                percent,
            )
            for percent in evidence.settings.score.at_percent
        },
    )


def _role(evidence: _Evidence, pair: Pair, column: int, role: Role) -> RoleScores:
    row = evidence.counts[(*pair, role)]
    tops = {
        percent: evidence.at_percent.get((*pair, role, percent))
        for percent in evidence.settings.score.at_percent
    }
    return RoleScores(
        n=row.n,
        n_target_correct=row.n_target_correct,
        n_reference_correct=row.n_reference_correct,
        n_memorized=row.n_memorized,
        n_reference_only=row.n_reference_only,
        n_at={percent: None if top is None else top.n_top for percent, top in tops.items()},
        mcnemar_p=significant(mcnemar_p(row.n_memorized, row.n_reference_only)),
        scores=_statistics(evidence, pair, column, role).scores(),
        planted=_planted(evidence, pair, column) if role == TARGET else None,
    )


def _planted(evidence: _Evidence, pair: Pair, column: int) -> Planted | None:
    auroc = evidence.resampled["target"].auroc
    if auroc is None or pair not in evidence.planted:
        return None
    counts = evidence.planted[pair]
    return Planted(
        auroc=area(counts, auroc[:, column]),
        n_planted=counts.n_planted,
        n_other=counts.n_other,
        n_planted_memorized=counts.n_planted_memorized,
        n_other_memorized=counts.n_other_memorized,
    )


def _excess(evidence: _Evidence, pair: Pair, column: int) -> ExcessScores:
    attacked = _statistics(evidence, pair, column, "target")
    control = _statistics(evidence, pair, column, "control")
    return ExcessScores(
        n_target=evidence.panels["target"].n,
        n_control=evidence.panels["control"].n,
        scores=attacked.excess(control),
        estimated_precision=precision(
            *(evidence.counts[(*pair, role)].n_memorized for role in ATTACKED),
            *(evidence.panels[role].n for role in ATTACKED),
        ),
        detection={
            percent: _detection(evidence, pair, column, percent)
            for percent in evidence.settings.report.false_positive_percent
        },
        p_one_sided=_p_one_sided(evidence, column),
    )


def _p_one_sided(evidence: _Evidence, column: int) -> float | None:
    """Return the p-value of an excess that is not above 0; None: a role has too few groups."""
    sides = []
    for role in ATTACKED:
        panel = evidence.panels[role]
        each = panel.comparisons[column]
        right, other = (
            panel.correct[:, place].astype(np.float64)
            for place in (each.target_column, each.reference_column)
        )
        sides.append(Side(y=right - other, x=np.zeros((panel.n, 0)), group=panel.group))
    found = unadjusted(*sides)
    return None if found is None else significant(found.p_greater)


def _detection(evidence: _Evidence, pair: Pair, column: int, percent: int) -> Detection:
    """Return what passes the cut that at most `percent` % of control samples exceed."""
    comparison = evidence.panels["target"].comparisons[column]
    reason = too_few_control(percent, evidence.panels["control"].n)
    if not all(panel.is_ranked(comparison) for panel in evidence.panels.values()):
        reason = NO_ENTROPY
    if reason is not None:
        unknown = Estimate(value=None, reason=reason)
        return Detection(
            memorized_share=unknown, control_share=unknown, estimated_precision=unknown,
            cut=estimate(None, reason=reason),
        )  # fmt: skip
    row = evidence.detection[(*pair, percent)]
    above, others = row.n_target_above, row.n_control_above
    n, n_control = row.n_target, row.n_control
    return Detection(
        memorized_share=bounded(above / n, lambda: intervals.clopper_pearson(above, n)),
        control_share=bounded(others / n_control, lambda: intervals.wilson(others, n_control)),
        estimated_precision=precision(above, others, n, n_control, is_cut=True),
        cut=estimate(
            row.cut, reason="no cut is needed: fewer control samples are flagged than may be"
        ),
    )


def _bias_oracle(evidence: _Evidence, pair: Pair, column: int) -> Estimate | None:
    """Return the score against a reference − the score against the oracle; None where it is not known."""
    oracles = [
        place
        for place, other in enumerate(evidence.panels["target"].comparisons)
        if (other.target, other.reference) == (pair[0], ORACLE)
    ]
    if not oracles or pair[1] == ORACLE:
        return None
    mine = _statistics(evidence, pair, column, "target").dejavu_score
    oracle = _statistics(evidence, (pair[0], ORACLE), oracles[0], "target").dejavu_score
    return estimate(mine[0] - oracle[0], mine[1] - oracle[1])
