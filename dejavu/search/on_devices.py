"""Candidates by matrix products of torch: the bank resident on GPUs, in half precision or float32.

The rows of the bank are divided among the devices, which all see every tile of queries; rows that no device
has room for are streamed. Half precision means that vectors are rounded, and the rounding measured; their
products are summed in float32. Any device of torch does, so that the same code runs on a processor.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor

from dejavu.errors import EngineError
from dejavu.run import cores
from dejavu.search.candidates import Proposed
from dejavu.search.certainty import error_bound, rounding_bound
from dejavu.search.held_bank import HeldBank
from dejavu.search.nearest_columns import Best, best_of, merged
from dejavu.search.places import Precision

_GPU_WORK = 6 * 1024**3  # bytes of a GPU that are left to tiles of similarities
_GPU_TILE, _CPU_TILE = (4_096, 65_536), (1_024, 8_192)  # queries and rows of the bank per product
_KEPT = 2**27  # candidates of a tile, at most
_UNDERFLOW = float(np.finfo(np.float32).tiny)  # what a product may lose that has no normal float32
_CHECK_ROWS = 256  # of the product that shows what a device does


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rounded:
    """Vectors on a device in the precision of its products, each scaled by a power of two."""

    vectors: Tensor  # (n, dim), of length 1/2 to 1 where lengths differ
    exponents: np.ndarray  # (n,): a vector is 2^exponent times what lies here
    norms: np.ndarray  # (n,) float64, before rounding
    roundings: np.ndarray  # (n,) float64: the length of what rounding added


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Some rows of the bank on a device."""

    place: int  # the device, by its number
    offset: int  # the position of the first in the bank
    vectors: Tensor
    scales: Tensor | None  # (n,) float32, what products are multiplied by; None: unit vectors
    squares: Tensor | None  # (n,) float32, minus the squared length; None: similarity is cosine

    def take(self, other: "_Part") -> None:
        """Copy the rows of `other` to their place in this part."""
        inside = slice(other.offset - self.offset, other.offset - self.offset + len(other.vectors))
        self.vectors[inside] = other.vectors
        if self.scales is not None and self.squares is not None:
            assert other.scales is not None
            assert other.squares is not None
            self.scales[inside], self.squares[inside] = other.scales, other.squares


class OnDevices:
    """All of the bank, as `devices` compare it in one precision."""

    def __init__(self, bank: HeldBank, precision: Precision, devices: Sequence[str]) -> None:
        self._bank = bank
        self._dtype: torch.dtype = getattr(torch, precision)
        self._devices = [torch.device(each) for each in devices]
        self._largest_norm = self._largest_rounding = 0.0

    def nearest(self, queries: Float32[np.ndarray, "n_queries dim"], n: int) -> Proposed:
        """Let all tiles of queries meet what is resident, then what is streamed.

        Raises:
            EngineError: a device computes less precisely than it is asked to.
        """
        if any(device.type == "cpu" for device in self._devices):
            torch.set_num_threads(cores.given())
        resident = self._resident
        # many candidates of equal vectors are kept for few queries at a time
        step = max(1, min(self._tile(self._devices[0])[0], _KEPT // n))
        tiles = [slice(start, start + step) for start in range(0, len(queries), step)]
        seen = [self._bank.seen(queries[tile]) for tile in tiles]
        best: list[list[Best | None]] = [[None] * len(tiles) for _ in self._devices]

        def meet(part: _Part) -> None:
            own = best[part.place]
            with torch.inference_mode():
                for number, tile in enumerate(seen):
                    found = self._in_part(self._rounded(tile, part.vectors.device), part, n)
                    own[number] = merged(own[number], found, n)

        with ThreadPoolExecutor(len(self._devices)) as pool:  # devices at once, not in turn
            for parts in (resident, *self._streamed()):
                list(pool.map(meet, parts))
        return self._proposed(seen, best, n)

    def _proposed(self, seen: list[np.ndarray], best: list[list[Best | None]], n: int) -> Proposed:
        """Merge what the devices found, and state how far it may err."""
        host = torch.device("cpu")
        rounded = [self._rounded(tile, host) for tile in seen]
        norms = np.concatenate([each.norms for each in rounded])
        roundings = np.concatenate([each.roundings for each in rounded])
        rows, worst = [], []
        for tile in range(len(seen)):
            found: Best | None = None
            for of_device in best:
                if (here := of_device[tile]) is not None:
                    found = merged(found, here.to(host), n)
            assert found is not None
            rows.append(found.rows.numpy())
            worst.append(found.values[:, -1].numpy().astype(np.float64))
        metric, dim = self._bank.metric, self._bank.dim
        longest = self._largest_norm, self._largest_rounding
        bound = error_bound(norms + roundings, sum(longest), dim=dim, metric=metric)
        bound += rounding_bound(norms, roundings, *longest, metric=metric) + dim * _UNDERFLOW
        last = np.concatenate(worst) - (norms**2 if metric == "l2" else 0.0)
        return Proposed(rows=np.concatenate(rows), worst=last, bound=bound)

    def _in_part(self, tile: Rounded, part: _Part, n: int) -> Best:
        """Return the best rows of a part for each query of a tile."""
        found: Best | None = None
        step = self._tile(part.vectors.device)[1]
        for start in range(0, len(part.vectors), step):
            columns = slice(start, start + step)
            values = products(tile.vectors, part.vectors[columns])
            if part.scales is not None and part.squares is not None:
                # 2 q·b - |b|²: minus the squared distance but for |q|², equal for all of a query's
                own = part.scales[columns] * 2.0 ** int(tile.exponents[0])
                torch.addcmul(part.squares[columns], values, own, value=2.0, out=values)
            here = best_of(values, n)
            here = Best(values=here.values, rows=here.rows + (part.offset + start))
            found = merged(found, here, n)
        assert found is not None
        return found

    def _rounded(self, seen: np.ndarray, device: torch.device) -> Rounded:
        """Round queries on a device; all of a tile have one scale."""
        return rounded(seen, device, self._dtype, scaled=self._bank.metric == "l2", together=True)

    @functools.cached_property
    def _resident(self) -> list[_Part]:
        """The rows that lie on the devices for good, a run of them on each."""
        for device in self._devices:
            require_precision(device, self._dtype, self._bank.dim)
        _ = self._bank.center  # its pass comes first, and keeps a bank that fits
        bounds = itertools.pairwise(self._bounds)
        parts = [self._room_for(*run, place) for place, run in enumerate(bounds)]
        offset = 0
        for _, vectors in self._bank.blocks():
            for part in parts:
                start = max(part.offset, offset)
                stop = min(part.offset + len(part.vectors), offset + len(vectors))
                if start < stop:
                    some = vectors[start - offset : stop - offset]
                    part.take(self._placed(some, start, part.place))
            offset += len(vectors)
        return [part for part in parts if len(part.vectors)]

    def _room_for(self, first: int, last: int, place: int) -> _Part:
        """Return a part of the bank that is not filled yet."""
        device, has_lengths = self._devices[place], self._bank.metric == "l2"
        lengths = [torch.empty(last - first, device=device) if has_lengths else None for _ in "ab"]
        vectors = torch.empty((last - first, self._bank.dim), dtype=self._dtype, device=device)
        return _Part(
            place=place, offset=first, vectors=vectors, scales=lengths[0], squares=lengths[1]
        )

    @functools.cached_property
    def _bounds(self) -> list[int]:
        """Where the run of each device begins, and where the last one ends; the rest is streamed."""
        wanted = -(-self._bank.n_rows // len(self._devices))
        per_row = self._bank.dim * self._dtype.itemsize + 8  # and its scale and square
        sizes = [min(wanted, self._room(device) // per_row) for device in self._devices]
        return [0, *np.minimum(np.cumsum(sizes), self._bank.n_rows).tolist()]

    def _room(self, device: torch.device) -> int:
        """Return the bytes of a device that the bank may take."""
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            return max(0, int(free) - _GPU_WORK)
        return int(self._bank.budget.memory_gb * 1e9 / 4 / len(self._devices))

    def _streamed(self) -> Iterator[list[_Part]]:
        """Yield what no device has room for, block by block, each divided among the devices."""
        first, offset = self._bounds[-1], 0
        if first == self._bank.n_rows:
            return
        for _, vectors in self._bank.blocks():
            rest = vectors[max(0, first - offset) :]
            start = max(first, offset)
            offset += len(vectors)
            pieces = np.array_split(rest, len(self._devices))
            starts = start + np.cumsum([0, *map(len, pieces)])
            placed = zip(pieces, starts.tolist(), range(len(pieces)), strict=False)
            if found := [self._placed(*each) for each in placed if len(each[0])]:
                yield found

    def _placed(self, vectors: np.ndarray, offset: int, place: int) -> _Part:
        """Round rows of the bank on a device, and note how long they are."""
        device, has_lengths = self._devices[place], self._bank.metric == "l2"
        seen = self._bank.seen(vectors)
        found = rounded(seen, device, self._dtype, scaled=has_lengths)
        self._largest_norm = max(self._largest_norm, float(found.norms.max(initial=0)))
        self._largest_rounding = max(self._largest_rounding, float(found.roundings.max(initial=0)))
        scales = _to(np.ldexp(1.0, found.exponents), device) if has_lengths else None
        squares = _to(-(found.norms**2), device) if has_lengths else None
        return _Part(
            place=place, offset=offset, vectors=found.vectors, scales=scales, squares=squares
        )

    def _tile(self, device: torch.device) -> tuple[int, int]:
        return _GPU_TILE if device.type == "cuda" else _CPU_TILE


def rounded(
    seen: Float32[np.ndarray, "n dim"],
    device: torch.device,
    dtype: torch.dtype,
    *,
    scaled: bool,
    together: bool = False,
) -> Rounded:
    """Bring vectors to a device in another precision, and measure what rounding adds.

    Args:
        seen: vectors in float32.
        device: where to.
        dtype: the precision.
        scaled: divide each vector by a power of two first, so that its length is 1/2 to 1 and float16
            holds it.
        together: by one power of two for all of them, the longest one's.
    """
    host = torch.from_numpy(seen)
    exact = (host.pin_memory() if device.type == "cuda" else host).to(device, non_blocking=True)
    norms = _norms(exact)
    exponents = np.frexp(norms)[1] if scaled else np.zeros(len(norms), np.int32)
    exponents = np.clip(exponents, -100, 100)  # so that its inverse is a float32
    if together:
        exponents = np.full_like(exponents, exponents.max(initial=-100))
    if scaled:
        exact = exact * _to(np.ldexp(1.0, -exponents), device)[:, None]
    vectors = exact.to(dtype)
    roundings = np.ldexp(_norms(vectors.float() - exact), exponents)
    return Rounded(vectors=vectors, exponents=exponents, norms=norms, roundings=roundings)


def products(queries: Tensor, vectors: Tensor) -> Float32[Tensor, "n_queries n_rows"]:
    """Return all inner products, summed in float32 whatever the vectors' precision."""
    if queries.dtype == torch.float32:
        return queries @ vectors.T
    if queries.device.type == "cuda":
        return torch.mm(queries, vectors.T, out_dtype=torch.float32)
    # elsewhere torch would round the sums to half precision; the products are those of a GPU
    return queries.float() @ vectors.float().T


def require_precision(device: torch.device, dtype: torch.dtype, dim: int) -> None:
    """Compare a product on a device with float64.

    Raises:
        EngineError: it errs by more than the bound allows: TF32, or sums in half precision.
    """
    drawn = np.random.default_rng(0).standard_normal((_CHECK_ROWS, dim)).astype(np.float32)
    some = rounded(drawn, device, dtype, scaled=True)
    found = products(some.vectors, some.vectors).double().cpu().numpy()
    exact = some.vectors.double().cpu().numpy()
    lengths = np.linalg.norm(exact, axis=1)
    allowed = error_bound(lengths, float(lengths.max()), dim=dim, metric="cosine")
    if not (np.abs(found - exact @ exact.T) <= allowed[:, None]).all():
        raise EngineError(
            f"{device}: products of {dtype} err by more than float32 sums may (TF32? Is NVIDIA_TF32_OVERRIDE "
            "set?), so that neighbors would not be exact. Unset it, or set machine.device to cpu."
        )


def _norms(vectors: Tensor) -> Float64[np.ndarray, " n"]:
    lengths: np.ndarray = (
        torch.linalg.vector_norm(vectors, dim=1, dtype=torch.float64).cpu().numpy()
    )
    return lengths


def _to(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)
