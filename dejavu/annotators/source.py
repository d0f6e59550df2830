"""Where an annotator finds the crops and their pixels."""

import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8
from PIL import Image

from dejavu import evidence
from dejavu.pictures import PictureReader

_CROPS_AHEAD = 64  # decoded at once, per worker


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CropSource:
    """The tables that list the crops, and the pictures they are cut from."""

    samples: Path
    crops: Path
    pictures: Path  # folder that stage ``corpus`` wrote
    data_root: str  # ``machine.data_root``

    def kept(self, roles: Sequence[str], *, columns: Sequence[str] = ()) -> pa.Table:
        """Return the kept crops of `roles`, see `evidence.kept_crops`."""
        return evidence.kept_crops(self.samples, self.crops, roles=roles, columns=columns)

    def origin(self) -> dict[str, str]:
        """Return the fingerprints of the tables, see `evidence.origin`."""
        return evidence.origin(self.samples, self.crops)

    def pixels(
        self, crops: pa.Table, *, max_side_px: int, workers: int
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yield the pixels of each crop in order, decoded by threads, few at a time.

        Args:
            crops: rows of `kept` with column uri.
            max_side_px: crops with a longer side are scaled down until it is this.
            workers: threads.
        """
        rows = crops.select(["uri", "x0", "y0", "x1", "y1"])
        with (
            PictureReader.open(self.pictures, self.data_root) as reader,
            ThreadPoolExecutor(workers) as threads,
        ):
            for start in range(0, rows.num_rows, step := _CROPS_AHEAD * workers):
                some = rows.slice(start, step).to_pylist()
                yield from threads.map(lambda row: _cut(reader, row, max_side_px), some)


def _cut(
    reader: PictureReader, row: dict[str, Any], max_side_px: int
) -> UInt8[np.ndarray, "height width 3"]:
    box = (row["x0"], row["y0"], row["x1"], row["y1"])
    # Cut first, then scale: the other order would mix the hidden object into the crop's rim.
    crop = reader.read(row["uri"]).crop(box)
    longer = max(crop.size)
    if longer > max_side_px:
        width, height = (max(1, round(side * max_side_px / longer)) for side in crop.size)
        crop = crop.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(crop, dtype=np.uint8)
