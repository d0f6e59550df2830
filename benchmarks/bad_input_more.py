"""More inputs of `benchmarks.bad_inputs` built after public reports; each names its report."""

import functools
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.bad_input_reports import captioned
from benchmarks.bad_input_world import (
    BOXES,
    NAMES,
    SIZE,
    N,
    built,
    folder,
    on_the_sheet,
    photos,
    told,
)  # fmt: skip
from benchmarks.hostile_cases import Case
from dejavu.annotators import objects_table
from dejavu.caption import annotate
from dejavu.params.caption import TableObjectsParams
from tests.corpora.image_files import photo
from tests.corpora.limits import LIMITS

W, H = SIZE


def boxes() -> Iterator[Case]:
    """Kind A."""
    yield "images of size -1 (detectron2 1966)", functools.partial(_coco, size=(-1, -1))
    yield "a box without height (cocoapi 355)", functools.partial(_coco, flat=True)
    yield "width and height swapped (BlenderProc 93)", functools.partial(_coco, size=(H, W))
    yield "boxes of another version (py-faster-rcnn 774)", functools.partial(_coco, shift=1)
    yield "sizes under their own names (make-sense 150)", _sizes


def _coco(*, size: tuple[int, int] = SIZE, flat: bool = False, shift: int = 0) -> None:
    photos()
    images = [
        {"id": i, "file_name": name, "width": size[0], "height": size[1]}
        for i, name in enumerate(NAMES)
    ]
    entries = [
        {
            "id": i,
            "image_id": (i + shift) % N,
            "bbox": [x, y, a - x, 0 if flat and i == 3 else b - y],
        }
        for i, (x, y, a, b) in enumerate(BOXES)
    ]
    Path("photos/boxes.json").write_text(json.dumps({"images": images, "annotations": entries}))
    rows = {row["sample_name"]: row["boxes"] for row in built(folder("boxes.json"))}
    wrong = {
        name
        for name, box in zip(NAMES, BOXES, strict=True)
        if [tuple(each[c] for c in ("x0", "y0", "x1", "y1")) for each in rows[name]] != [box]
    }
    is_shown = bool(wrong & on_the_sheet("boxes.json"))
    told(is_true=not wrong, n_counted=0, is_shown=is_shown, is_valid=True)


def _sizes() -> None:
    photos()
    rows = [
        f"{name},{x},{y},{a - x},{b - y}" for name, (x, y, a, b) in zip(NAMES, BOXES, strict=True)
    ]
    Path("photos/boxes.csv").write_text("\n".join(["path,x_min,y_min,width,height", *rows]) + "\n")
    built(folder("boxes.csv"))
    told(is_true=False, n_counted=0)


def unknowns() -> Iterator[Case]:
    """Kind B: rows of objects, or none, for 50 samples of which every one is a target or public."""
    names = [f"s{i}" for i in range(50)]
    yes = [(name, "dog", 0.9) for name in names]
    # what was looked for and is not there has a row of confidence 0
    absent = [(name, "cat", 0.0) for name in names]
    yield (
        "confidence 0: verified absent (PartialLabelingCSL 1)",
        functools.partial(_objects, yes + absent),
    )
    yield "one image without a word (openimages 35)", functools.partial(_objects, yes[1:])
    yield "no file for negatives (SIXray 3)", functools.partial(_objects, yes[15:])
    yield (
        "boxes of a part only (openimages 77)",
        functools.partial(_objects, yes[40:], allow_missing=True),
    )
    yield (
        "objects of another release (cvat 679)",
        functools.partial(captioned, identity=lambda i: i + 7),
    )


def _objects(rows: list[tuple[str, str, float]], *, allow_missing: bool = False) -> None:
    lines = [f"{name},{what},{score}" for name, what, score in rows]
    Path("o.csv").write_text("\n".join(["sample_name,object,score", *lines]) + "\n")
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE wanted AS SELECT i AS sample_id, 's' || i AS sample_name, "
            "CASE WHEN i % 2 = 0 THEN 'public' ELSE 'target' END AS role FROM range(50) t(i)"
        )
        database.execute("CREATE VIEW samples AS SELECT sample_id, sample_name FROM wanted")
        settings = TableObjectsParams(
            source="table", path="o.csv", min_score=0.0, allow_missing=allow_missing
        )
        objects_table.register(database, settings, Path())
        annotate.unannotated(database, allow_missing=allow_missing, limit=LIMITS.unannotated)
        found = database.sql("SELECT DISTINCT object FROM detections").fetchall()
    told(is_true=found == [("dog",)], n_counted=0)


def texts() -> Iterator[Case]:
    """Kind C."""
    words = {
        "NA": "pandas 10647",
        "null": "pandas 32084",
        "N/A": "pandas 24681",
        "None": "csvcubed 337",
    }
    for word, report in words.items():
        yield (
            f"the word {word} ({report})",
            functools.partial(_csv, "path,caption", f"{{}},{word}", word),
        )
    yield (
        "a column twice (pandas 7160)",
        functools.partial(_csv, "path,caption,caption", "{},x,y", "x"),
    )
    yield "semicolons (spreadsheets)", functools.partial(_csv, "path;caption", "{};a dog", "a dog")
    yield (
        "quotes behind a backslash (spark-csv)",
        functools.partial(_csv, "path,caption", '{},"a \\"big\\" dog"', 'a "big" dog'),
    )
    yield (
        "captions of shards in Latin-1 (img2dataset)",
        functools.partial(_tar, text="caf\xe9".encode("latin-1")),
    )


def _csv(head: str, row: str, caption: str) -> None:
    photos()
    lines = [row.format(name) for name in NAMES]
    Path("photos/t.csv").write_text("\n".join([head, *lines]) + "\n")
    rows = built(
        {"adapter": "captions_table", "root": "photos", "table": "t.csv", "path_column": "path",
         "caption_column": "caption", "max_dropped_share": 1.0},
        "caption",
    )  # fmt: skip
    usable = [row["caption"] for row in rows if not row["problem"]]
    told(is_true=usable == [caption] * N, n_counted=(N - len(usable)) * (set(usable) <= {caption}))


def tars() -> Iterator[Case]:
    """Kind E."""
    yield "compressed, and called .tar (webdataset 32)", functools.partial(_tar, pack=gzip.compress)
    yield "hard links (tar of hard-linked files)", functools.partial(_tar, link=tarfile.LNKTYPE)
    yield "symbolic links (tar of linked files)", functools.partial(_tar, link=tarfile.SYMTYPE)
    yield "what a Mac leaves (webdataset 258)", functools.partial(_tar, extra="._00003.jpg")
    yield "upper case (webdataset 407)", functools.partial(_tar, end="JPG")
    yield "names with dots (webdataset 428)", functools.partial(_tar, stem="2024.01.02_")


def _tar(
    *, pack: Callable[[bytes], bytes] = bytes, link: bytes | None = None, extra: str = "", end: str = "jpg",
    stem: str = "", text: bytes = b"",
) -> None:  # fmt: skip
    Path("shards").mkdir()
    keys = [f"{stem}{i:05}" for i in range(12)]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for i, key in enumerate(keys):
            members: list[tuple[str, bytes]] = [
                (f"{key}.{end}", photo(i)),
                (f"{key}.txt", text or b"words %d" % i),
            ]
            for name, content in [
                *members,
                *([(extra, b"\0\5\x16\7")] if extra and i == 3 else []),
            ]:
                info = tarfile.TarInfo(name)
                if link is not None and i == 5 and name.endswith(end):
                    info.type, info.linkname = link, f"{keys[0]}.{end}"
                    archive.addfile(info)
                    continue
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    Path("shards/0.tar").write_bytes(pack(buffer.getvalue()))
    rows = built(
        {"adapter": "webdataset", "root": "shards", "shards": "*.tar", "caption_extensions": ["txt"],
         "max_dropped_share": 1.0},
        "caption",
    )  # fmt: skip
    usable: dict[str, Any] = {
        row["sample_name"]: row["caption"] for row in rows if not row["problem"]
    }
    true = {f"0/{key}": text.decode("latin-1") or f"words {i}" for i, key in enumerate(keys)}
    n_counted = sum(bool(row["problem"]) for row in rows)
    told(is_true=usable == true, n_counted=n_counted * (usable.items() <= true.items()))


def more() -> Iterator[Case]:
    """All of them."""
    for kind in (boxes, unknowns, texts, tars):
        yield from kind()
