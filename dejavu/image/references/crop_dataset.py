"""Crops as 8-bit squares for a network: kept in memory where they fit, decoded on the fly otherwise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

from dejavu.corpora.image_reader import ImageReader

Resize = Literal["squash", "mirror"]
MEMORY_BYTES = 2 * 1024**3  # squares up to this size are kept


def square(crop: Image.Image, size_px: int, resize: Resize) -> UInt8[np.ndarray, "3 size size"]:
    """Make a crop square.

    Args:
        crop: RGB, of any shape.
        size_px: side of the square.
        resize: ``squash`` scales each side to `size_px`; ``mirror`` first continues the shorter side
            by mirror images of the crop, so that textures keep their proportions.
    """
    if resize == "mirror":
        side = max(crop.size)
        padding = ((0, side - crop.height), (0, side - crop.width), (0, 0))
        crop = Image.fromarray(np.pad(np.asarray(crop), padding, mode="symmetric"))
    if crop.size != (size_px, size_px):
        crop = crop.resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(crop, dtype=np.uint8).transpose(2, 0, 1)


class CropSquares:
    """The crops of some samples, as batches in any order; both ways of keeping give the same pixels."""

    def __init__(
        self,
        crops: pa.Table,
        *,
        images: Path,
        data_root: str,
        size_px: int,
        resize: Resize,
        workers: int,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """Prepare the crops; columns uri, x0, y0, x1 and y1 say where they are."""
        self._source = _Decoder(crops, images, data_root, size_px, resize)
        self._workers = workers
        self._kept: Tensor | None = None
        if crops.num_rows and crops.num_rows * 3 * size_px**2 <= memory_bytes:
            self._kept = self._source[list(range(crops.num_rows))]

    def batches(
        self, rows: Int[Tensor, " n_rows"], batch_size: int
    ) -> Iterator[UInt8[Tensor, "n 3 size size"]]:
        """Yield the squares of `rows` in that order, `batch_size` at a time; a rest is yielded too."""
        chunks = [chunk.tolist() for chunk in rows.split(batch_size) if len(chunk)]
        if self._kept is not None:
            yield from (self._kept[chunk] for chunk in chunks)
            return
        yield from torch.utils.data.DataLoader(
            self._source, sampler=chunks, batch_size=None, num_workers=self._workers
        )


class _Decoder(torch.utils.data.Dataset[Tensor]):
    """Decodes lists of rows; each worker process opens a reader of its own."""

    def __init__(
        self, crops: pa.Table, images: Path, data_root: str, size_px: int, resize: Resize
    ) -> None:
        self._uris = crops["uri"].combine_chunks()
        self._boxes = np.stack(
            [crops[side].to_numpy() for side in ("x0", "y0", "x1", "y1")], axis=1
        )
        self._images, self._data_root = images, data_root
        self._size_px: int = size_px
        self._resize: Resize = resize
        self._reader: ImageReader | None = None

    def __getitem__(self, rows: list[int]) -> Tensor:
        if self._reader is None:
            self._reader = ImageReader.open(self._images, self._data_root)
        squares = np.empty((len(rows), 3, self._size_px, self._size_px), dtype=np.uint8)
        for place, row in enumerate(rows):
            # Cut first: resizing with a box would let the filter see the hidden object just outside.
            crop = self._reader.read(self._uris[row].as_py()).crop(tuple(self._boxes[row].tolist()))
            squares[place] = square(crop, self._size_px, self._resize)
        return torch.from_numpy(squares)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_reader": None}
