"""Inputs of `benchmarks.bad_inputs` built after public reports; each names its report."""

import functools
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

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
from tests.corpora.image_files import photo

W, H = SIZE
_LABELS = ("dog", "cat", "owl")
Change = Callable[..., list[Any]]


def boxes() -> Iterator[Case]:
    """Boxes of COCO and YOLO as other tools export them."""
    halves = [(0.5, i % 2 == 0) for i in range(N)]
    changes: dict[str, Change] = {
        "corners where COCO has sizes (armory 1491)": lambda x, y, a, b: [x, y, a, b],
        "measured from the lower edge (TACO 8)": lambda x, y, a, b: [x, H - b, a - x, b - y],
        "centers in shares (yolov5 3656)": lambda x, y, a, b: [
            (x + a) / 2 / W, (y + b) / 2 / H, (a - x) / W, (b - y) / H],
        "shares a bit over one (label-studio 5014)": lambda x, y, _a, _b: [x / W, y / H, 1.0004, 1.0004],
        "columns before rows (lost axis order)": lambda x, y, a, b: [y, x, b - y, a - x],
    }  # fmt: skip
    for name, change in changes.items():
        yield name, functools.partial(_coco_boxes, change)
    yield "images that somebody halved (one folder)", functools.partial(_coco_boxes, None, halves)
    yield "ids as text in one list (cocoapi 689)", functools.partial(_coco_boxes, None, None, str)
    yield (
        "a list of categories that is another's (darknet 2603)",
        functools.partial(captioned, shift=9),
    )


def _coco_boxes(change: Change | None, scales: Any = None, identity: Any = int) -> None:
    photos()
    entries = []
    for i, (x, y, a, b) in enumerate(BOXES):
        bbox = change(x, y, a, b) if change else [x, y, a - x, b - y]
        if scales and scales[i][1]:
            bbox = [v * scales[i][0] for v in bbox]
        entries.append({"id": i, "image_id": i, "bbox": bbox})
    images = [{"id": identity(i), "file_name": name} for i, name in enumerate(NAMES)]
    Path("photos/boxes.json").write_text(json.dumps({"images": images, "annotations": entries}))
    rows = {row["sample_name"]: row["boxes"] for row in built(folder("boxes.json"))}
    wrong = {
        name
        for name, box in zip(NAMES, BOXES, strict=True)
        if [tuple(each[c] for c in ("x0", "y0", "x1", "y1")) for each in rows[name]] != [box]
    }
    told(
        is_true=not wrong,
        n_counted=0,
        is_shown=bool(wrong & on_the_sheet("boxes.json")),
        is_valid=True,
    )


def captions() -> Iterator[Case]:
    """Captions and instances of COCO that do not belong together, or do so in part."""
    yield "images without any annotation (cocoapi 76)", functools.partial(captioned, empty=5)
    yield "ids as text in the instances (cocoapi 689)", functools.partial(captioned, identity=str)
    yield "instances of a part of the images (vcoco 9)", functools.partial(captioned, kept=30)
    yield (
        "files of another release (coco-annotator 212)",
        functools.partial(captioned, prefix="COCO_"),
    )
    yield "captions without metadata (AquaLoRA 8)", functools.partial(captioned, n_captions=30)
    yield "images that are not there (datasets 4311)", functools.partial(captioned, lost=30)


def captioned(
    *, empty: int = 0, identity: Any = int, kept: int = N, prefix: str = "", n_captions: int = N,
    lost: int = N, shift: int = 0,
) -> None:  # fmt: skip
    photos()
    for name in NAMES[lost:]:
        Path("photos", name).unlink()
    images = [{"id": i, "file_name": name, "width": W, "height": H} for i, name in enumerate(NAMES)]
    others = [
        {**image, "id": identity(image["id"]), "file_name": prefix + str(image["file_name"])}
        for image in images[:kept]
    ]
    objects = [
        {"id": i, "image_id": identity(i), "category_id": i % 3 + shift,
         "bbox": [BOXES[i][0], BOXES[i][1], BOXES[i][2] - BOXES[i][0], BOXES[i][3] - BOXES[i][1]]}
        for i in range(empty, kept)
    ]  # fmt: skip
    texts = [{"id": i, "image_id": i, "caption": f"photo {i}"} for i in range(n_captions)]
    names = [{"id": i, "name": name} for i, name in enumerate(_LABELS)]
    Path("photos/c.json").write_text(json.dumps({"images": images, "annotations": texts}))
    Path("photos/i.json").write_text(
        json.dumps({"images": others, "annotations": objects, "categories": names})
    )
    rows = built(
        {"adapter": "coco", "root": "photos", "captions": "c.json", "instances": "i.json",
         "caption_choice": "first", "max_dropped_share": 1.0},
        "caption",
    )  # fmt: skip
    usable = {
        row["sample_name"]: [box["label"] for box in row["boxes"]]
        for row in rows
        if not row["problem"]
    }
    n = min(kept, n_captions, lost)
    true = {f"{i:02}": [_LABELS[i % 3]] if i >= empty else [] for i in range(n)}
    told(
        is_true=n == N and usable == true,
        n_counted=sum(bool(row["problem"]) for row in rows) * (usable == true),
    )


def tables() -> Iterator[Case]:
    """Tables of captions as notebooks and other libraries write them."""
    yield "names that became numbers (fastai 1008)", functools.partial(_table, _numbers)
    yield "keys in two cases (duckdb 7956)", functools.partial(_table, _cases)
    yield "blank rows at the end (OG-ETH 38)", functools.partial(_table, _blank)
    yield "conversations, not captions (datasets 7337)", functools.partial(_table, _conversations)
    yield "a file for json1 (diffusers 2099)", functools.partial(_table, _odd_suffix)
    yield "an index column of pandas", functools.partial(_table, _index)


def _table(write: Callable[[], str]) -> None:
    photos()
    name = write()
    rows = built(
        {"adapter": "captions_table", "root": "photos", "table": name, "path_column": "path",
         "caption_column": "caption", "max_dropped_share": 1.0},
        "caption",
    )  # fmt: skip
    usable = {row["sample_name"]: row["caption"] for row in rows if not row["problem"]}
    true = {path: f"photo {i}" for i, path in enumerate(NAMES)}
    told(
        is_true=usable == true and len(rows) == N,
        n_counted=sum(bool(row["problem"]) for row in rows) * (usable.items() <= true.items()),
    )


def _numbers() -> str:
    columns = {"path": list(range(N)), "caption": [f"photo {i}" for i in range(N)]}
    pq.write_table(pa.table(columns), "photos/t.parquet")
    return "t.parquet"


def _lines(rows: list[dict[str, Any]], name: str = "t.jsonl") -> str:
    Path("photos", name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def _cases() -> str:
    return _lines(
        [{"path": p, "caption" if i % 2 else "Caption": f"photo {i}"} for i, p in enumerate(NAMES)]
    )


def _conversations() -> str:
    return _lines(
        [
            {"path": p, "caption": [{"from": "gpt", "value": f"photo {i}"}]}
            for i, p in enumerate(NAMES)
        ]
    )


def _odd_suffix() -> str:
    return _lines([{"path": p, "caption": f"photo {i}"} for i, p in enumerate(NAMES)], "t.json1")


def _csv(head: str, rows: list[str], end: str = "") -> str:
    Path("photos/t.csv").write_text("\n".join([head, *rows]) + "\n" + end)
    return "t.csv"


def _blank() -> str:
    return _csv("path,caption", [f"{p},photo {i}" for i, p in enumerate(NAMES)], ",\n" * 9)


def _index() -> str:
    return _csv(",path,caption", [f"{i},{p},photo {i}" for i, p in enumerate(NAMES)])


def tars() -> Iterator[Case]:
    """Shards as hand-made writers leave them."""
    yield "images first, captions last (webdataset 140)", functools.partial(_tar, is_sorted=False)
    yield (
        "names with two dots (open_clip 480)",
        functools.partial(_tar, image="input.jpg", text="outputs.txt"),
    )
    yield "some names with two dots (open_clip 480)", functools.partial(_tar, some="input.jpg")
    yield "long names (webdataset 428)", functools.partial(_tar, stem="x" * 150)
    yield "one shard written by two workers (view-fusion 2)", functools.partial(_tar, times=2)
    yield "the same names in every shard (webdataset 157)", functools.partial(_tar, shards=3)


def _tar(
    *, is_sorted: bool = True, image: str = "jpg", text: str = "txt", some: str = "jpg", stem: str = "",
    times: int = 1, shards: int = 1,
) -> None:  # fmt: skip
    Path("shards").mkdir()
    keys = [f"{stem}{i:05}" for i in range(12)]
    members = [
        (f"{key}.{some if image == 'jpg' and i % 3 == 0 else image}", photo(i))
        for i, key in enumerate(keys)
    ] + [(f"{key}.{text}", f"caption {i}".encode()) for i, key in enumerate(keys)]
    for n in range(shards):
        with tarfile.open(f"shards/{n}.tar", "w") as archive:
            for name, content in (sorted(members) if is_sorted else members) * times:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                Path("member").write_bytes(content)
                with Path("member").open("rb") as stream:
                    archive.addfile(info, stream)
    shutil.rmtree("member", ignore_errors=True)
    rows = built(
        {"adapter": "webdataset", "root": "shards", "shards": "*.tar", "caption_extensions": ["txt"],
         "max_dropped_share": 1.0},
        "caption",
    )  # fmt: skip
    usable = {row["sample_name"]: row["caption"] for row in rows if not row["problem"]}
    true = {f"{n}/{key}": f"caption {i}" for n in range(shards) for i, key in enumerate(keys)}
    told(
        is_true=usable == true,
        n_counted=sum(bool(row["problem"]) for row in rows) * (len(rows) == len(true)),
    )


def reports() -> Iterator[Case]:
    """All of them."""
    for kind in (boxes, captions, tables, tars):
        yield from kind()
