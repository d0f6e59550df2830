"""Every statistic of the image lane in each of B resamples of the samples of a role.

All statistics of one role share the resamples, so differences within a role are paired. Roles have
resamples of their own: target and control are independent sets of samples.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int32

from dejavu.report.panel import Panel
from dejavu.statistics import confident, detection, resampling

PerPredictor = Float64[np.ndarray, "resamples predictors"]
PerComparison = Float64[np.ndarray, "resamples comparisons"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """Statistics per resample; columns are predictors or comparisons of the panel, in its order."""

    accuracy: PerPredictor  # per predictor
    memorized: PerComparison  # share, per comparison
    top_own: dict[int, PerPredictor]  # per percent: accuracy on its own surest samples, per predictor
    top_paired: dict[int, PerComparison]  # per percent: reference on the target's surest, per comparison
    cut: dict[int, PerComparison]  # per false-positive percent, per comparison: nats; of control
    above: dict[int, PerComparison]  # share memorized and above the cut, per comparison
    auroc: PerComparison | None  # planted against other target samples, per comparison


def resample(
    panel: Panel,
    *,
    at_percent: Sequence[int],
    n_resamples: int,
    generator: np.random.Generator,
    cuts: dict[int, PerComparison] | None = None,
    false_positive_percent: Sequence[int] = (),
) -> Resampled:
    """Compute all statistics of a panel in `n_resamples` resamples.

    Args:
        panel: the scores of one role.
        at_percent: the p of "at p %".
        n_resamples: B.
        generator: source of the resamples.
        cuts: for the target role: the cuts found on each resample of control.
        false_positive_percent: for the control role: the shares for which cuts are looked for.
    """
    work = _Work(panel, at_percent, false_positive_percent if cuts is None else tuple(cuts))
    result = work.empty(n_resamples)
    for place, counts in resampling.count_blocks(panel.n, n_resamples, generator):
        result.accuracy[place] = resampling.weighted_sums(counts, panel.correct) / panel.n
        result.memorized[place] = resampling.weighted_sums(counts, work.memorized) / panel.n
        for percent in at_percent:
            own, paired = work.top(counts, percent)
            result.top_own[percent][place] = own
            result.top_paired[percent][place] = paired
        for percent in work.false_positive_percent:
            for column, flagged in enumerate(work.flagged):
                if cuts is None:
                    cut = detection.cuts(counts, flagged, percent)
                else:
                    cut = cuts[percent][place, column]
                result.cut[percent][place, column] = cut
                above = detection.n_above(counts, flagged, cut) / panel.n
                result.above[percent][place, column] = above
        if result.auroc is not None:
            for column, auroc in enumerate(work.aurocs):
                result.auroc[place, column] = auroc.of_resamples(counts)
    return result


class _Work:
    """What is computed once per panel: orders, rankings, positives."""

    def __init__(
        self, panel: Panel, at_percent: Sequence[int], false_positive_percent: Sequence[int]
    ) -> None:
        self.panel = panel
        self.at_percent = at_percent
        self.false_positive_percent = tuple(false_positive_percent)
        self.memorized = panel.memorized()
        self.orders = [confident.by_confidence(entropy) for entropy in panel.entropy]
        self.flagged = (
            [
                detection.rank(panel.confidence(comparison), self.memorized[:, column])
                for column, comparison in enumerate(panel.comparisons)
            ]
            if self.false_positive_percent
            else []
        )
        self.aurocs = (
            []
            if panel.is_planted is None
            else [
                detection.Auroc(panel.confidence(comparison), panel.is_planted)
                for comparison in panel.comparisons
            ]
        )

    def empty(self, n_resamples: int) -> Resampled:
        n_predictors, n_comparisons = self.panel.correct.shape[1], len(self.panel.comparisons)

        def table(n_columns: int) -> np.ndarray:
            return np.full((n_resamples, n_columns), np.nan)

        return Resampled(
            accuracy=table(n_predictors),
            memorized=table(n_comparisons),
            top_own={percent: table(n_predictors) for percent in self.at_percent},
            top_paired={percent: table(n_comparisons) for percent in self.at_percent},
            cut={percent: table(n_comparisons) for percent in self.false_positive_percent},
            above={percent: table(n_comparisons) for percent in self.false_positive_percent},
            auroc=table(n_comparisons) if self.aurocs else None,
        )

    def top(self, counts: Int32[np.ndarray, "block n"], percent: int) -> tuple[PerPredictor, PerComparison]:
        """Return accuracies on the most confident samples: of each predictor, of each comparison."""
        panel = self.panel
        n_top = confident.n_most_confident(percent, panel.n)
        own = np.empty((len(counts), panel.correct.shape[1]))
        paired = np.empty((len(counts), len(panel.comparisons)))
        for column, order in enumerate(self.orders):
            drawn = confident.top_counts(counts, order, n_top)
            compared = [i for i, c in enumerate(panel.comparisons) if c.target_column == column]
            answers = [column, *(panel.comparisons[i].reference_column for i in compared)]
            rows = order[: drawn.shape[1]]
            right = resampling.weighted_sums(drawn, panel.correct[rows[:, None], answers]) / n_top
            own[:, column] = right[:, 0]
            paired[:, compared] = right[:, 1:]
        return own, paired
