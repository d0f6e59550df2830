"""results.json, image lane: every score with n and interval, by target, reference and role.

Point values come from whole counts made by the queries in ``dejavu/sql``; intervals from resamples.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from dejavu.report.image.bootstrap import Resampled, resample
from dejavu.report.image.records import (
    Comparison,
    Detection,
    ExcessScores,
    ImageResults,
    MostConfident,
    Planted,
    RoleScores,
    Scores,
)
from dejavu.report.image.score_arrays import Panel, Role, read_panels
from dejavu.report.image.score_intervals import area, precision
from dejavu.report.numbers import Estimate, bounded, estimate, significant
from dejavu.report.settings import ImageSettings
from dejavu.roles import ORACLE
from dejavu.run import seeds
from dejavu.statistics import intervals
from dejavu.statistics.exact_tests import mcnemar_p
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

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
    return {
        role: resample(
            panel,
            at_percent=settings.score.at_percent,
            n_resamples=settings.report.resamples,
            generator=seeds.generator(settings.seed, f"report.bootstrap.image.{role}"),
        )
        for role, panel in panels.items()
    }


Drawn = tuple[float, Float64[np.ndarray, " resamples"]]  # value on the samples, values per resample


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Statistics:
    """The statistics that exist in both roles."""

    dejavu_score: Drawn
    memorized_share: Drawn
    target_accuracy: Drawn
    reference_accuracy: Drawn
    at: Mapping[int, tuple[Drawn, Drawn]]  # by percent: own, paired

    def scores(self, control: "_Statistics | None" = None) -> Scores:
        """Return the estimates; with `control`: of target − control."""

        def of(mine: Drawn, other: Drawn | None) -> Estimate:
            value, resampled = mine
            if other is not None:
                value, resampled = value - other[0], resampled - other[1]
            return estimate(value, resampled, reason=_NO_ENTROPY)

        return Scores(
            **{
                name: of(getattr(self, name), None if control is None else getattr(control, name))
                for name in (
                    "dejavu_score",
                    "memorized_share",
                    "target_accuracy",
                    "reference_accuracy",
                )
            },
            at={
                percent: MostConfident(
                    own=of(own, None if control is None else control.at[percent][0]),
                    paired=of(paired, None if control is None else control.at[percent][1]),
                )
                for percent, (own, paired) in self.at.items()
            },
        )


def _statistics(evidence: _Evidence, pair: tuple[str, str], column: int, role: Role) -> _Statistics:
    comparison = evidence.panels[role].comparisons[column]
    drawn = evidence.resampled[role]
    row = evidence.counts[(*pair, role)]
    right, reference_right = row["n_target_correct"], row["n_reference_correct"]
    i, j = comparison.target_column, comparison.reference_column
    accuracy = drawn.accuracy
    at: dict[int, tuple[Drawn, Drawn]] = {}
    for percent in evidence.settings.score.at_percent:
        n_top, hits, own, paired = _top(evidence.at_percent.get((*pair, role, str(percent))))
        mine = drawn.top_own[percent][:, i]
        at[percent] = (
            ((hits - own) / n_top, mine - drawn.top_own[percent][:, j]),
            ((hits - paired) / n_top, mine - drawn.top_paired[percent][:, column]),
        )
    return _Statistics(
        dejavu_score=((right - reference_right) / row["n"], accuracy[:, i] - accuracy[:, j]),
        memorized_share=(row["n_memorized"] / row["n"], drawn.memorized[:, column]),
        target_accuracy=(right / row["n"], accuracy[:, i]),
        reference_accuracy=(reference_right / row["n"], accuracy[:, j]),
        at=at,
    )


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


def _role(evidence: _Evidence, pair: tuple[str, str], column: int, role: Role) -> RoleScores:
    row = evidence.counts[(*pair, role)]
    tops = {
        percent: evidence.at_percent.get((*pair, role, str(percent)))
        for percent in evidence.settings.score.at_percent
    }
    return RoleScores(
        n=row["n"],
        n_target_correct=row["n_target_correct"],
        n_reference_correct=row["n_reference_correct"],
        n_memorized=row["n_memorized"],
        n_reference_only=row["n_reference_only"],
        n_at={percent: None if top is None else top["n_top"] for percent, top in tops.items()},
        mcnemar_p=significant(mcnemar_p(row["n_memorized"], row["n_reference_only"])),
        scores=_statistics(evidence, pair, column, role).scores(),
        planted=_planted(evidence, pair, column) if role == "target" else None,
    )


def _planted(evidence: _Evidence, pair: tuple[str, str], column: int) -> Planted | None:
    auroc = evidence.resampled["target"].auroc
    if auroc is None or pair not in evidence.planted:
        return None
    counts = evidence.planted[pair]
    return Planted(
        auroc=area(counts, auroc[:, column]),
        n_planted=counts["n_planted"],
        n_other=counts["n_other"],
        n_planted_memorized=counts["n_planted_memorized"],
        n_other_memorized=counts["n_other_memorized"],
    )


def _excess(evidence: _Evidence, pair: tuple[str, str], column: int) -> ExcessScores:
    attacked = _statistics(evidence, pair, column, "target")
    control = _statistics(evidence, pair, column, "control")
    return ExcessScores(
        n_target=evidence.panels["target"].n,
        n_control=evidence.panels["control"].n,
        scores=attacked.scores(control),
        estimated_precision=precision(
            *(evidence.counts[(*pair, role)]["n_memorized"] for role in ("target", "control")),
            *(evidence.panels[role].n for role in ("target", "control")),
        ),
        detection={
            percent: _detection(evidence, pair, column, percent)
            for percent in evidence.settings.report.false_positive_percent
        },
    )


def _detection(evidence: _Evidence, pair: tuple[str, str], column: int, percent: int) -> Detection:
    """Return what passes the cut that at most `percent` % of control samples exceed."""
    comparison = evidence.panels["target"].comparisons[column]
    if not all(panel.is_ranked(comparison) for panel in evidence.panels.values()):
        unknown = Estimate(value=None, reason=_NO_ENTROPY)
        return Detection(
            memorized_share=unknown, control_share=unknown, estimated_precision=unknown,
            cut=estimate(None, reason=_NO_ENTROPY),
        )  # fmt: skip
    row = evidence.detection[(*pair, str(percent))]
    above, others = row["n_target_above"], row["n_control_above"]
    n, n_control = row["n_target"], row["n_control"]
    return Detection(
        memorized_share=bounded(above / n, lambda: intervals.clopper_pearson(above, n)),
        control_share=bounded(others / n_control, lambda: intervals.wilson(others, n_control)),
        estimated_precision=precision(above, others, n, n_control, is_cut=True),
        cut=estimate(
            row["cut"], reason="no cut is needed: fewer control samples are flagged than may be"
        ),
    )


def _bias_oracle(evidence: _Evidence, pair: tuple[str, str], column: int) -> Estimate | None:
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
