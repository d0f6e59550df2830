"""What happened to every sample: its role, and why it is not scored."""

import collections
import dataclasses
from collections.abc import Mapping

from dejavu.tables import queries
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import rows_as

ROLES_STEP = "split"  # the step of the image lane that counts each sample once


@dataclasses.dataclass(frozen=True, slots=True)
class DroppedImages:
    """Samples of the image lane that went one way."""

    step: str  # split or crop
    role: str
    reason: str  # kept: attacked or used
    n: int


@dataclasses.dataclass(frozen=True, slots=True)
class DroppedCaptions:
    """Samples of the caption lane that have one role, for one reason."""

    role: str
    n: int
    n_with_objects: int
    n_without_objects: int
    n_not_annotated: int
    n_beyond_bank: int  # show an object that no public image shows
    reason: str | None  # of samples without a role


@dataclasses.dataclass(frozen=True, slots=True)
class Dropped:
    """Every sample of each lane; nothing where a lane was not run."""

    images: tuple[DroppedImages, ...] = ()
    captions: tuple[DroppedCaptions, ...] = ()

    def by_role(self, lane: str) -> Mapping[str, int]:
        """Return how many samples of a lane have each role."""
        counts = collections.Counter[str]()
        images = [each for each in self.images if each.step == ROLES_STEP]
        for each in images if lane == "image" else self.captions:
            counts[each.role] += each.n
        return counts


def read(catalog: Catalog, *, has_image: bool, has_captions: bool) -> Dropped:
    """Count the samples of the lanes that were run."""
    images, captions = list[DroppedImages](), list[DroppedCaptions]()
    if has_image:
        images = rows_as(DroppedImages, catalog.table(queries.text("image_dropped")))
    if has_captions:
        captions = rows_as(DroppedCaptions, catalog.table(queries.text("caption_dropped")))
    return Dropped(images=tuple(images), captions=tuple(captions))
