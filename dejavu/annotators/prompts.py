"""Prompts for GroundingDINO: many names in few texts, and which name a box means.

GroundingDINO reads a text such as ``cat. trench coat.`` and scores every box against every token of it.
The text encoder takes 256 tokens, so a vocabulary is cut into several prompts; which tokens belong to which
name is known from their places in the text, so no phrase has to be matched with names afterwards.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from dejavu.annotators.detections import DECIMALS
from dejavu.errors import DataError

Tokenize = Callable[[str], list[tuple[int, int]]]  # first and last + 1 character; special: both 0
NO_NAME = -1
_BOX_DECIMALS = 2  # of pixels
_SEPARATORS = re.compile(r"[.?_\s]+")  # . and ? end a name for GroundingDINO


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Some consecutive names of a vocabulary as one text."""

    text: str
    first_id: int  # the name id of the first name
    n_names: int
    owners: Int64[np.ndarray, " tokens"]  # which of its names a token belongs to, or NO_NAME


def cleaned(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a prompt can hold them: lower case, no separators inside, none twice.

    >>> cleaned(["Trench_coat", "St. Bernard", "trench coat"])
    ('trench coat', 'st bernard')

    Raises:
        DataError: nothing is left of a name.
    """
    plain = {name: _SEPARATORS.sub(" ", name.lower()).strip() for name in names}
    if empty := [name for name, text in plain.items() if not text]:
        raise DataError(f"{empty[0]!r} cannot be looked for: nothing but separators.")
    return tuple(dict.fromkeys(plain.values()))


def cut(names: Sequence[str], tokenize: Tokenize, *, max_tokens: int) -> list[Prompt]:
    """Cut a vocabulary into as few prompts as fit, in order.

    Args:
        names: as `cleaned` returns them.
        tokenize: gives the characters of each token of a text.
        max_tokens: that a prompt may have, special ones included.

    Raises:
        DataError: a name has no token, or too many.
    """
    n_special = len(tokenize(""))
    prompts: list[Prompt] = []
    first, room = 0, max_tokens - n_special
    for position, name in enumerate(names):
        n_tokens = len(tokenize(f"{name}.")) - n_special  # with its full stop
        if n_tokens < 2 or n_tokens > max_tokens - n_special:
            raise DataError(
                f"{name!r} cannot be looked for: {n_tokens - 1} tokens, expected 1 to "
                f"{max_tokens - n_special - 1}."
            )
        if n_tokens > room:
            prompts.append(_prompt(names[first:position], first, tokenize))
            first, room = position, max_tokens - n_special
        room -= n_tokens
    return [*prompts, _prompt(names[first:], first, tokenize)]


def _prompt(names: Sequence[str], first_id: int, tokenize: Tokenize) -> Prompt:
    text = " ".join(f"{name}." for name in names)
    ends = np.cumsum([len(name) + 2 for name in names])  # a full stop and a space follow each
    starts = ends - [len(name) + 2 for name in names]
    spans = np.array(tokenize(text), dtype=np.int64).reshape(-1, 2)
    owners = np.searchsorted(ends, spans[:, 0], side="right")
    inside = np.minimum(owners, len(names) - 1)
    lengths = np.array([len(name) for name in names])
    is_named = (spans[:, 1] > spans[:, 0]) & (spans[:, 1] <= (starts + lengths)[inside])
    return Prompt(
        text=text, first_id=first_id, n_names=len(names), owners=np.where(is_named, owners, NO_NAME)
    )


def named_boxes(
    logits: Float64[np.ndarray, "boxes tokens"],
    prompt: Prompt,
    *,
    box_threshold: float,
    text_threshold: float,
) -> tuple[Int64[np.ndarray, " kept"], Int64[np.ndarray, " kept"], Float64[np.ndarray, " kept"]]:
    """Decide which boxes show something, and which one name of the prompt.

    A box is kept if the sigmoid of its best token exceeds `box_threshold` (as in GroundingDINO's `predict`;
    tokens that belong to no name do not count) and the score of its best name exceeds `text_threshold`. A
    name's score is the mean over its tokens, as in GroundingDINO's evaluation on COCO; ties: the first name.

    Args:
        logits: one row per box; -inf where the model masks a token. More columns than tokens are cut off.
        prompt: what the model read.
        box_threshold: in [0, 1).
        text_threshold: in [0, 1).

    Returns:
        The rows of the kept boxes, the name id of each, and its score in [0, 1].
    """
    probabilities = 1 / (1 + np.exp(-logits[:, : len(prompt.owners)]))
    is_named = prompt.owners != NO_NAME
    probabilities, owners = probabilities[:, is_named], prompt.owners[is_named]
    belongs: Float64[np.ndarray, "tokens names"] = np.zeros((len(owners), prompt.n_names))
    belongs[np.arange(len(owners)), owners] = 1
    means = np.round(probabilities @ (belongs / belongs.sum(axis=0)), DECIMALS)
    best = np.argmax(means, axis=1)
    score = means[np.arange(len(means)), best]
    is_kept: Bool[np.ndarray, " boxes"] = (probabilities.max(axis=1) > box_threshold) & (
        score > text_threshold
    )
    rows = np.flatnonzero(is_kept)
    return rows, prompt.first_id + best[rows], score[rows]


def corners(
    boxes: Float64[np.ndarray, "n 4"], *, width_px: int, height_px: int
) -> Float32[np.ndarray, "n 4"]:
    """Turn boxes from (center x, center y, width, height), as shares of an image, into clipped pixels.

    Returns:
        x0, y0, x1, y1; a box outside the image has no area.
    """
    sides = np.array([width_px, height_px], dtype=np.float64)
    center, size = boxes[:, :2] * sides, boxes[:, 2:] * sides
    found = np.concatenate([center - size / 2, center + size / 2], axis=1)
    return np.round(np.clip(found, 0, np.tile(sides, 2)), _BOX_DECIMALS).astype(np.float32)
