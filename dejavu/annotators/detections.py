"""What an annotator finds in one image."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

DECIMALS = 6  # networks on other devices, or in other batches, differ by less
NO_MASK = -1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Detections in one image, highest score first; ties: smaller name id, then the order found."""

    name_ids: Int64[np.ndarray, " n"]  # positions in the annotator's vocabulary
    scores: Float64[np.ndarray, " n"]  # in [0, 1], rounded to DECIMALS
    boxes: Float32[np.ndarray, "n 4"]  # x0, y0, x1, y1 in pixels, inside the image; NaN: no box
    mask_areas: Int64[np.ndarray, " n"]  # pixels; NO_MASK: no mask

    def names(self) -> tuple[Int64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
        """Return the distinct name ids, best first, and the score of each one's best detection."""
        _, first = np.unique(self.name_ids, return_index=True)
        first = np.sort(first)
        return self.name_ids[first], self.scores[first]


def ranked(
    *,
    name_ids: Int64[np.ndarray, " n"],
    scores: Float64[np.ndarray, " n"],
    boxes: Float32[np.ndarray, "n 4"] | None = None,
    max_names: int,
) -> tuple[Found, Int64[np.ndarray, " m"]]:
    """Order the detections of an image and keep those of its best `max_names` names.

    Args:
        name_ids: in any order, with repeats.
        scores: in [0, 1]; rounded here, before they are compared.
        boxes: None: the detections have none.
        max_names: names kept; all detections of a kept name stay.

    Returns:
        The detections, without masks, and the position of each in the arguments.
    """
    scores = np.round(scores, DECIMALS)
    order = np.lexsort((name_ids, -scores))  # stable: equals stay in the order found
    _, first = np.unique(name_ids[order], return_index=True)
    kept = name_ids[order][np.sort(first)[:max_names]]
    is_kept: Bool[np.ndarray, " n"] = np.isin(name_ids[order], kept)
    order = order[is_kept].astype(np.int64)
    nowhere = np.full((len(order), 4), np.nan, dtype=np.float32)
    return Found(
        name_ids=name_ids[order],
        scores=scores[order],
        boxes=nowhere if boxes is None else boxes[order],
        mask_areas=np.full(len(order), NO_MASK, dtype=np.int64),
    ), order
