"""Section ``limits`` as params.yaml has it, and with changes."""

from dejavu.params import section
from dejavu.params.limits import LimitsParams
from tests.paths import ROOT

LIMITS = section(ROOT / "params.yaml", "limits", LimitsParams)
NO_LIMITS = LIMITS.model_copy(
    update={
        "clamped_boxes": 1.0, "swapped_boxes": 1.0, "dropped_boxes": 1.0, "one_pixel_boxes": 1.0,
        "min_box_reach": 0.0, "one_color_images": 1.0, "labels_without_bank": 1.0, "unannotated": 1.0,
    }
)  # fmt: skip


def limits(**changes):
    """Return the limits of params.yaml with `changes`."""
    return LIMITS.model_copy(update=changes)
