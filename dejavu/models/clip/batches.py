"""What a CLIP network is trained on: captioned images, their order in an epoch, and batches of them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Float, Int, Int64, UInt8
from torch import Tensor

from dejavu.models.clip.captions import FurtherCaptions
from dejavu.models.clip.network import Tokenizer
from dejavu.models.training.augment import normalized
from dejavu.models.training.part import Part
from dejavu.models.training.views import Views
from dejavu.params.caption import ClipRecipe

TOKENS_HELD = 1 << 25  # tokens of up to this many are kept in memory (268 MB)


@runtime_checkable
class ImageBatches(Protocol):
    """What yields training images: `dejavu.models.pixels.TrainingImages`, or a stand-in."""

    def batches(
        self, rows: Int[Tensor, " n_rows"], batch_size: int
    ) -> Iterator[UInt8[Tensor, "n 3 size size"]]:
        """Yield the images of `rows` in that order, `batch_size` at a time."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Captioned images of one role, in id order."""

    images: ImageBatches  # squares
    captions: Sequence[str]
    is_planted: np.ndarray  # bool; these occur `planted_repeats` times per epoch
    views: Views | None = None  # published ones; None: squares are shifted
    shards: np.ndarray | None = None  # int, the shard of each image; None: they are not told apart
    further: FurtherCaptions | None = None  # of the same images; None: each has one caption

    def __len__(self) -> int:
        return len(self.captions)


class Tokens:
    """Tokens of captions, made when they are asked for where not all of them fit into memory."""

    def __init__(self, captions: Sequence[str], tokenize: Tokenizer) -> None:
        self.tokenize = tokenize
        self._captions = captions
        self._held: Tensor | None = None
        if len(captions) * tokenize([""]).shape[1] <= TOKENS_HELD:
            self._held = tokenize(list(captions))

    def __getitem__(self, rows: Int[Tensor, " n"]) -> Int64[Tensor, "n context"]:
        """Return the tokens of some captions."""
        if self._held is not None:
            return self._held[rows]
        return self.tokenize([self._captions[row] for row in rows.tolist()])


def shards_of(uris: pa.ChunkedArray) -> Int[np.ndarray, " n"]:
    """Return a number for the tar file or Parquet part that each image lies in."""
    shards = pc.replace_substring_regex(uris, r"^(.*\.(?:tar|parquet))#.*$", r"\1")
    codes = shards.combine_chunks().dictionary_encode().indices
    return codes.to_numpy(zero_copy_only=False).astype(np.int64)


def order(
    rows: Int[np.ndarray, " n"],
    shards: Int[np.ndarray, " m"] | None,
    mixed_shards: int | None,
    rng: np.random.Generator,
) -> Int[np.ndarray, " n"]:
    """Return the order of an epoch.

    Args:
        rows: samples, by their place in `shards`; some occur several times.
        shards: of each sample.
        mixed_shards: so many shards at a time are read and mixed, in random order; None: all of them,
            which reads the files all over.
        rng: decides the order.
    """
    chosen = rng.permutation(rows)
    if mixed_shards is None or shards is None:
        return chosen
    turns = rng.permutation(int(shards.max()) + 1) // mixed_shards  # of each shard
    return chosen[np.argsort(turns[shards[chosen]], kind="stable")]


def drawn(
    data: TrainingSet,
    recipe: ClipRecipe,
    chosen: Int[np.ndarray, " n_rows"],
    batch_size: int,
    *,
    rng: np.random.Generator,
    seed: int,
    part: Part,
) -> Iterator[tuple[Float[Tensor, "n 3 h w"], Int[Tensor, " n"]]]:
    """Yield this process' part of each batch: what the network sees of images, and their rows.

    Args:
        data: the samples.
        recipe: says how images change.
        chosen: the epoch's samples in order, of all processes.
        batch_size: of all processes; divides the number of rows.
        rng: decides shifts, of whole batches.
        seed: of the epoch; decides published views.
        part: which part.
    """
    n = batch_size // part.size
    rows = torch.from_numpy(chosen)
    mine = part.rows(rows, batch_size).split(n)
    if data.views is not None:
        views = data.views.batches(rows, batch_size, torch.Generator(), seed)
        for each, (images,) in zip(mine, views, strict=True):
            yield images, each
        return
    limit = recipe.max_shift_px
    squares = data.images.batches(part.rows(rows, batch_size), n)
    for each, pixels in zip(mine, squares, strict=True):
        shifts = torch.from_numpy(rng.integers(-limit, limit + 1, (batch_size, 2)))[part.of(n)]
        yield shifted(normalized(pixels), shifts, limit), each


def shifted(
    images: Float[Tensor, "n 3 h w"], shifts: Int64[Tensor, "n 2"], max_shift_px: int
) -> Float[Tensor, "n 3 h w"]:
    """Move each image down and right by its own shift (pixels, may be negative), mirroring edges."""
    if max_shift_px == 0:
        return images
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (max_shift_px,) * 4, mode="reflect")
    rows = max_shift_px - shifts[:, :1] + torch.arange(height)
    columns = max_shift_px - shifts[:, 1:] + torch.arange(width)
    each = torch.arange(n)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()
