"""Images as 8-bit tensors of one size: from memory where they fit, decoded on the fly otherwise."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

Resize = Literal["squash", "center", "center_down"]
Resample = Literal["bilinear", "bicubic"]
CHUNK = 64  # images that a worker decodes before it hands them over
MEMORY_BYTES = 2 * 1024**3  # decoded images up to this size are kept in memory


@runtime_checkable
class Reader(Protocol):
    """What opens images: `dejavu.corpora.image_reader.ImageReader`, or a stand-in."""

    def read(self, uri: str) -> Image.Image:
        """Return the RGB image at `uri`."""


def resized(
    image: Image.Image,
    size_px: int,
    resize: Resize,
    *,
    shorter_px: int | None = None,
    resample: Resample = "bilinear",
) -> UInt8[np.ndarray, "3 size size"]:
    """Resize to a square, with antialiasing.

    Args:
        image: an RGB image of any size.
        size_px: side of the square.
        resize: ``squash`` scales both sides to `shorter_px`, ``center`` only the shorter one; then the
            middle square is cut out. An odd rest is halved as torchvision does, for ``center_down``
            as transformers does: down.
        shorter_px: at least `size_px`; None: `size_px`.
        resample: the filter.
    """
    shorter = max(size_px, shorter_px or size_px)
    sides = (shorter, shorter)
    if resize != "squash":  # the longer side is cut to whole pixels, as both libraries do
        short = min(image.size)
        width, height = (int(shorter * side / short) for side in image.size)
        sides = (width, height)
    if image.size != sides:
        image = image.resize(sides, Image.Resampling[resample.upper()])
    rests = [side - size_px for side in sides]
    is_down = resize == "center_down"
    left, top = (rest // 2 if is_down else round(rest / 2) for rest in rests)
    image = image.crop((left, top, left + size_px, top + size_px))
    return np.asarray(image, dtype=np.uint8).transpose(2, 0, 1)


def load_pixels(
    reader: Reader,
    uris: Sequence[str],
    boxes: Int[np.ndarray, "n 4"] | None,
    size_px: int,
    *,
    resize: Resize = "squash",
    shorter_px: int | None = None,
    resample: Resample = "bilinear",
) -> UInt8[Tensor, "n 3 size size"]:
    """Read images, or the box cut out of each, as one tensor.

    Args:
        reader: opens a uri as an RGB image.
        uris: one per image; the same order comes back.
        boxes: x0, y0, x1, y1 in pixels (x1, y1 excluded) per image, or None for whole images.
        size_px: side of the square that every image is resized to.
        resize: see `resized`, also for the rest.
        shorter_px: for ``center``.
        resample: the filter.
    """
    pixels = np.empty((len(uris), 3, size_px, size_px), dtype=np.uint8)
    for row, uri in enumerate(uris):
        image = reader.read(uri)
        if boxes is not None:
            # Cut first: resizing with a box would let the filter see pixels just outside of it,
            # which is where the hidden object is.
            image = image.crop(tuple(boxes[row].tolist()))
        pixels[row] = resized(image, size_px, resize, shorter_px=shorter_px, resample=resample)
    return torch.from_numpy(pixels)


class TrainingImages:
    """The images of one role, as batches of 8-bit squares in any order.

    Images are kept in memory when all of them decoded take at most `memory_bytes`; otherwise a
    DataLoader with `workers` processes decodes each batch when it is asked for. Both give the same
    pixels.
    """

    def __init__(
        self,
        uris: Sequence[str],
        *,
        images: Path,
        data_root: str,
        size_px: int,
        workers: int,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.uris = uris
        self._source = _Decoder(self.uris, images, data_root, size_px)
        self._workers = workers
        self._pixels: Tensor | None = None
        if len(self.uris) * 3 * size_px**2 <= memory_bytes:
            self._pixels = self._source[list(range(len(self.uris)))]

    def __len__(self) -> int:
        return len(self.uris)

    def batches(
        self, rows: Int[Tensor, " n_rows"], batch_size: int
    ) -> Iterator[UInt8[Tensor, "n 3 size size"]]:
        """Yield the images of `rows` in that order, `batch_size` at a time; a rest is yielded too."""
        if self._pixels is not None:
            for chunk in rows.split(batch_size):
                yield self._pixels[chunk.tolist()]
            return
        loader = torch.utils.data.DataLoader(
            self._source, sampler=_Chunks(rows, batch_size), batch_size=None,
            num_workers=self._workers,
        )  # fmt: skip
        done, parts = 0, list[Tensor]()
        for part in loader:
            parts.append(part)
            done += len(part)
            if done % batch_size == 0 or done == len(rows):
                yield torch.cat(parts)
                parts = []


class _Chunks(torch.utils.data.Sampler[list[int]]):
    """Batches in pieces that several workers decode at a time; all at once they would take gigabytes."""

    def __init__(self, rows: Int[Tensor, " n_rows"], batch_size: int) -> None:
        self._rows, self._batch_size = rows, batch_size

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self._rows.split(self._batch_size):
            for chunk in batch.split(CHUNK):
                yield chunk.tolist()


class _Decoder(torch.utils.data.Dataset[Tensor]):
    """Decode lists of rows; each worker process opens a reader of its own."""

    def __init__(self, uris: Sequence[str], images: Path, data_root: str, size_px: int) -> None:
        self._uris, self._images, self._data_root = uris, images, data_root
        self._size_px = size_px
        self._reader: Reader | None = None

    def __getitem__(self, rows: list[int]) -> Tensor:
        if self._reader is None:
            from dejavu.corpora.image_reader import ImageReader

            self._reader = ImageReader.open(self._images, self._data_root)
        uris = [self._uris[row] for row in rows]
        return load_pixels(self._reader, uris, None, self._size_px, resize="squash")

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_reader": None}
