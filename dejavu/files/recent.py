"""A few values that were used last."""

import collections
from typing import Any


class Recent:
    """The last few values put in, by key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: collections.OrderedDict[Any, Any] = collections.OrderedDict()

    def get(self, key: Any) -> Any:
        """Return the value of a key; None: it is not here any more."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: Any, value: Any) -> None:
        """Keep a value, and forget the one that was not asked for the longest."""
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
