"""Which vectors each way of searching needs, and of which roles."""

from collections.abc import Iterable

from dejavu.roles import ATTACKED, PUBLIC

VIEWS = {"caption": ATTACKED, "public_caption": (PUBLIC,), "public_image": (PUBLIC,)}
VIEWS_OF_MODE = {"t2i": ("caption", "public_image"), "t2t": ("caption", "public_caption")}


def views_of(modes: Iterable[str]) -> list[str]:
    """Return the views that `modes` need, in name order.

    >>> views_of(["t2i", "t2t"])
    ['caption', 'public_caption', 'public_image']
    """
    return sorted({view for mode in modes for view in VIEWS_OF_MODE[mode]})
