"""Every statistic of the image lane in each of B resamples of a role: groups of duplicates are drawn.

All statistics of one role share the resamples, so differences within a role are paired. Roles have
resamples of their own: target and control are independent sets of samples.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int16, Int64

from dejavu.report.image.score_arrays import Panel
from dejavu.statistics import confident, detection, resampling

PerPredictor = Float64[np.ndarray, "resamples predictors"]
PerComparison = Float64[np.ndarray, "resamples comparisons"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """Statistics per resample; columns are predictors or comparisons of the panel, in its order."""

    accuracy: PerPredictor  # per predictor
    memorized: PerComparison  # share, per comparison
    top_own: dict[int, PerPredictor]  # per percent: accuracy on its own surest samples
    top_paired: dict[int, PerComparison]  # per percent: reference on the target's surest
    auroc: PerComparison | None  # planted against other target samples


def resample(
    panel: Panel,
    *,
    at_percent: Sequence[int],
    n_resamples: int,
    generator: np.random.Generator,
) -> Resampled:
    """Compute all statistics of a panel in `n_resamples` resamples.

    Args:
        panel: the scores of one role.
        at_percent: the p of "at p %".
        n_resamples: B.
        generator: source of the resamples.
    """
    result = _empty(panel, at_percent, n_resamples)
    confidence = [panel.confidence(comparison) for comparison in panel.comparisons]
    memorized = panel.memorized()
    planted = panel.is_planted
    aurocs = [] if planted is None else [detection.Auroc(each, planted) for each in confidence]
    orders = [confident.by_confidence(entropy) for entropy in panel.entropy]
    tops = [
        _Top(panel, percent, column, orders[column])
        for percent in at_percent
        for column in _predictors(panel)
    ]
    of_tops = [column for top in tops for column in top.columns()]
    tally = resampling.Tally([*panel.correct.T, *memorized.T, *of_tops])
    for place, counts in resampling.count_blocks(panel.group, n_resamples, generator):
        n_drawn = counts.sum(axis=0, dtype=np.int64)
        sums = iter(tally.of(counts).T)
        for table in (result.accuracy, result.memorized):
            for column in range(table.shape[1]):
                table[place, column] = next(sums) / n_drawn
        for top in tops:
            own, *paired = top.accuracies(counts, n_drawn, sums)
            result.top_own[top.percent][place, top.column] = own
            for comparison, values in zip(top.comparisons, paired, strict=True):
                result.top_paired[top.percent][place, comparison] = values
        for column, auroc in enumerate(aurocs):
            assert result.auroc is not None
            result.auroc[place, column] = auroc.of_resamples(counts)
    return result


def _predictors(panel: Panel) -> range:
    return range(panel.correct.shape[1])


def _empty(panel: Panel, at_percent: Sequence[int], n_resamples: int) -> Resampled:
    def table(n_columns: int) -> np.ndarray:
        return np.full((n_resamples, n_columns), np.nan)

    n_predictors, n_comparisons = panel.correct.shape[1], len(panel.comparisons)
    return Resampled(
        accuracy=table(n_predictors),
        memorized=table(n_comparisons),
        top_own={percent: table(n_predictors) for percent in at_percent},
        top_paired={percent: table(n_comparisons) for percent in at_percent},
        auroc=None if panel.is_planted is None else table(n_comparisons),
    )


class _Top:
    """Who is right on the samples that one predictor is surest about."""

    def __init__(
        self, panel: Panel, percent: int, column: int, order: Int64[np.ndarray, " n"]
    ) -> None:
        self.percent = percent
        self.column = column
        self.comparisons = [
            place for place, c in enumerate(panel.comparisons) if c.target_column == column
        ]
        others = [panel.comparisons[place].reference_column for place in self.comparisons]
        self._correct = panel.correct[:, [column, *others]]
        n_top = confident.n_most_confident(percent, panel.n)
        self._ranking = confident.MostConfident(order, n_top)

    def columns(self) -> list[Bool[np.ndarray, " n"]]:
        """Return the properties to tally: in the head of the ranking; and right, one per answer."""
        head = np.zeros(len(self._correct), dtype=bool)
        head[self._ranking.head] = True
        return [head, *(head & correct for correct in self._correct.T)]

    def accuracies(
        self,
        counts: Int16[np.ndarray, "n block"],
        n_drawn: Int64[np.ndarray, " block"],
        sums: Iterator[np.ndarray],
    ) -> Float64[np.ndarray, "answers block"]:
        """Return the accuracy of this predictor and of each it is compared with.

        Args:
            counts: how often each sample is drawn.
            n_drawn: their sum.
            sums: tallies of `columns`, in their order.
        """
        n_head = next(sums)
        right = np.stack([next(sums) for _ in self._correct.T])
        n_top = np.maximum(self.percent * n_drawn // 100, 1)
        drawn, rows = self._ranking.in_window(counts, n_head, n_top), self._ranking.window
        if drawn is None:
            drawn, rows, right = (
                self._ranking.in_order(counts, n_top),
                self._ranking.order,
                0 * right,
            )
        # a product of small matrices would wake threads for microseconds of work
        within = [drawn[correct[rows]].sum(axis=0) for correct in self._correct.T]
        return (right + np.stack(within)) / n_top
