"""How long a check may take: on a slow or loaded machine it looks at fewer samples, and says so."""

import time

SECONDS = 100.0  # of all that is sampled; what is opened whole comes on top
_LEAST = 1.0  # of any look: late ones see a few samples, not none


class Clock:
    """Runs from the start of a check, and divides what is left among the looks to come."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def share(self, at_most: float, *, part: float = 0.25) -> float:
        """Return the seconds that a look may take: `part` of what is left, and no more than `at_most`.

        >>> Clock(100.0).share(10.0)
        10.0
        >>> round(Clock(100.0).share(90.0))
        25
        >>> Clock(0.0).share(90.0)
        1.0
        """
        return max(_LEAST, min(at_most, part * (self._end - time.monotonic())))
