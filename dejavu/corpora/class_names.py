"""Short, unique names of ImageNet classes."""

import collections
from collections.abc import Iterable, Mapping


def short_names(words: Mapping[str, str], wnids: Iterable[str]) -> dict[str, str]:
    """Return the first name of each class; classes that share one also get their wnid.

    >>> short_names({"n1": "crane, bird", "n2": "crane", "n3": "tench"}, ["n1", "n2", "n3", "n4"])
    {'n1': 'crane (n1)', 'n2': 'crane (n2)', 'n3': 'tench', 'n4': 'n4'}
    """
    first = {wnid: words.get(wnid, wnid).split(",")[0].strip() for wnid in wnids}
    counts = collections.Counter(first.values())
    return {w: name if counts[name] == 1 else f"{name} ({w})" for w, name in first.items()}
