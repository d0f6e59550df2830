"""Exact tests of paired outcomes."""

from scipy import stats


def mcnemar_p(n_only_first: int, n_only_second: int) -> float:
    """Return the two-sided exact McNemar p-value of two predictors judged on the same samples.

    Args:
        n_only_first: samples that only the first predictor gets right.
        n_only_second: samples that only the second gets right.

    Returns:
        The chance, if both erred alike, of a split of the discordant samples at least as uneven; 1
        without any discordant sample.

    >>> mcnemar_p(0, 3), mcnemar_p(2, 2), mcnemar_p(0, 0)
    (0.25, 1.0, 1.0)
    """
    n = n_only_first + n_only_second
    return float(stats.binomtest(n_only_first, n, 0.5).pvalue) if n else 1.0


def sign_p(n_higher: int, n_lower: int) -> float:
    """Return the two-sided exact sign test's p-value: `n_higher` wins, `n_lower` losses, ties left out.

    >>> sign_p(6, 0)
    0.03125
    """
    return mcnemar_p(n_higher, n_lower)
