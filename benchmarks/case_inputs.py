"""Inputs that once gave a wrong number without a word, each built anew: (kind, case, before, what it does).

`before` is what happened when the case was first tried, by the notes of that day. What an input does prints
what the code says of it now, or raises it.
"""

import contextlib
import functools
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bad_input_reports import captioned
from benchmarks.bad_input_world import BOXES, NAMES, SIZE, N, built, folder, photos
from dejavu.annotators import objects_table
from dejavu.caption import annotate
from dejavu.params.caption import TableObjectsParams
from dejavu.splits import label_bank
from dejavu.splits.outcome import coded
from tests.corpora.limits import LIMITS

Row = tuple[str, str, str, Callable[[], object]]
W, H = SIZE


def _csv(change: Callable[..., list[Any]]) -> None:
    photos()
    lines = [
        ",".join(map(str, [name, *change(*box)])) for name, box in zip(NAMES, BOXES, strict=True)
    ]
    Path("photos/boxes.csv").write_text("\n".join(["path,x0,y0,x1,y1", *lines]) + "\n")
    built(folder("boxes.csv"))


def _coco(*, size: tuple[int, int], merged: bool = False) -> None:
    photos()
    scale = size[0] / W
    images = [
        {"id": i % 20 if merged else i, "file_name": name, "width": size[0], "height": size[1]}
        for i, name in enumerate(NAMES)
    ]
    boxes = [
        {"id": i, "image_id": i % 20 if merged else i,
         "bbox": [scale * v for v in (x, y, a - x, b - y)]}
        for i, (x, y, a, b) in enumerate(BOXES)
    ]  # fmt: skip
    Path("photos/boxes.json").write_text(json.dumps({"images": images, "annotations": boxes}))
    rows = {row["sample_name"]: row["boxes"][0] for row in built(folder("boxes.json"))}
    same = sum(
        tuple(rows[name][c] for c in ("x0", "y0", "x1", "y1")) == box
        for name, box in zip(NAMES, BOXES, strict=True)
    )
    print(f"{same} of {N} boxes are those of the image as it is stored")


def boxes() -> Iterator[Row]:
    """Kind A: boxes are believed."""
    yield (
        "A", "boxes.csv with corners in 0..1",
        "check ok; every box one pixel; 115 of 115 crops show the object; an excess of +30.9 "
        "[14.4, 46.2] of a network trained on nothing",
        functools.partial(_csv, lambda x, y, a, b: [x / W, y / H, a / W, b / H]),
    )  # fmt: skip
    yield (
        "A", "x, y, width, height under x0, y0, x1, y1", '"60 swapped", 38 of 39 crops show it',
        functools.partial(_csv, lambda x, y, a, b: [x, y, a - x, b - y]),
    )  # fmt: skip
    yield (
        "A", "COCO JSON of images twice as large", "30 clamped, 180 dropped, all kept crops show it",
        functools.partial(_coco, size=(2 * W, 2 * H)),
    )  # fmt: skip
    yield (
        "A", "COCO JSON of images of another shape", "the same",
        functools.partial(_coco, size=(2 * W, 5 * H)),
    )  # fmt: skip
    yield (
        "A", "merged COCO, image ids repeated", "60 images lose their boxes, 60 others gain them",
        functools.partial(_coco, size=SIZE, merged=True),
    )  # fmt: skip


def _objects(rows: list[tuple[str, str, str]], *, allow_missing: bool = True) -> None:
    """Judge objects (name, role, object) as stage ``annotate_objects`` does; "-": not annotated."""
    from dejavu.caption import object_bank

    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE wanted (sample_id BIGINT, sample_name VARCHAR, role VARCHAR)"
        )
        listed = [(i, name, role) for i, (name, role, _) in enumerate(rows)]
        database.executemany("INSERT INTO wanted VALUES (?, ?, ?)", listed)
        database.execute("CREATE VIEW samples AS SELECT sample_id, sample_name FROM wanted")
        lines = [f"{name},{what},0.9" for name, _, what in rows if what != "-"]
        Path("o.csv").write_text("\n".join(["sample_name,object,score", *lines]) + "\n")
        settings = TableObjectsParams(
            source="table", path="o.csv", min_score=0.3, allow_missing=allow_missing
        )
        objects_table.register(database, settings, Path())
        annotate.unannotated(database, allow_missing=allow_missing, limit=LIMITS.unannotated)
        database.execute("CREATE VIEW shown AS SELECT sample_id, object FROM detections")
        print(object_bank.judge(database, LIMITS.labels_without_bank)[0])


def _labels() -> None:
    roles = coded(["public", "reference", "target", "control"] * 10)
    labels = np.array([0, 0, 0, 1] * 10)
    label_bank.judge(roles, labels, LIMITS.labels_without_bank,
                     lambda place: f"image {place} ({['gate', 'Gate'][labels[place]]})")  # fmt: skip


def unknowns() -> Iterator[Row]:
    """Kind B: not known is taken for nothing there."""
    yield (
        "B", "COCO captions with instances of a partial split",
        'no word; 12 of 16 public images "show nothing"', functools.partial(captioned, kept=30),
    )  # fmt: skip
    yield (
        "B", "a detector ran on 40 % of the images, allow_missing: true",
        "145 of 254 unannotated public samples stay in the bank; plain PPG 0.141 → 0.057, control 0.162 → "
        "−0.047",
        functools.partial(
            _objects,
            [(f"s{i}", ("public", "target")[i % 2], "dog" if i < 20 else "-") for i in range(50)],
        ),
    )  # fmt: skip
    yield (
        "B", "label case differs between roles (heldout/Gate, train/gate)",
        "control 0.0 [0.0, 0.0], headline as if nothing were wrong", _labels,
    )  # fmt: skip
    yield (
        "B", "object names differ in case between roles (caption lane)", "not tried",
        functools.partial(
            _objects, [(f"s{i}", ("public", "target", "control")[i % 3], "Dog" if i % 3 == 2 else "dog")
                       for i in range(30)],
        ),
    )  # fmt: skip


def _captions(suffix: str, value: Any) -> None:
    photos()
    rows = [{"path": name, "caption": value} for name in NAMES]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), "photos/t.parquet")
    elif suffix == "jsonl":
        Path("photos/t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [f"{name},{value}" for name in NAMES]
        Path(f"photos/t.{suffix}").write_bytes("\n".join(["path,caption", *lines]).encode("cp1252"))
    found = built(
        {"adapter": "captions_table", "root": "photos", "table": f"t.{suffix}", "path_column": "path",
         "caption_column": "caption", "max_dropped_share": 0.01},
        "caption",
    )  # fmt: skip
    print(f"{len(found)} captions, the first {found[0]['caption']!r}")


def cells() -> Iterator[Row]:
    """Kind C: `str()` on whatever came."""
    before = "\"['a man …']\", nan, b'…', None as captions"
    for name, suffix, value in (
        ("lists", "jsonl", ["a man"]), ("mappings", "jsonl", {"raw": "a man"}),
        ("NaN", "parquet", float("nan")), ("bytes", "parquet", b"a man"), ("null", "jsonl", None),
    ):  # fmt: skip
        yield (
            "C",
            f"caption cells that are {name}",
            before,
            functools.partial(_captions, suffix, value),
        )
    turned = "one cell turns the whole CSV into bytes"
    yield "C", "one cell in cp1252", turned, functools.partial(_captions, "csv", "caf\xe9")
    yield (
        "C",
        "the same, said in the name",
        turned,
        functools.partial(_captions, "cp1252.csv", "caf\xe9"),
    )
    yield "C", "numeric label columns", "late ArrowTypeError", functools.partial(_samples, label=7)
    yield (
        "C",
        "unknown columns of samples.csv",
        "xmin, X0 dropped without a word",
        functools.partial(_samples, xmin=5),
    )


def _samples(**more: Any) -> None:
    rows = [
        {"sample_name": f"00{i}", "label": "dog", "width_px": 90, "height_px": 80, **more}
        for i in range(5)
    ]
    Path("s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = built({"adapter": "samples_table", "path": "s.jsonl", "max_dropped_share": 0.0})
    print(f"{len(found)} samples, the first {found[0]['sample_name']!r}")


def said(act: Callable[[], object]) -> str:
    """Return what an input prints or raises, in a folder of its own (the current one)."""
    from dejavu.errors import DejavuError

    out = io.StringIO()
    os.environ["DEJAVU_QUIET"] = ""
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            act()
    except DejavuError as error:
        return f"{type(error).__name__}: {error}"
    return out.getvalue().strip()
