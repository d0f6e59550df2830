"""Which views of the samples are embedded in each lane, and of which roles."""

from collections.abc import Iterable

from dejavu.roles import ATTACKED, PUBLIC, REFERENCE

PUBLIC_IMAGE = "public_image"  # both lanes: whole images of the public role
CROP = "crop"  # image lane: kept background crops of the attacked roles
REFERENCE_CROP = "reference_crop"  # image lane: kept crops of the reference role, for the crossover
REFERENCE_CAPTION = "reference_caption"  # caption lane: the same
# Caption lane: the roles of each view, and what each mode of searching compares.
VIEWS = {
    "caption": ATTACKED,
    REFERENCE_CAPTION: (REFERENCE,),
    "public_caption": (PUBLIC,),
    PUBLIC_IMAGE: (PUBLIC,),
}
VIEWS_OF_MODE = {"t2i": ("caption", "public_image"), "t2t": ("caption", "public_caption")}


def views_of(modes: Iterable[str]) -> list[str]:
    """Return the views that `modes` need, in name order.

    >>> views_of(["t2i", "t2t"])
    ['caption', 'public_caption', 'public_image']
    """
    return sorted({view for mode in modes for view in VIEWS_OF_MODE[mode]})
