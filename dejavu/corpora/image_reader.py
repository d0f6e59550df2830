"""Read images by uri, from files, tar shards or Parquet parts, as RGB.

A uri is relative to the corpus: ``class/image.jpg``, ``shard.tar#member.jpg`` or
``part-00000.parquet#17``. ``source.json`` in the images folder of a lane says where that is.
"""

import collections
import io
import json
import tarfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from dejavu.errors import ArtifactError, DataError
from dejavu.params.machine import data_folder

SOURCE = "source.json"
IMAGE_COLUMN = "image"
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_BLOCKS_KEPT = 8  # row groups of Parquet parts, and tar indexes, held in memory


class ImageError(DataError):
    """One image cannot be used; `reason` is one word that can be counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class NoImagesError(DataError):
    """The corpus is a list of samples; their images are elsewhere."""


class ImageReader:
    """Opens the images of one lane. Threads may share a reader; processes open their own."""

    def __init__(self, root: Path) -> None:
        """Read uris relative to `root`; see `open` for the usual way in."""
        self.root = root
        self._lock = threading.Lock()
        self._row_groups: _Recent = _Recent(_BLOCKS_KEPT)
        self._tars: _Recent = _Recent(_BLOCKS_KEPT)
        self._parquets: dict[str, tuple[pq.ParquetFile, np.ndarray]] = {}

    @classmethod
    def open(cls, images: Path, data_root: str) -> "ImageReader":
        """Open the images that stage ``corpus`` described in folder `images`.

        Args:
            images: folder with ``source.json``, and the images themselves if embedded.
            data_root: ``machine.data_root``; the variable DEJAVU_DATA_ROOT overrides it.

        Raises:
            ArtifactError: `images` was not made by stage ``corpus``.
            NoImagesError: the corpus has no images.
        """
        path = images / SOURCE
        if not path.is_file():
            raise ArtifactError(f"{path}: not there. Run `dvc repro` to build it.")
        source = json.loads(path.read_text(encoding="utf-8"))
        if source["kind"] == "none":
            raise NoImagesError(
                f"{path}: this corpus is a list of samples without images (adapter samples_table), and "
                "this stage needs their pixels. Use what was made where they are: vectors (models with "
                "source: embeddings), tags and objects (source: table), guesses (image.predictions); "
                "leave image.classifiers empty."
            )
        if source["kind"] == "embedded":
            return cls(images)
        return cls(external_root(data_root, source["root"]))

    def read(self, uri: str) -> Image.Image:
        """Return the image at `uri` as RGB, in the orientation it is stored in.

        Reading in the order of uris is cheap. EXIF orientation is ignored, as boxes ignore it.

        Raises:
            ImageError: the image is missing, unreadable, truncated, corrupt or too large.
        """
        return decode(self.read_bytes(uri), name=uri)

    def read_bytes(self, uri: str) -> bytes:
        """Return the encoded image at `uri`; raises ImageError if there is none."""
        try:
            if ".parquet#" in uri:
                part, _, row = uri.rpartition("#")
                return self._from_parquet(part, int(row))
            if ".tar#" in uri:
                shard, _, member = uri.partition(".tar#")
                return self._from_tar(f"{shard}.tar", member)
            return (self.root / uri).read_bytes()
        except tarfile.ReadError as error:
            raise ImageError("unreadable", f"{self.root / uri}: {error}") from None
        except OSError as error:
            raise ImageError("missing", f"{self.root / uri}: {error.strerror or error}") from None

    def _from_parquet(self, part: str, row: int) -> bytes:
        with self._lock:
            if part not in self._parquets:
                parquet = pq.ParquetFile(self.root / part)
                counts = [
                    parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)
                ]
                self._parquets[part] = (parquet, np.cumsum([0, *counts]))
            parquet, starts = self._parquets[part]
            if not 0 <= row < starts[-1]:
                raise ImageError("missing", f"{self.root / part} has no row {row}")
            group = int(np.searchsorted(starts, row, side="right")) - 1
            column = self._row_groups.get((part, group))
            if column is None:
                column = parquet.read_row_group(group, columns=[IMAGE_COLUMN])[0]
                self._row_groups.put((part, group), column)
        return bytes(column[row - int(starts[group])].as_py())

    def _from_tar(self, shard: str, member: str) -> bytes:
        with self._lock:
            places = self._tars.get(shard)
            if places is None:
                places = tar_members(self.root / shard)
                self._tars.put(shard, places)
        if member not in places:
            raise ImageError("missing", f"{self.root / shard} has no member {member}")
        offset, n_bytes = places[member]
        with (self.root / shard).open("rb") as stream:
            stream.seek(offset)
            return stream.read(n_bytes)

    def __enter__(self) -> "ImageReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for parquet, _ in self._parquets.values():
            parquet.close()
        self._parquets.clear()


def external_root(data_root: str, root: str) -> Path:
    """Return the folder of a corpus that lies outside the project."""
    return data_folder(data_root) / root


def tar_members(shard: Path) -> dict[str, tuple[int, int]]:
    """Return where each member of a tar file starts and how long it is, up to where it is cut off."""
    places: dict[str, tuple[int, int]] = {}
    with tarfile.open(shard, "r:") as archive:
        try:
            for member in archive:
                if member.isfile():
                    places[member.name] = (member.offset_data, member.size)
        except tarfile.ReadError:
            pass  # a download that stopped half way: the members before the cut are good
    return places


def decode(encoded: bytes, *, name: str = "image") -> Image.Image:
    """Return the encoded image as RGB, whatever its file is called.

    Grey, CMYK, palette and 16-bit images are converted.

    Raises:
        ImageError: with reason ``unreadable`` (no image of a known format), ``truncated``,
            ``corrupt``, or ``too_large`` (more pixels than Pillow thinks safe).
    """
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too_large", f"{name}: {error}") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError("unreadable", f"{name}: {error}") from None
    try:
        image.load()
        return _to_rgb(image)
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        reason = "truncated" if "truncat" in str(error).lower() else "corrupt"
        raise ImageError(reason, f"{name}: {error}") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip instead of scaling
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "P":  # a palette may carry transparency, which only RGBA understands
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


class _Recent:
    """The last few values put in, by key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: collections.OrderedDict[Any, Any] = collections.OrderedDict()

    def get(self, key: Any) -> Any:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: Any, value: Any) -> None:
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
