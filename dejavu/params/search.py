"""Sections ``image.neighbors`` and ``caption.retrieve``: the search for nearest public samples."""

from typing import Annotated, Literal

from pydantic import Field

from dejavu.params.base import Positive, Section


class SearchParams(Section):
    """What both lanes state of their search."""

    k: Positive  # public samples that each attacked one brings back
    index: str  # FAISS factory string, optionally `; nprobe=16`; Flat is exact
    # extra candidates that are ranked again in float64
    candidate_margin: Annotated[int, Field(ge=0)]


class NeighborsParams(SearchParams):
    """Section ``image.neighbors``: which public images vote."""

    metrics: Annotated[tuple[Literal["l2", "cosine"], ...], Field(strict=False, min_length=1)]


class RetrieveParams(SearchParams):
    """Section ``caption.retrieve``: how many public samples a caption brings back.

    Every smaller K is a prefix of the neighbors stored. Vectors are compared by their cosine.
    """
