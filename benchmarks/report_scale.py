"""Time and peak memory of score + report: python -m benchmarks.report_scale [samples per role]."""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dejavu.image import score
from tests.report.world import build, comparisons, report, target, write_list

TARGETS = ("vicreg", "barlow_twins", "dino")
REFERENCES = ("classifier", "naive_bayes@1", "naive_bayes@2", "naive_bayes@5", "naive_bayes@20")


def main(n: int) -> None:
    rng = np.random.default_rng(0)
    names = [*TARGETS, *(f"{name}_second" for name in TARGETS), *REFERENCES]
    answers = {
        name: (rng.random(2 * n) < rng.uniform(0.1, 0.4), rng.gamma(2.0, size=2 * n))
        for name in names
    }
    with tempfile.TemporaryDirectory() as folder:
        world = build(
            Path(folder), n_target=n, n_control=n, answers=answers, n_labels=1000,
            targets=[target(name, f"{name}_second") for name in TARGETS], resamples=1000,
            references=("second_model", "classifier", "naive_bayes"), with_scores=False,
            knows_truth=False,
        )  # fmt: skip
        image = world.data / "image"
        print(f"{n} samples per role; peak before: {peak()} MiB", flush=True)
        start = time.perf_counter()
        score.score(
            settings=comparisons(world.settings), inputs=image / "predictions",
            out=image / "scores.parquet",
        )  # fmt: skip
        print(f"score_labels: {time.perf_counter() - start:.1f} s, peak {peak()} MiB", flush=True)
        start = time.perf_counter()
        write_list(world)
        reports = Path(folder) / "reports"
        report(world, reports)
        size = (reports / "index.html").stat().st_size / 1e6
        seconds = time.perf_counter() - start
        print(f"report: {seconds:.1f} s, peak {peak()} MiB, index.html {size:.1f} MB", flush=True)


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
