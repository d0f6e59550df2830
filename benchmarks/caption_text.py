"""Write and divide captions of more text than one Arrow array holds: python -m benchmarks.caption_text [GB].

Arrow's `string` counts bytes in 32 bits, so that a column of 2 GiB cannot be sorted, gathered or encoded in
one piece. The captions are long so that few samples make much text. Needs four times the text in memory.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from dejavu.params.corpora import SplitParams
from dejavu.splits import assign
from dejavu.tables.schemas import SAMPLES

BYTES_EACH = 60_000
ROWS_AT_ONCE = 4_096


def chunks(n: int):
    """Yield rows of the samples table; the second half repeats the captions of the first."""
    rest = np.random.default_rng(0).integers(97, 123, BYTES_EACH, dtype=np.uint8).tobytes().decode()
    for start in range(0, n, ROWS_AT_ONCE):
        ids = range(start, min(start + ROWS_AT_ONCE, n))
        columns = {field.name: pa.nulls(len(ids), field.type) for field in SAMPLES.schema}
        columns |= {
            "sample_id": pa.array(ids),
            "sample_name": pa.array([f"{i:09d}" for i in ids]),
            "uri": pa.array([f"{i}.jpg" for i in ids]),
            "caption": pa.array([f"{i % (n // 2):09d}{rest}" for i in ids]),
            "boxes": pa.array([[]] * len(ids), SAMPLES.schema.field("boxes").type),
        }
        yield pa.table(columns, schema=SAMPLES.schema)


def main() -> None:
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 2.4
    n = int(gigabytes * 2**30 / BYTES_EACH)
    split = SplitParams.model_validate(
        {
            "shares": {"target": 0.3, "reference": 0.3, "public": 0.3, "control": 0.1},
            "roles_from": None,
            "without_box": None,
            "max_per_label": None,
            "near_duplicate_bits": None,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.parquet"
        started = time.process_time()
        SAMPLES.write_stream(chunks(n), path, inputs={})
        print(f"written: {time.process_time() - started:.0f} s of processors", flush=True)
        started = time.process_time()
        found = assign.assign(SAMPLES.read(path), split, seed=0)
        print(f"divided: {time.process_time() - started:.0f} s of processors")
    reasons = found["reason"].to_pylist()
    repeats = sum(str(reason).startswith("duplicate_caption") for reason in reasons)
    print(
        f"{n} captions, {gigabytes:g} GiB of text, {repeats} repeat another (expected {n - n // 2})"
    )
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
