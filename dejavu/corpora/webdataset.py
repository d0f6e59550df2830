"""Corpus ``webdataset``: tar shards as img2dataset writes them (CC3M, CC12M, YFCC15M, LAION).

A sample is the members of one shard that share a key: the member's name up to the first dot after the last
slash. Keys may have gaps and come in any order, members of a sample need not be adjacent, a shard may be cut
off, captions may be missing or empty. Images that could not be downloaded have no member; they are counted
from the shard's Parquet file where it lies beside it, and so are those that were and are gone.
"""

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dejavu.corpora.records import Record
from dejavu.corpora.roots import external_root
from dejavu.corpora.tar_files import Listing, Place, State, list_members
from dejavu.errors import DataError
from dejavu.files.remote import AnyPath, Copies, RemotePath
from dejavu.params.caption_corpora import WebDatasetParams
from dejavu.run.progress import say
from dejavu.tables.brought_values import whole

IMAGE_EXTENSIONS = (
    "jpg",
    "jpeg",
    "png",
    "webp",
    "gif",
    "bmp",
    "tif",
    "tiff",
    "jfif",
    "jpe",
    "avif",
)
MAX_CAPTION_BYTES = 1_000_000  # a larger text member is no caption


class WebDataset:
    """Lists the samples of all shards, shard by shard in name order, by key within a shard."""

    labels: tuple[str, ...] = ()

    def __init__(self, settings: WebDatasetParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.settings = settings
        self.root: str | None = settings.root
        self.folder = external_root(data_root, settings.root)
        self._copies = Copies()  # of shards in an object store: each is read once, as a whole

    def records(self) -> Iterator[Record]:
        """Yield a record for every key; a repeated image, key or member is a problem.

        So is a key without an image that has a caption, or an image under another name than
        ``<key>.<extension>`` (``no_image``). Other keys are no samples.

        What a shard has lost is a problem, too: each sample that the shard's Parquet file lists as
        downloaded and the shard does not hold (``lost_from_shard``), and the shard itself where it is
        empty, damaged or cut off (``shard_<state>``).

        Raises:
            DataError: no shard fits the pattern.
        """
        shards = self._shards()
        if not shards:
            raise DataError(
                f"{self.folder}: no file fits caption.corpus.shards {self.settings.shards!r}."
            )
        n_failed = n_without_image = 0
        for place in shards:
            shard = self.folder / place
            keys, state = self._grouped(shard)
            found = set()
            for key, members in sorted(keys.items()):
                if not any(extension in members for extension in IMAGE_EXTENSIONS):
                    if self._is_sample(members):
                        found.add(key)
                        stem = f"{place.removesuffix('.tar')}/{key}"
                        for name in _misnamed(members):
                            yield Record(
                                name=f"{stem}{name}", uri=f"{place}#{key}", problem="no_image"
                            )
                    else:
                        n_without_image += 1
                    continue
                found.add(key)
                yield self._record(place, key, members)
            successes, n = self._status(shard.with_suffix(".parquet"))
            n_failed += n
            for key in sorted(successes - found):
                yield Record(
                    name=f"{place.removesuffix('.tar')}/{key}", uri=f"{place}#{key}",
                    problem="lost_from_shard",
                )  # fmt: skip
            if state != "whole":
                yield Record(name=f"{place} (end)", uri=f"{place}#", problem=f"shard_{state}")
        say(
            f"webdataset: {len(shards)} shards; {n_failed} rows failed to download, "
            f"{n_without_image} keys without image and caption; neither is a sample"
        )

    def _grouped(self, shard: AnyPath) -> tuple[dict[str, dict[str, list[Place]]], State]:
        """Return the members of a shard by key, up to where it is cut off, and its state."""
        try:
            listing = list_members(self._copies.local(shard))
        except OSError as error:
            raise DataError(f"{shard}: cannot be read: {error.strerror or error}") from None
        return _by_key(listing), listing.state

    def _status(self, path: AnyPath) -> tuple[set[str], int]:
        """Return which keys img2dataset's Parquet file lists as downloaded, and how many are not."""
        if not path.is_file():
            return set(), 0
        try:
            rows = pq.read_table(self._copies.local(path), columns=["key", "status"])
            is_success = pc.equal(rows["status"], "success")
            keys = rows["key"].filter(is_success).cast(pa.string()).to_pylist()
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            say(
                f"{path}: does not tell which samples were downloaded: {str(error).splitlines()[0]}"
            )
            return set(), 0
        return set(keys) - {None}, rows.num_rows - len(keys)

    def _is_sample(self, members: dict[str, list[Place]]) -> bool:
        """Whether a key without an image lost one: it has a caption, or an image of another name."""
        ends = {extension.rpartition(".")[2] for extension in members}
        return bool(ends & {*self.settings.caption_extensions, *IMAGE_EXTENSIONS})

    def _shards(self) -> list[str]:
        """Return the shards' paths below the folder, in the order of their names."""
        folder, pattern = self.folder, self.settings.shards
        if isinstance(folder, RemotePath):
            return [path.url.removeprefix(f"{folder}/") for path in sorted(folder.glob(pattern))]
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        return [path.relative_to(folder).as_posix() for path in found]

    def _record(self, place: str, key: str, members: dict[str, list[Place]]) -> Record:
        images = [each for ext in IMAGE_EXTENSIONS for each in members.get(ext, [])]
        is_repeated = len(images) > 1 or any(len(each) > 1 for each in members.values())
        return Record(
            name=f"{place.removesuffix('.tar')}/{key}",
            uri=f"{place}#{images[0].name}",
            caption=self._caption(self.folder / place, members),
            problem="repeated_key" if is_repeated else None,
        )

    def _caption(self, shard: AnyPath, members: dict[str, list[Place]]) -> str | None:
        """Return the first caption that is not empty, among the extensions in the order asked for."""
        with self._copies.local(shard).open("rb") as stream:
            for extension in self.settings.caption_extensions:
                for place in members.get(extension, []):
                    if place.n_bytes > MAX_CAPTION_BYTES:
                        continue
                    stream.seek(place.offset)
                    text = stream.read(place.n_bytes).decode("utf-8-sig", errors="replace")
                    caption = _from_json(text) if extension == "json" else text.strip()
                    if caption:
                        return whole(caption)
        return None


def _misnamed(members: dict[str, list[Place]]) -> list[str]:
    """Return what follows the key in the names of images that are not called ``<key>.<extension>``."""
    ends = [end for end in members if end.rpartition(".")[2] in IMAGE_EXTENSIONS]
    return ["", *(f".{end}" for end in sorted(ends)[1:])]


def _by_key(listing: Listing) -> dict[str, dict[str, list[Place]]]:
    """Return {key: {lower-case extension: places}} of a shard's members."""
    keys: dict[str, dict[str, list[Place]]] = {}
    for place in listing.places:
        folder, slash, file = place.name.rpartition("/")
        stem, dot, extension = file.partition(".")
        if not dot or not stem or (stem.startswith("__") and stem.endswith("__")):
            continue
        of_key = keys.setdefault(whole(f"{folder}{slash}{stem}"), {})
        of_key.setdefault(extension.lower(), []).append(place)
    return keys


def _from_json(text: str) -> str | None:
    try:
        caption = json.loads(text).get("caption")
    except (ValueError, AttributeError, RecursionError):
        return None
    return whole(caption).strip() if isinstance(caption, str) else None
