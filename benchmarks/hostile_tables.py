"""Tables that people bring, vectors, pickles of labels, for `benchmarks.hostile_inputs`."""

import io
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.hostile_files import IN_THE_WAY, Act, Case, damaged, having
from dejavu.annotators import label_pickles
from dejavu.models import imported_vectors, vector_files
from dejavu.tables import brought
from dejavu.tables.brought_values import Column
from dejavu.tables.schemas import SAMPLES


def tables() -> Iterator[Case]:
    """Tables that people bring, our own tables when bits are flipped, vectors, pickles of labels."""
    columns = [Column(name="sample_name", kind="text"), Column(name="score", kind="number")]
    rows = pa.table({"sample_name": [f"s{n}" for n in range(300)], "score": np.arange(300.0)})
    rng = random.Random(5)  # the same inputs each time
    read: dict[str, Act] = {
        suffix: lambda suffix=suffix: brought.read(Path(f"t.{suffix}"), columns, named_by="test")
        for suffix in ("parquet", "csv", "jsonl")
    }  # fmt: skip
    texts = {
        "csv": b"sample_name,score\n" + b"".join(b"s%d,%d\n" % (n, n) for n in range(300)),
        "jsonl": b"".join(b'{"sample_name": "s%d", "score": %d}\n' % (n, n) for n in range(300)),
        "parquet": parquet(rows),
    }
    for suffix, whole in texts.items():
        for n in range(40):
            yield (
                f"{suffix}, damaged {n}",
                having(f"t.{suffix}", damaged(whole, rng), read[suffix]),
            )
        for kind in IN_THE_WAY:
            yield f"{suffix} is {kind}", having(f"t.{suffix}", kind, read[suffix])
    samples = parquet(SAMPLES.schema.empty_table())
    for n in range(40):
        yield (
            f"samples, damaged {n}",
            having("s.parquet", damaged(samples, rng), lambda: SAMPLES.read(Path("s.parquet"))),
        )
    yield from _vectors(rng)
    yield from _pickles(rng)


def _vectors(rng: random.Random) -> Iterator[Case]:
    def act() -> object:
        view = imported_vectors.find(Path("v"), "crop")
        imported_vectors.describe([view], root=Path("v"))
        return vector_files.dimension(view)

    def saved(value: Any, **options: Any) -> bytes:
        stream = io.BytesIO()
        np.save(stream, value, **options)
        return stream.getvalue()

    zipped = io.BytesIO()
    np.savez(zipped, a=np.zeros(3))
    matrix = saved(np.zeros((5, 4), np.float32))
    contents: dict[str, bytes | str] = {kind: kind for kind in IN_THE_WAY}
    contents |= {f"damaged {n}": damaged(matrix, rng) for n in range(40)}
    contents |= {
        "npz": zipped.getvalue(), "objects": saved(np.array([[{}]], dtype=object), allow_pickle=True),
        "text": saved(np.array([["a"]])), "one number": saved(np.float32(1)),
        "fields": saved(np.zeros(3, [("a", "f4")])), "cut": matrix[:-9], "pickle": pickle.dumps([1.0]),
        "huge": matrix.replace(b"(5, 4)", b"(5, 4" + b"0" * 12 + b")"),
    }  # fmt: skip
    for name, content in contents.items():
        yield f"npy {name}", having("v/crop.npy", content, act, **{"v/crop.txt": b"a\n" * 5})
    vectors = parquet(pa.table({"sample_id": [0], "embedding": [[0.5, 0.5]]}))
    for n in range(40):
        yield f"vectors, damaged {n}", having("v/crop.parquet", damaged(vectors, rng), act)


def _pickles(rng: random.Random) -> Iterator[Case]:
    def act() -> object:
        return label_pickles.convert(
            Path("l.pkl"), sample_names=Path("n"), class_names=Path("c"), out=Path("o.parquet")
        )

    whole = pickle.dumps([[np.array([0, 1]), np.array([])], [np.array([0.5, 0.5]), np.array([])]])
    contents: dict[str, bytes | str] = {kind: kind for kind in IN_THE_WAY}
    contents |= {f"damaged {n}": damaged(whole, rng) for n in range(60)}
    contents |= {
        f"odd {n}": pickle.dumps(value)
        for n, value in enumerate([
            None, 1, [], [[], []], [[[0.7]], [[1]]], [[["a"]], [[1]]], [[[1e300]], [[1]]],
            [[[10**400]], [[1]]], [[[float("nan")]], [[1]]], [[np.zeros((2, 2))], [[1]]], [[[True]], [[1]]],
            {"a": 1}, "x" * 1000,
        ])
    }  # fmt: skip
    contents["long text"] = b"\x80\x04\x8d" + (1 << 60).to_bytes(8, "little") + b"x"
    contents["deep"] = b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b"."
    contents["far memo"] = b"\x80\x04]r\xff\xff\xff\x7f."
    contents["system"] = b"cos\nsystem\n(S'touch ../canary'\ntR."
    for name, content in contents.items():
        yield f"labels {name}", having("l.pkl", content, act, n=b"a\nb\n", c=b"x\ny\n")
    for file in ("n", "c"):
        for kind in IN_THE_WAY:
            beside = {"n": b"a\nb\n", "c": b"x\ny\n", "l.pkl": whole}
            beside.pop(file)
            yield f"labels' {file} is {kind}", having(file, kind, act, **beside)


def parquet(rows: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(rows, stream)
    return stream.getvalue()
