"""Read images by uri, from files, tar shards or Parquet parts, as RGB.

A uri is relative to the corpus: ``class/image.jpg``, ``shard.tar#member.jpg`` or
``part-00000.parquet#17``. ``source.json`` in the images folder of a lane says where that is.
"""

import hashlib
import io
import os
import stat
import struct
import threading
import unicodedata
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from dejavu.corpora.roots import external_root
from dejavu.corpora.tar_files import list_members
from dejavu.errors import ArtifactError, DataError
from dejavu.files import json_files
from dejavu.files.recent import Recent
from dejavu.files.remote import AnyPath, Copies, RemotePath

SOURCE = "source.json"
IMAGE_COLUMN = "image"
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
LOW_RANGE = 1 << 12  # 16-bit images below it hold fewer bits: nobody says how many
_BLOCKS_KEPT = 8  # row groups of Parquet parts, and tar indexes, held in memory


# What Pillow's plugins raise on bytes that are not what they should be.
BROKEN = (
    UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError,
    AttributeError, OverflowError, AssertionError, NotImplementedError, RuntimeError, struct.error,
    zlib.error, MemoryError,
)  # fmt: skip


class ImageError(DataError):
    """One image cannot be used; `reason` is one word that can be counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class NoImagesError(DataError):
    """The corpus is a list of samples; their images are elsewhere."""


class ImageReader:
    """Opens the images of one lane. Threads may share a reader; processes open their own."""

    def __init__(self, root: AnyPath, *, max_bytes: int | None = None) -> None:
        """Read uris relative to `root`, of at most `max_bytes` each; see `open` for the usual way in."""
        self.root = root
        self.max_bytes = max_bytes
        self._real_root = os.path.realpath(root) if isinstance(root, Path) else str(root)
        self._copies = Copies()
        self._lock = threading.Lock()
        self._row_groups: Recent = Recent(_BLOCKS_KEPT)
        self._tars: Recent = Recent(_BLOCKS_KEPT)
        self._parquets: dict[str, tuple[pq.ParquetFile, np.ndarray]] = {}
        self._expected: dict[str, str] = {}

    @classmethod
    def open(cls, images: Path, data_root: str) -> "ImageReader":
        """Open the images that stage ``corpus`` described in folder `images`.

        Args:
            images: folder with ``source.json``, and the images themselves if embedded.
            data_root: ``machine.data_root``; the variable DEJAVU_DATA_ROOT overrides it.

        Raises:
            ArtifactError: `images` was not made by stage ``corpus``, or its description is damaged.
            NoImagesError: the corpus has no images.
        """
        path = images / SOURCE
        if not path.is_file():
            raise ArtifactError(f"{path}: not there. Run `dvc repro` to build it.")
        source = json_files.mapping(path)
        if source.get("kind") == "none":
            raise NoImagesError(
                f"{path}: this corpus is a list of samples without images (adapter samples_table), and "
                "this stage needs their pixels. Use what was made where they are: vectors (models with "
                "source: embeddings), tags and objects (source: table), guesses (image.predictions); "
                "leave image.classifiers empty."
            )
        if source.get("kind") == "embedded":
            return cls(images)
        if "root" not in source:
            raise ArtifactError(f"{path}: names no root. Run `dvc repro` to make it again.")
        return cls(external_root(data_root, source["root"]))

    def expect(self, rows: pa.Table) -> None:
        """Refuse, from now on, images that are not those that stage ``corpus`` listed.

        Args:
            rows: columns uri and content_hash (null: nobody knows) of the images that will be read.
        """
        hashes = zip(rows["uri"].to_pylist(), rows["content_hash"].to_pylist(), strict=True)
        self._expected = {uri: content_hash for uri, content_hash in hashes if content_hash}

    def read(self, uri: str) -> Image.Image:
        """Return the image at `uri` as RGB, in the orientation it is stored in.

        Reading in the order of uris is cheap. EXIF orientation is ignored, as boxes ignore it.

        Args:
            uri: relative to the root.

        Raises:
            ImageError: the image is missing, unreadable, truncated, corrupt or too large, or is not
                the one that is expected, see `expect`.
        """
        encoded = self.read_bytes(uri)
        content_hash = self._expected.get(uri)
        if content_hash is not None and content_hash != hash_of(encoded):
            raise ImageError(
                "changed",
                f"{self.root / uri}: is not the image that stage corpus listed. Run `dvc repro` again, and "
                "leave the images alone while it runs.",
            )
        return decode(encoded, name=uri)

    def read_bytes(self, uri: str) -> bytes:
        """Return the encoded image at `uri`; raises ImageError if there is none."""
        try:
            if ".parquet#" in uri:
                part, _, row = uri.rpartition("#")
                return self._from_parquet(part, int(row))
            if ".tar#" in uri:
                shard, _, member = uri.partition(".tar#")
                return self._from_tar(f"{shard}.tar", member)
            return self._from_file(uri)
        except (OSError, ValueError, pa.ArrowException) as error:
            text = getattr(error, "strerror", None) or error
            raise ImageError("missing", f"{self.root / uri}: {text}") from None

    def _from_file(self, uri: str) -> bytes:
        path = self.root / uri
        if isinstance(
            path, RemotePath
        ):  # listed by its name as it is, and each question is a request
            return self._from_store(path)
        if not path.exists():  # the same name, its letters composed in another way
            others = (unicodedata.normalize(form, uri) for form in ("NFC", "NFD"))
            path = next((self.root / each for each in others if (self.root / each).exists()), path)
        self._require_inside(path)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("no_file", f"{path}: is no regular file")
        self._require_size(status.st_size, path)
        return path.read_bytes()

    def _from_store(self, path: RemotePath) -> bytes:
        self._require_inside(path)
        self._require_size(path.stat().st_size, path)
        return path.read_bytes()

    def _require_inside(self, path: AnyPath) -> None:
        if isinstance(path, RemotePath):
            if not path.is_inside():
                raise ImageError("outside_root", f"{path}: leads out of the corpus root")
            return
        real = os.path.realpath(path)
        if os.path.commonpath([real, self._real_root]) != self._real_root:
            raise ImageError(
                "outside_root",
                f"{path}: leads to {real}, out of the corpus root {self._real_root}",
            )

    def _require_size(self, n_bytes: int, path: AnyPath | str) -> None:
        if self.max_bytes is not None and n_bytes > self.max_bytes:
            raise ImageError("too_large", f"{path}: {n_bytes} bytes, more than {self.max_bytes}")

    def _from_parquet(self, part: str, row: int) -> bytes:
        with self._lock:
            if part not in self._parquets:
                parquet = pq.ParquetFile(self._copies.local(self.root / part))
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
                self._require_inside(self.root / shard)
                listing = list_members(self._copies.local(self.root / shard))
                if listing.state == "no_tar":
                    raise ImageError("unreadable", f"{self.root / shard}: is no tar file")
                places = {place.name: (place.offset, place.n_bytes) for place in listing.places}
                self._tars.put(shard, places)
        if member not in places:
            raise ImageError("missing", f"{self.root / shard} has no member {member}")
        offset, n_bytes = places[member]
        self._require_size(n_bytes, f"{shard}#{member}")
        with self._opened(shard) as stream:
            stream.seek(offset)
            return stream.read(n_bytes)

    def _opened(self, shard: str) -> BinaryIO:
        with self._lock:  # a copy stays until its last reader has closed it
            return self._copies.local(self.root / shard).open("rb")

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
        self._copies.close()


def hash_of(encoded: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of an encoded image."""
    return hashlib.sha256(encoded).hexdigest()[:16]


def decode(encoded: bytes, *, name: str = "image", max_pixels: int | None = None) -> Image.Image:
    """Return the encoded image as RGB, whatever its file is called.

    Grey, CMYK, palette and 16-bit images are converted.

    Args:
        encoded: the bytes of the file.
        name: of the image, for messages.
        max_pixels: what may be decoded; the header tells before anything is. None: Pillow's limit.

    Raises:
        ImageError: with reason ``unreadable`` (no image of a known format), ``truncated``, ``corrupt``,
            ``too_large`` (more pixels than allowed), or ``unknown_range`` (nobody says which value of
            its pixels is white).
    """
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too_large", f"{name}: {error}") from None
    except BROKEN as error:
        raise ImageError("unreadable", f"{name}: {error}") from None
    if max_pixels is not None and image.width * image.height > max_pixels:
        raise ImageError(
            "too_large", f"{name}: {image.width}x{image.height} pixels, more than {max_pixels}"
        )
    try:
        image.load()
        return _to_rgb(image, name)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("too_large", f"{name}: {error}") from None
    except BROKEN as error:
        reason = "truncated" if "truncat" in str(error).lower() else "corrupt"
        raise ImageError(reason, f"{name}: {error}") from None


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):  # grey: Pillow would clip instead of scaling
        pixels = np.asarray(image)
        if pixels.max(initial=0) < LOW_RANGE:
            raise ImageError(
                "unknown_range",
                f"{name}: 16-bit pixels up to {pixels.max(initial=0)}: black, or fewer bits than 16",
            )
        return Image.fromarray((pixels >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ImageError("unknown_range", f"{name}: pixels of 32 bits, whose white nobody states")
    if image.mode == "P":  # a palette may carry transparency, which only RGBA understands
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")
