"""Time, peak memory and size of score + report: python -m benchmarks.report_scale [samples [models [to]]].

300,000 samples per role and 3 models with 6 references each are the paper's scale; `300 100 FOLDER` keeps
a report of 100 models with 12 references each, to look at.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from dejavu.image import score
from tests.report.world import World, build, comparisons, report, target, write_list

REFERENCES = (
    "classifier", "naive_bayes@1", "naive_bayes@2", "naive_bayes@5", "naive_bayes@20",
    *(f"naive_bayes_{name}@{k}" for name in ("objects", "words") for k in (1, 5, 20)),
)  # fmt: skip


def main(n: int, n_models: int, kept: Path | None) -> None:
    targets = tuple(f"model_{place:03}" for place in range(n_models))
    rng = np.random.default_rng(0)
    references = REFERENCES[: 5 if n_models <= 3 else None]
    names = [*targets, *(f"{name}_second" for name in targets), *references]
    answers = {
        name: (rng.random(2 * n) < rng.uniform(0.1, 0.4), rng.gamma(2.0, size=2 * n))
        for name in names
    }
    with tempfile.TemporaryDirectory() as folder:
        world = build(
            Path(folder), n_target=n, n_control=n, answers=answers, n_labels=1000,
            targets=[target(name, f"{name}_second") for name in targets], resamples=1000,
            references=("second_model", "classifier", "naive_bayes"), with_scores=False,
            knows_truth=False,
        )  # fmt: skip
        image = world.data / "image"
        print(f"{n} samples per role; peak before: {peak()} MiB", flush=True)
        start = clock()
        score.score(
            settings=comparisons(world.settings), inputs=image / "predictions",
            out=image / "scores.parquet",
        )  # fmt: skip
        print(f"score_labels: {since(start)}, peak {peak()} MiB", flush=True)
        write_list(world)
        reports = kept or Path(folder) / "reports"
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as own:
            print(f"report: {own.submit(reported, world, reports).result()}", flush=True)


def reported(world: World, out: Path) -> str:
    """Make the report in a process of its own, whose peak is the report's; importing is not timed."""
    start = clock()
    report(world, out)
    size = (out / "index.html").stat().st_size / 1e6
    return f"{since(start)}, peak {peak()} MiB, index.html {size:.1f} MB"


def clock() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> str:
    wall, processors = (now - then for now, then in zip(clock(), start, strict=True))
    return f"{wall:.1f} s of wall time, {processors:.1f} s of processors"


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else 300_000,
        int(given[1]) if len(given) > 1 else 3,
        Path(given[2]) if len(given) > 2 else None,
    )
