"""What the interval of an excess says, in a word: one rule for the page and for summary.md."""

from collections.abc import Sequence


def verdict(bounds: Sequence[float] | None, *, is_calibrated: bool) -> tuple[str, str]:
    """Return what the interval of an excess says, and its tone.

    >>> verdict([0.1, 0.2], is_calibrated=True)
    ('memorizes', 'bad')
    >>> verdict([-0.1, 0.2], is_calibrated=True)
    ('no memorization shown', 'good')
    >>> verdict([-0.2, -0.1], is_calibrated=True)
    ('below zero: look at the control set', 'warn')
    >>> verdict([0.1, 0.2], is_calibrated=False)
    ('uncalibrated', 'warn')
    """
    if not is_calibrated:
        return "uncalibrated", "warn"
    if bounds is None:
        return "undecided", "plain"
    if bounds[0] > 0:
        return "memorizes", "bad"
    if bounds[1] >= 0:
        return "no memorization shown", "good"
    return "below zero: look at the control set", "warn"
