"""How networks are fed while they embed: images decoded ahead, pinned memory, mixed precision where asked."""

import collections
import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

FLOAT32 = "float32"
_AHEAD = 1  # batches that are decoded while the network computes

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def computing_in(entry: Any, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Let a network compute inside as its entry's ``precision`` says.

    Args:
        entry: of ``image.models`` or ``caption.models``.
        device: where the network lies.
    """
    if entry.precision == FLOAT32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, entry.precision))


def stamp_of(entry: Any) -> dict[str, str]:
    """Return what tables of vectors record of the precision: nothing of float32."""
    return {} if entry.precision == FLOAT32 else {"precision": entry.precision}


def pinned(pixels: Tensor, device: torch.device) -> Tensor:
    """Return pixels in memory that a GPU reads by itself; unchanged where `device` is none."""
    return pixels.pin_memory() if device.type == "cuda" else pixels


def ahead(
    batches: Iterable[list[Item]], load: Callable[[Item], Loaded], *, workers: int
) -> Iterator[list[Loaded]]:
    """Load every item of the batches by threads, in order, the next batch while one is used.

    Args:
        batches: lists of items; one batch is asked for ahead of the one that is yielded.
        load: called with each item, by several threads at once.
        workers: threads.
    """
    waiting: collections.deque[list[Future[Loaded]]] = collections.deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for batch in batches:
                waiting.append([pool.submit(load, item) for item in batch])
                if len(waiting) > _AHEAD:
                    yield [each.result() for each in waiting.popleft()]
            while waiting:
                yield [each.result() for each in waiting.popleft()]
        finally:  # an error, or nobody wants the rest
            pool.shutdown(wait=False, cancel_futures=True)
