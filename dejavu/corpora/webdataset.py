"""Corpus ``webdataset``: tar shards as img2dataset writes them (CC3M, CC12M, YFCC15M, LAION).

A sample is the members of one shard that share a key: the member's name up to the first dot after the last
slash. Keys may have gaps and come in any order, members of a sample need not be adjacent, a shard may be cut
off, captions may be missing or empty. Images that could not be downloaded have no member; they are counted
from the shard's Parquet file where it lies beside it.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dejavu.corpora.image_reader import external_root, tar_members
from dejavu.corpora.records import Record
from dejavu.errors import DataError
from dejavu.params.caption_corpora import WebDatasetParams
from dejavu.run.progress import say

IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
MAX_CAPTION_BYTES = 1_000_000  # a larger text member is no caption
Place = tuple[str, int, int]  # member name, offset in the shard, bytes


class WebDataset:
    """Lists the samples of all shards, shard by shard in name order, by key within a shard."""

    labels: tuple[str, ...] = ()

    def __init__(self, settings: WebDatasetParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.settings = settings
        self.root: str | None = settings.root
        self.folder = external_root(data_root, settings.root)

    def records(self) -> Iterator[Record]:
        """Yield a record for every key that has an image; a repeated image or key is a problem.

        Raises:
            DataError: no shard fits the pattern.
        """
        shards = sorted(self.folder.glob(self.settings.shards))
        if not shards:
            raise DataError(
                f"{self.folder}: no file fits caption.corpus.shards {self.settings.shards!r}."
            )
        n_failed = n_without_image = 0
        for shard in shards:
            n_failed += _count_failed(shard.with_suffix(".parquet"))
            for key, members in sorted(_grouped(shard).items()):
                if not any(extension in members for extension in IMAGE_EXTENSIONS):
                    n_without_image += 1
                    continue
                yield self._record(shard, key, members)
        say(
            f"webdataset: {len(shards)} shards; {n_failed} rows failed to download, "
            f"{n_without_image} keys without an image; neither is a sample"
        )

    def _record(self, shard: Path, key: str, members: dict[str, list[Place]]) -> Record:
        place = shard.relative_to(self.folder).as_posix()
        images = [each for ext in IMAGE_EXTENSIONS for each in members.get(ext, [])]
        return Record(
            name=f"{place.removesuffix('.tar')}/{key}",
            uri=f"{place}#{images[0][0]}",
            caption=self._caption(shard, members),
            problem="repeated_key" if len(images) > 1 else None,
        )

    def _caption(self, shard: Path, members: dict[str, list[Place]]) -> str | None:
        """Return the first caption that is not empty, among the extensions in the order asked for."""
        with shard.open("rb") as stream:
            for extension in self.settings.caption_extensions:
                for _, offset, size in members.get(extension, []):
                    if size > MAX_CAPTION_BYTES:
                        continue
                    stream.seek(offset)
                    text = stream.read(size).decode("utf-8", errors="replace")
                    caption = _from_json(text) if extension == "json" else text.strip()
                    if caption:
                        return caption
        return None


def _grouped(shard: Path) -> dict[str, dict[str, list[Place]]]:
    """Return {key: {lower-case extension: places}} of a shard, up to where it is cut off."""
    try:
        members = tar_members(shard)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{shard}: not a readable tar file: {error}") from None
    size = shard.stat().st_size
    keys: dict[str, dict[str, list[Place]]] = {}
    for name, (offset, n_bytes) in members.items():
        folder, slash, file = name.rpartition("/")
        stem, dot, extension = file.partition(".")
        if not dot or (stem.startswith("__") and stem.endswith("__")) or offset + n_bytes > size:
            continue
        of_key = keys.setdefault(f"{folder}{slash}{stem}", {})
        of_key.setdefault(extension.lower(), []).append((name, offset, n_bytes))
    return keys


def _from_json(text: str) -> str | None:
    try:
        caption = json.loads(text).get("caption")
    except (json.JSONDecodeError, AttributeError):
        return None
    return caption.strip() if isinstance(caption, str) else None


def _count_failed(path: Path) -> int:
    """Return how many rows of img2dataset's Parquet file are not `success`; 0 where there is none."""
    try:
        status = pq.read_table(path, columns=["status"])["status"]
    except (OSError, pa.ArrowException):
        return 0
    return int(pc.sum(pc.not_equal(status, "success")).as_py() or 0)
