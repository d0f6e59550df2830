"""Where annotators find crops or whole images, and their pixels."""

import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from PIL import Image

from dejavu.corpora.image_reader import ImageReader
from dejavu.image import kept_crops

_CORNERS = ("x0", "y0", "x1", "y1")
_AHEAD = 64  # decoded at once, per worker


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CropSource:
    """The tables that list the crops, and the images they are cut from."""

    samples: Path
    crops: Path
    images: Path  # folder that stage ``corpus`` wrote
    data_root: str  # ``machine.data_root``

    def kept(self, roles: Sequence[str], *, columns: Sequence[str] = ()) -> pa.Table:
        """Return the kept crops of `roles`, see `evidence.kept_crops`."""
        return kept_crops.kept_crops(self.samples, self.crops, roles=roles, columns=columns)

    def origin(self) -> dict[str, str]:
        """Return the fingerprints of the tables, see `evidence.origin`."""
        return kept_crops.origin(self.samples, self.crops)

    def opened(
        self, crops: pa.Table, *, workers: int, max_side_px: int | None = None
    ) -> Iterator[Image.Image]:
        """Yield each crop in order; `crops` are rows of `kept` with column uri, see `decoded`."""
        rows = crops.select(["uri", *_CORNERS])
        with ImageReader.open(self.images, self.data_root) as reader:
            yield from decoded(rows, reader, workers=workers, max_side_px=max_side_px)

    def pixels(
        self, crops: pa.Table, *, workers: int, max_side_px: int
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yield the pixels of each crop in order, see `decoded`."""
        for image in self.opened(crops, workers=workers, max_side_px=max_side_px):
            yield np.asarray(image, dtype=np.uint8)


def decoded(
    rows: pa.Table, reader: ImageReader, *, workers: int, max_side_px: int | None = None
) -> Iterator[Image.Image]:
    """Yield images, or the crop of each, in order as RGB, decoded by threads, few at a time.

    Args:
        rows: column uri; with columns x0, y0, x1 and y1 the crop is yielded.
        reader: opens the uris.
        workers: threads.
        max_side_px: what has a longer side is scaled down until it is this; None: nothing is.
    """
    with ThreadPoolExecutor(workers) as threads:
        for start in range(0, rows.num_rows, step := _AHEAD * workers):
            some = rows.slice(start, step).to_pylist()
            yield from threads.map(lambda row: _read(reader, row, max_side_px), some)


def _read(reader: ImageReader, row: dict[str, Any], max_side_px: int | None) -> Image.Image:
    image = reader.read(row["uri"])
    if "x0" in row:
        # Cut first, then scale: the other order would mix the hidden object into the crop's rim.
        image = image.crop(tuple(row[corner] for corner in _CORNERS))
    longer = max(image.size)
    if max_side_px is not None and longer > max_side_px:
        width, height = (max(1, round(side * max_side_px / longer)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return image
