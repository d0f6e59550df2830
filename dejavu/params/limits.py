"""Section ``limits``: how much of what people bring may be odd before a run refuses it."""

from dejavu.params.base import Positive, Section, Share


class LimitsParams(Section):
    """Shares above which a corpus is an error, and what is too large to be opened.

    A raised limit that is crossed is written beside the tables, and printed beside the headline.
    """

    clamped_boxes: Share  # boxes that reach beyond their image
    swapped_boxes: Share  # boxes whose second corner is left of, or above, the first
    dropped_boxes: (
        Share  # boxes that are empty, outside, unreadable, or of an image of another shape
    )
    one_pixel_boxes: Share  # boxes with a side of one pixel
    min_box_reach: Share  # of 20 boxes or more one must reach this share of width, and of height
    one_color_images: Share  # images of one color
    labels_without_bank: Share  # attacked samples whose label no public or no reference sample has
    unannotated: Share  # samples of which nobody said what they show
    image_px: Positive  # pixels of the largest image that is opened
    image_bytes: Positive  # bytes of the largest encoded image that is read
