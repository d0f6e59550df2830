"""Work in units that `cost_rates` turns into time, and what counting it takes in both lanes."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.commands import cost_rates as rates
from dejavu.errors import ParamsError
from dejavu.params.corpora import CorpusParams, SplitParams
from dejavu.roles import ATTACKED, PUBLIC, ROLES
from dejavu.search.budget import Budget

REPORT = "grows with references and samples; 20 s of a core in the default run"

Counts = Mapping[str, float]  # samples per role


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one stage does, in units that `cost_rates` turns into time."""

    lane: str
    stage: str
    training: float = 0.0  # floating-point operations
    forward: float = 0.0
    search: float = 0.0
    scores: float = 0.0  # similarities written to a GPU's memory, or looked at
    images: float = 0.0  # decoded
    seconds: float = 0.0  # of one core, for the rest
    ranking: float = 0.0  # of one core, where a GPU searches: on processors a part of the search
    disk: float = 0.0  # bytes written
    memory: float = rates.PROGRAM  # bytes, at the peak
    unknown: str | None = None  # why it is not estimated

    @property
    def core_hours(self) -> float:
        """Hours of one core where everything runs on processors."""
        operations = (
            self.training / rates.TRAINING_GFLOPS
            + self.forward / rates.FORWARD_GFLOPS
            + self.search / rates.SEARCH_GFLOPS
        )
        return operations / 1e9 / 3600 + self._rest

    @property
    def core_hours_beside(self) -> float:
        """Hours of one core for what a GPU does not take over."""
        return self._rest + self.ranking / 3600

    @property
    def _rest(self) -> float:
        return (self.images * rates.DECODE_SECONDS + self.seconds + rates.STAGE_SECONDS) / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours of one GPU where it runs networks and searches."""
        networks = (self.training + self.forward) / rates.GPU_NETWORK_TFLOPS
        search = self.search / rates.GPU_SEARCH_TFLOPS / 1e12
        return (networks / 1e12 + search + self.scores * rates.SCORE / rates.GPU_BYTES) / 3600


def counts(path: Path, lane: str, given: Counts | None) -> tuple[Any, Counts | None]:
    """Return a lane's corpus and its samples per role; None: the lane is not used.

    Args:
        path: params.yaml or a preset.
        lane: image or caption.
        given: samples per role; None: as the corpus states.

    Raises:
        ParamsError: a section does not fit, or the size is neither stated nor given.
    """
    corpus: Any = params.section(path, f"{lane}.corpus", CorpusParams).root
    if corpus.adapter == "none":
        return corpus, None
    if given is not None:
        return corpus, given
    if not hasattr(corpus, "n_images"):
        raise ParamsError(
            f"{lane}.corpus.adapter {corpus.adapter} does not say how many samples there are before it "
            f"is listed. State them: --{lane} target=…,reference=…,public=…,control=…"
        )
    shares = params.section(path, f"{lane}.split", SplitParams).shares
    return corpus, {role: corpus.n_images * float(getattr(shares, role)) for role in ROLES}


def listed(lane: str, corpus: Any, counts: Counts) -> Iterator[Work]:
    """Yield the work of the stages that list and divide a corpus."""
    n = sum(counts.values())
    made = 12_000.0 * n if hasattr(corpus, "n_images") else 0.0  # generated images are kept
    # every image is decoded once, unless only its size is read or it stays elsewhere
    is_read = corpus.adapter != "samples_table" and getattr(corpus, "hash_images", True)
    yield Work(
        lane=lane, stage="corpus", images=n if is_read else 0.0, disk=rates.SAMPLE * n + made,
        seconds=n * rates.CORPUS_SECONDS[lane],
    )  # fmt: skip
    yield Work(
        lane=lane, stage="split", seconds=n * rates.SPLIT_SECONDS, memory=0.28e9 + rates.SPLIT * n
    )


def n_training(corpus: Any, entry: Any, recipe: Any, counts: Counts) -> float:
    """Return the images of an epoch: planted samples are repeated, the last part of a batch is dropped."""
    planted = getattr(corpus, "planted_share", 0.0) * (recipe.planted_repeats - 1)
    n = counts[entry.trained_on] * (1 + planted)
    return n // recipe.batch_size * recipe.batch_size


def held(n: float, px: int) -> float:
    """Return the bytes of a training: its process, and its decoded images where all fit into memory."""
    size = n * 3 * px**2
    return rates.PROGRAM + (size if size <= rates.HELD_IMAGES else 0)


def n_attacked(counts: Counts) -> float:
    """Return the samples of all attacked roles."""
    return sum(counts[role] for role in ATTACKED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How one model's vectors are compared with the public ones."""

    dim: int  # numbers that one query is compared by, summed over all searches
    metrics: tuple[str, ...]  # of every search: one per layer and metric, or per mode
    settings: Any  # section of the search: k and margin
    machine: Any

    def work(self, lane: str, stage: str, n_queries: float, counts: Counts) -> Work:
        """Return the work of finding the neighbors of `n_queries` samples."""
        # where vectors are few, a search holds four times as much
        vectors = 4 * (counts[PUBLIC] + n_queries) * self.dim * rates.FLOAT
        kinds, k = len(self.metrics), self.settings.k
        pairs = n_queries * (k + self.settings.candidate_margin)
        # written and looked at; a distance is also made of a product
        passes = sum(4 if metric == "l2" else 2 for metric in self.metrics)
        return Work(
            lane=lane, stage=stage, search=2 * n_queries * counts[PUBLIC] * self.dim,
            scores=n_queries * counts[PUBLIC] * passes, seconds=self._reading(n_queries, counts),
            ranking=pairs * (kinds * rates.RANK_PAIR_SECONDS + self.dim * rates.RANK_NUMBER_SECONDS),
            disk=n_queries * k * kinds * rates.NEIGHBOR,
            memory=rates.SEARCHING + min(self.machine.memory_gb * 1e9, vectors),
        )  # fmt: skip

    def _reading(self, n_queries: float, counts: Counts) -> float:
        """Return the seconds that reading the bank takes: once, or twice for all queries at hand."""
        dim, budget = self.dim // len(self.metrics), Budget(self.machine.memory_gb)
        n_reads = 1.0
        if not budget.holds(int(counts[PUBLIC]), dim):
            n_candidates = self.settings.k + self.settings.candidate_margin
            at_once = budget.queries_at_once(dim, n_candidates, n_copies=2)
            n_parts = -(-n_queries // rates.QUERIES_AT_ONCE)
            together = max(1, at_once // rates.QUERIES_AT_ONCE)
            n_reads = 2 * -(-n_parts // (1 if self.machine.engine == "ray" else together))
        return n_reads * counts[PUBLIC] * self.dim * rates.FLOAT / rates.BANK_BYTES


def decoded(n: float, px: int, epochs: int) -> float:
    """Return how many images a training decodes: each once where all fit into memory."""
    return n if n * 3 * px**2 <= rates.HELD_IMAGES else n * epochs
