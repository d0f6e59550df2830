"""Approximate indexes of a bank: built once, kept beside the run, and mapped into memory by whoever searches.

Inverted lists that memory does not hold are filled a part at a time and merged on the disk, so that building
one takes the budget of the search, whatever the size of the bank.
"""

import functools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from dejavu.errors import ParamsError
from dejavu.run.progress import say
from dejavu.search.candidates import EXACT, Proposed, faiss, faiss_metric
from dejavu.search.held_bank import HeldBank

TRAINING_ROWS = 65_536  # bank rows that an approximate index is trained on, at least
ROWS_PER_LIST = 64  # of training, at least
LISTS, WHOLE = "lists.faiss", "whole.faiss"  # with inverted lists; any other
MERGED = "lists.ivfdata"  # where the lists are merged ones


class Index:
    """An approximate index of the bank, which may miss neighbors: no bound is stated."""

    def __init__(
        self, bank: HeldBank, factory: str, section: str, *, kept: Path | None = None
    ) -> None:
        """Build nothing yet.

        Args:
            bank: where to search.
            factory: FAISS factory string, with search parameters after a semicolon.
            section: of params.yaml that names it, for messages.
            kept: folder that keeps the index; its name tells it from those of other banks. None: it is
                built for this search alone, in memory.
        """
        self._bank, self._factory, self._section, self._kept = bank, factory, section, kept

    def nearest(self, queries: Float32[np.ndarray, "n_queries dim"], n: int) -> Proposed:
        """Return what the index finds.

        Raises:
            ParamsError: FAISS cannot build it.
        """
        index = self._ready
        parts = [index.search(tile, n) for _, tile in self._bank.tiles(queries)]
        values, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
        worst = values[:, -1].astype(np.float64)
        return Proposed(rows=rows, worst=worst, bound=np.full(len(rows), np.nan))

    def require(self) -> None:
        """Build the index unless it is kept already.

        Raises:
            ParamsError: FAISS cannot build it.
        """
        _ = self._ready

    @functools.cached_property
    def _ready(self) -> Any:
        factory, _, settings = (part.strip() for part in self._factory.partition(";"))
        bank = self._bank
        try:
            if self._kept is None:
                index = filled(bank, trained(bank, factory))
            else:
                if not self._kept.is_dir():
                    keep(bank, factory, self._kept)
                index = opened(self._kept)
            if settings:
                space: Any = faiss.ParameterSpace()
                space.set_index_parameters(index, settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ParamsError(
                f"{self._section}.index {self._factory!r} does not work on {bank.n_rows} vectors of "
                f"length {bank.dim}: {reason}. Use another FAISS factory string, or {EXACT}."
            ) from None
        return index


def trained(bank: HeldBank, factory: str) -> Any:
    """Return an empty index, trained on rows of the whole bank."""
    index = faiss.index_factory(bank.dim, factory, faiss_metric(bank))
    if not index.is_trained:
        index.train(training_rows(bank, training_size(index, bank.n_rows)))
    return index


def filled(bank: HeldBank, index: Any) -> Any:
    """Add the bank to an index, block by block."""
    for _, vectors in bank.blocks():
        index.add(bank.seen(vectors))
    return index


def keep(bank: HeldBank, factory: str, place: Path) -> None:
    """Build the index of a bank in the folder `place`, all of it or nothing; others beside it go.

    Raises:
        RuntimeError: FAISS cannot build it.
    """
    say(f"index {factory} of {bank.n_rows} vectors: training and filling it")
    shutil.rmtree(place.parent, ignore_errors=True)
    scratch = place.with_name(f"{place.name}.part")
    scratch.mkdir(parents=True)
    index = trained(bank, factory)
    lists = _lists_of(index)
    if lists is None:
        faiss.write_index(filled(bank, index), str(scratch / WHOLE))
    elif _fits(bank, lists):
        faiss.write_index(filled(bank, index), str(scratch / LISTS))
    else:
        _fill_on_disk(bank, index, lists, scratch)
    scratch.rename(place)


def opened(place: Path) -> Any:
    """Return the index of a folder, mapped into memory instead of read."""
    if (place / MERGED).is_file():  # mapped as it is: asking FAISS for it leaves the lists out
        flags = faiss.IO_FLAG_ONDISK_SAME_DIR | faiss.IO_FLAG_READ_ONLY
        return faiss.read_index(str(place / LISTS), flags)
    if (place / LISTS).is_file():
        return faiss.read_index(str(place / LISTS), faiss.IO_FLAG_MMAP)
    return faiss.read_index(str(place / WHOLE), faiss.IO_FLAG_MMAP_IFC)


def _fill_on_disk(bank: HeldBank, index: Any, lists: Any, scratch: Path) -> None:
    """Write indexes of as many vectors as memory holds, and merge their lists into one file."""
    from faiss.contrib.ondisk import merge_ondisk  # not before `faiss_kernel` chose one

    at_once = _rows_held(bank, lists)
    parts: list[str] = []

    def write() -> None:
        if index.ntotal:
            parts.append(str(scratch / f"part-{len(parts):05d}.faiss"))
            faiss.write_index(index, parts[-1])
            index.reset()

    offset = 0
    for _, vectors in bank.blocks():
        if index.ntotal + len(vectors) > at_once:
            write()
        # numbered here: FAISS' own shift takes all parts to be as large as the last
        index.add_with_ids(bank.seen(vectors), np.arange(offset, offset + len(vectors)))
        offset += len(vectors)
    write()
    merge_ondisk(index, parts, str(scratch / MERGED))
    faiss.write_index(index, str(scratch / LISTS))
    for part in parts:
        Path(part).unlink()


def _lists_of(index: Any) -> Any | None:
    """Return what of the index has inverted lists that FAISS merges; None: nothing."""
    try:
        lists = faiss.downcast_index(faiss.extract_index_ivf(index))
    except RuntimeError:
        return None
    return None if isinstance(lists, faiss.IndexIVFPQR) else lists


def _fits(bank: HeldBank, lists: Any) -> bool:
    return bank.n_rows <= _rows_held(bank, lists)


def _rows_held(bank: HeldBank, lists: Any) -> int:
    """Return how many codes with their numbers the bank's half of the memory holds."""
    return max(1, int(bank.budget.memory_gb * 1e9 / 2 / (int(lists.code_size) + 8)))


def training_rows(bank: HeldBank, n: int) -> Float32[np.ndarray, "n_rows dim"]:
    """Draw `n` rows of the whole bank, each at most once, the same in every run."""
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.choice(bank.n_rows, size=n, replace=False))
    parts, offset = [], 0
    for _, vectors in bank.blocks():
        first, last = np.searchsorted(chosen, [offset, offset + len(vectors)])
        parts.append(bank.seen(vectors[chosen[first:last] - offset]))
        offset += len(vectors)
    return np.concatenate(parts)


def training_size(index: Any, n_rows: int) -> int:
    """Return how many of `n_rows` bank vectors train an index: 64 per inverted list at least.

    FAISS asks for 39 per list, and uses 256 at most.
    """
    try:
        n_lists = int(faiss.extract_index_ivf(index).nlist)
    except RuntimeError:  # an index without inverted lists
        n_lists = 0
    return min(n_rows, max(TRAINING_ROWS, ROWS_PER_LIST * n_lists))
