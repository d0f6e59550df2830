"""Throughput and memory of caption scoring on synthetic targets.

    python -m benchmarks.caption_scoring 10000 100000 1000000

Each size runs in a process of its own, so that its peak memory is its own. The time counts everything
between neighbors and objects on disk and the two finished tables; making the synthetic tables does not count.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from dejavu.caption import score
from dejavu.caption.score import CaptionTables
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.tables.schemas import NEIGHBORS, OBJECT_VOCABULARY, OBJECTS, SAMPLES, SPLITS

K = 10
N_PUBLIC = 100_000
N_VOCABULARY = 1_000
OBJECTS_PER_SAMPLE = 5
ROWS_AT_ONCE = 100_000
INPUTS = {"samples": "synthetic", "split": "synthetic"}
MODELS = {
    "clip": {
        "source": "trained",
        "recipe": "clip",
        "trained_on": "target",
        "second_model": "second",
        "modes": ["t2i"],
    },
    "second": {
        "source": "trained",
        "recipe": "clip",
        "trained_on": "reference",
        "second_model": None,
        "modes": ["t2i"],
    },
}


def lists(values: np.ndarray) -> pa.ListArray:
    """Return the rows of a matrix as lists."""
    starts = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(starts), pa.array(values.ravel()))


def make(folder: Path, n_targets: int) -> CaptionTables:
    """Write tables of `n_targets` targets with random objects and neighbors."""
    rng = np.random.default_rng(0)
    n = n_targets + N_PUBLIC
    chunks = [(start, min(start + ROWS_AT_ONCE, n)) for start in range(0, n, ROWS_AT_ONCE)]

    def samples():
        for start, stop in chunks:
            size = stop - start
            names = pa.array([""]).take(pa.array(np.zeros(size, np.int64)))
            columns = {field.name: pa.nulls(size, field.type) for field in SAMPLES.schema}
            boxes = pa.ListArray.from_arrays(
                pa.array(np.zeros(size + 1, np.int32)),
                pa.array([], SAMPLES.schema.field("boxes").type.value_type),
            )
            columns |= {
                "sample_id": pa.array(np.arange(start, stop)),
                "sample_name": names,
                "uri": names,
                "boxes": boxes,
            }
            yield pa.table(columns, schema=SAMPLES.schema)

    def splits():
        for start, stop in chunks:
            ids = np.arange(start, stop)
            roles = pa.array(["public", "target"]).take(
                pa.array((ids >= N_PUBLIC).astype(np.int64))
            )
            columns = {
                "sample_id": ids,
                "role": roles,
                "group_id": ids,
                "reason": pa.nulls(len(ids), pa.string()),
            }
            yield pa.table(columns, schema=SPLITS.schema)

    def objects():
        for start, stop in chunks:
            size = stop - start
            low = rng.integers(0, N_VOCABULARY // OBJECTS_PER_SAMPLE, (size, OBJECTS_PER_SAMPLE))
            ids = low + np.arange(OBJECTS_PER_SAMPLE) * (N_VOCABULARY // OBJECTS_PER_SAMPLE)
            none = pa.ListArray.from_arrays(
                pa.array(np.zeros(size + 1, np.int32)),
                pa.array([], OBJECTS.schema.field("detections").type.value_type),
            )
            columns = {
                "sample_id": np.arange(start, stop),
                "object_ids": lists(ids.astype(np.int32)),
                "scores": lists(np.ones(ids.shape, np.float32)),
                "detections": none,
            }
            yield pa.table(columns, schema=OBJECTS.schema)

    def neighbors():
        for start in range(N_PUBLIC, n, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, n)
            ids = rng.integers(0, N_PUBLIC, (stop - start, K))
            columns = {
                "sample_id": np.arange(start, stop),
                "neighbor_ids": lists(ids),
                "similarities": lists(np.zeros(ids.shape, np.float32)),
            }
            yield pa.table(columns, schema=NEIGHBORS.schema)

    vocabulary = {
        "object_id": range(N_VOCABULARY),
        "object": [f"{i:04d}" for i in range(N_VOCABULARY)],
    }
    rows = pa.table(vocabulary, schema=OBJECT_VOCABULARY.schema)
    OBJECT_VOCABULARY.write(rows, folder / "vocabulary.parquet", inputs=INPUTS)
    SAMPLES.write_stream(samples(), folder / "samples.parquet", inputs={})
    SPLITS.write_stream(splits(), folder / "splits.parquet", inputs={})
    OBJECTS.write_stream(objects(), folder / "objects" / "part-00000.parquet", inputs=INPUTS)
    for model in MODELS:
        path = folder / "neighbors" / f"model={model}/mode=t2i" / "part-00000.parquet"
        NEIGHBORS.write_stream(neighbors(), path, inputs=INPUTS)
    return CaptionTables(
        samples=folder / "samples.parquet",
        splits=folder / "splits.parquet",
        objects=folder / "objects",
        vocabulary=folder / "vocabulary.parquet",
        neighbors=folder / "neighbors",
    )


def measure(n_targets: int, folder: Path) -> None:
    """Score tables that another process made; print one JSON line."""
    tables = CaptionTables(
        samples=folder / "samples.parquet",
        splits=folder / "splits.parquet",
        objects=folder / "objects",
        vocabulary=folder / "vocabulary.parquet",
        neighbors=folder / "neighbors",
    )
    models = TypeAdapter(CaptionModels).validate_python(MODELS)
    settings = CaptionScoreParams(k=(K,), top=(10,), references=("second_model",))
    started, cpu = time.perf_counter(), time.process_time()
    score.score(
        settings=score.CaptionScoreSettings(models=models, score=settings),
        inputs=tables,
        out=score.CaptionScoreFiles(
            scores=folder / "scores.parquet", agreement=folder / "agreement.parquet"
        ),
    )
    seconds = time.perf_counter() - started
    facts = {
        "targets": n_targets,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "targets_per_second": round(n_targets / seconds),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(facts), flush=True)


def main() -> None:
    """Run every size that the command line names."""
    if sys.argv[1:2] == ["--measure"]:
        measure(int(sys.argv[2]), Path(sys.argv[3]))
        return
    for n_targets in [int(size) for size in sys.argv[1:]] or [10_000, 100_000]:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), n_targets)
            command = [
                sys.executable,
                "-m",
                "benchmarks.caption_scoring",
                "--measure",
                str(n_targets),
                folder,
            ]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
