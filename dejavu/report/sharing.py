"""What a report tells of single samples: all of it, or nothing, for readers who may not see the data."""

import dataclasses
from collections.abc import Mapping

from dejavu.report.found import Found
from dejavu.report.numbers import Rows

# Tables with one row per sample: they hold its name, its caption, or both.
BY_SAMPLE = ("image_most_memorized", "caption_most_memorized")
# What is known of a model without any name of a file, folder or address.
NAMELESS_FACTS = (
    "source", "trained_on", "recipe", "architecture", "network", "layers", "dim", "weights_sha256",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What may be shown of single samples."""

    has_images: bool = True  # False: no image, and no image is read
    # False: no name or caption of a sample, no name of a file: galleries and lists of samples are left out
    has_names: bool = True

    def shown(self, found: Found) -> Found:
        """Return what may be shown; without names no sample is listed."""
        if self.has_names:
            return found
        images, captions = found.image_tables, found.caption_tables
        return dataclasses.replace(
            found,
            image_tables=images and dataclasses.replace(images, most_memorized=()),
            caption_tables=captions and dataclasses.replace(captions, most_memorized=()),
        )

    def written(self, made: Mapping[str, Rows]) -> dict[str, Rows]:
        """Return the tables that are written as files."""
        is_left_out = set() if self.has_names else set(BY_SAMPLE)
        return {name: rows for name, rows in made.items() if name not in is_left_out}


EVERYTHING = Sharing()
