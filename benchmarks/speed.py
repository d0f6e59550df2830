"""One command per kernel, each beside its anchor in the same process: python -m benchmarks.speed NAME.

    python -m benchmarks.speed knn 30000 50000 2048        # against a plain matrix product
    python -m benchmarks.speed vote 300000 100             # against a loop over samples
    python -m benchmarks.speed objects 1000000 10          # against Python sets
    python -m benchmarks.speed rectangles 2000 40          # per second
    python -m benchmarks.speed startup                     # processor seconds of commands

The anchors of `vote` and `objects` run on a part and are scaled up: they are linear. What is printed is wall
time and processor time; a machine that does other things at the same time shows in the difference.
"""

import collections
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

ANCHOR_ROWS = 5_000


def timed(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what `run` returns, its wall seconds and its processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    answer = run()
    return answer, time.perf_counter() - wall, time.process_time() - processor


def show(what: str, wall: float, processor: float) -> None:
    print(f"{what}: {wall:.2f} s wall, {processor:.2f} s of processors", flush=True)


def knn(n_queries: int = 30_000, n_bank: int = 50_000, dim: int = 2_048) -> None:
    """Compare the exact search, k = 100, with the matrix product that it cannot do without."""
    from dejavu.search.held_bank import Bank
    from dejavu.search.knn import Search

    rng = np.random.default_rng(0)
    queries = rng.standard_normal((n_queries, dim), dtype=np.float32)
    bank = rng.standard_normal((n_bank, dim), dtype=np.float32)
    held = Bank(blocks=lambda: iter([(np.arange(n_bank), bank)]), n_rows=n_bank, dim=dim)

    def product() -> None:
        for start in range(0, n_queries, 4_096):
            queries[start : start + 4_096] @ bank.T

    _, wall, processor = timed(product)
    show("plain product", wall, processor)
    for metric in ("l2", "cosine"):
        search = Search(held, metric=metric, index="Flat", section="benchmark")
        _, mine, mine_processor = timed(lambda s=search: s.nearest(queries, k=100, margin=20))
        show(f"k-NN {metric}", mine, mine_processor)
        rates = f"{wall / mine:.0%} by wall, {processor / mine_processor:.0%} by processor"
        print(f"k-NN {metric}: {rates} of the product's rate", flush=True)


def vote(n: int = 300_000, k: int = 100, n_labels: int = 1_000) -> None:
    """Compare the vote with a loop that counts each sample's labels."""
    from scipy import stats

    from dejavu.image import voting

    rng = np.random.default_rng(0)
    n_public = 500_000
    labels = np.sort(rng.integers(0, n_labels, n_public)).astype(np.int32)
    near = (rng.random((n, k)) ** 4 * 50_000 + rng.integers(0, n_public, (n, 1))) % n_public
    ids, starts = near.astype(np.int64), np.arange(n + 1, dtype=np.int32) * k
    similarities = -np.sort(rng.random((n, k), dtype=np.float32), axis=1)
    truth = rng.integers(0, n_labels, n).astype(np.int32)
    table = pa.table(
        {
            "sample_id": np.arange(n),
            "neighbor_ids": pa.ListArray.from_arrays(starts, ids.ravel()),
            "similarities": pa.ListArray.from_arrays(starts, similarities.ravel()),
        }
    )
    role = pa.repeat(pa.scalar("target"), n)
    found, mine, processor = timed(
        lambda: voting.predictions(
            "m", table, role=role, truth=truth, public_ids=np.arange(n_public),
            public_labels=labels, label_ids=np.arange(n_labels, dtype=np.int32),
        )
    )  # fmt: skip
    show("votes", mine, processor)
    part = min(n, ANCHOR_ROWS)
    winners: list[int] = []

    def counters() -> list[int]:
        winners = []
        for row in ids[:part]:
            counts = collections.Counter(labels[row].tolist())
            shares = np.array(list(counts.values())) / k
            -(shares * np.log(shares)).sum()
            winners.append(counts.most_common(1)[0][0])
        return winners

    def arrays() -> list[int]:
        winners = []
        for row in ids[:part]:
            values, counts = np.unique(labels[row], return_counts=True)
            stats.entropy(counts / k)
            winners.append(int(values[counts.argmax()]))
        return winners

    for what, loop in (("Counter", counters), ("np.unique and scipy's entropy", arrays)):
        found_by, wall, anchor_processor = timed(loop)
        show(f"loop of {what}, {part} of {n} samples", wall, anchor_processor)
        rate = anchor_processor / part * n / processor
        print(f"votes: {rate:.0f} times the rate of the loop of {what}, by processor")
        winners = found_by if what == "Counter" else winners
    same = np.mean(np.array(winners) == found["predicted_id"].to_numpy()[:part])
    print(
        f"same winner in {same:.1%}; the rest are equal votes, which the loop gives to the nearest"
    )


def objects(n: int = 1_000_000, k: int = 10, n_vocabulary: int = 1_000, each: int = 5) -> None:
    """Count how many true objects are among the ten most shown by the neighbors; beside Python sets."""
    from dejavu.caption import hits, object_sets

    rng = np.random.default_rng(0)
    n_public = 100_000
    width = n_vocabulary // each
    columns = np.arange(each) * width
    shown = rng.integers(0, width, (n_public, each)) + columns
    truth = rng.integers(0, width, (n, each)) + columns
    public = object_sets.ObjectSets(
        sample_ids=np.arange(n_public), starts=np.arange(n_public + 1) * each,
        object_ids=shown.ravel().astype(np.int32),
    )  # fmt: skip
    rows = rng.integers(0, n_public, (n, k))

    def mine(n: int = n) -> int:
        n_hits = 0
        for start in range(0, n, 16_384):
            block = slice(start, min(start + 16_384, n))
            keys = (truth[block] + np.arange(block.stop - start)[:, None] * n_vocabulary).ravel()
            found, *_ = hits.count(rows[block], public, keys, n_vocabulary, k=k, top=10)
            n_hits += int(found.sum())
        return n_hits

    _, wall, processor = timed(lambda: mine(10))
    show("compilation, or reading what is compiled", wall, processor)
    _, wall, processor = timed(mine)
    show("objects", wall, processor)
    part = min(n, 4 * ANCHOR_ROWS)
    sets = [frozenset(row) for row in shown.tolist()]
    true = [frozenset(row) for row in truth[:part].tolist()]

    def with_sets() -> int:
        n_hits = 0
        for row, wanted in zip(rows[:part].tolist(), true, strict=True):
            counts = collections.Counter(o for i in row for o in sorted(sets[i]))
            n_hits += len(wanted & {name for name, _ in counts.most_common(10)})
        return n_hits

    n_anchor, wall, anchor_processor = timed(with_sets)
    show(f"sets, {part} of {n} samples", wall, anchor_processor)
    print(
        f"objects: {anchor_processor / part * n / processor:.1f} times the sets' rate by processor"
    )
    print(f"hits in these: {mine(part)}, by sets {n_anchor}")


def rectangles(n: int = 2_000, n_boxes: int = 40) -> None:
    """Count largest empty rectangles per second of processor."""
    from dejavu.image import rectangles as searches

    rng = np.random.default_rng(2)
    start = rng.integers(0, 380, size=(n, n_boxes, 2))
    boxes = np.concatenate([start, start + rng.integers(1, 120, size=(n, n_boxes, 2))], axis=2)
    sizes = np.full((n, 2), 500)
    for name in ("largest", "interval"):
        _, wall, processor = timed(lambda rule=name: getattr(searches, rule)(boxes, sizes))
        show(f"{name}, {n} images of {n_boxes} boxes", wall, processor)
        print(f"{name}: {n / processor:.0f} per second of processor")


def startup() -> None:
    """Measure the processor time of short commands, from the start of their process."""
    for arguments in (["--help"], ["sql", "--list"], ["check", "--help"]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "dejavu.cli", *arguments]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"dejavu {' '.join(arguments)}: {used:.2f} s of processors", flush=True)


def machine() -> str:
    """Return what the numbers hang on."""
    from dejavu.search import faiss_kernel

    load = os.getloadavg()[0]
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, load {load:.1f}, "
        f"FAISS' OpenBLAS kernel {faiss_kernel.kernel()}"
    )


def main() -> None:
    benchmarks = {each.__name__: each for each in (knn, vote, objects, rectangles, startup)}
    if sys.argv[1:2] == [] or sys.argv[1] not in benchmarks:
        sys.exit(f"Say which of {', '.join(benchmarks)}, then sizes.")
    print(machine(), flush=True)
    benchmarks[sys.argv[1]](*map(int, sys.argv[2:]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
