"""The inputs of `benchmarks.bad_inputs`: each a name, and a call that is made in a folder of its own.

A call brings a corpus, a table or shards with one thing wrong, lets the stage's own function take it,
compares what came out with the truth and prints ``counted`` or ``harmless`` last; or it ends in a named
error.
"""

import functools
import json
import os
import random
import tarfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bad_input_more import more
from benchmarks.bad_input_queries import queries
from benchmarks.bad_input_reports import reports
from benchmarks.bad_input_tables import cells, texts
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
)
from benchmarks.hostile_cases import Act, Case
from dejavu.params.roles import TableRoles
from dejavu.splits import given_roles
from dejavu.splits.listing import Listing
from dejavu.splits.outcome import named
from dejavu.tables.schemas import SAMPLES
from tests.corpora.image_files import photo


def boxes() -> Iterator[Case]:
    """Boxes in other units, orders, sizes and states, all of them or some."""
    w, h = SIZE
    changes: dict[str, Callable[..., list[Any]]] = {
        "relative": lambda x, y, a, b: [x / w, y / h, a / w, b / h],
        "per cent": lambda x, y, a, b: [100 * x / w, 100 * y / h, 100 * a / w, 100 * b / h],
        "sizes": lambda x, y, a, b: [x, y, a - x, b - y],
        "swapped": lambda x, y, a, b: [a, b, x, y],
        "transposed": lambda x, y, a, b: [y, x, b, a],
        "larger": lambda x, y, a, b: [3 * x, 3 * y, 3 * a, 3 * b],
        "smaller": lambda x, y, a, b: [x / 3, y / 3, a / 3, b / 3],
        "outside": lambda x, y, a, b: [x + w, y, a + w, b],
        "empty": lambda x, y, _a, b: [x, y, x, b],
        "not a number": lambda x, y, a, _b: [x, y, a, "nan"],
        "words": lambda x, y, a, _b: [x, y, a, "low"],
        "nothing": lambda *_: ["", "", "", ""],
        "infinite": lambda x, y, _a, b: [x, y, "inf", b],
        "center": lambda x, y, a, b: [(x + a) / 2, (y + b) / 2, a - x, b - y],
    }
    for name, change in changes.items():
        for every in (1, 2, 10, 40):  # the second of two is the one folder
            yield f"{name}, one of {every}", functools.partial(_boxes, change, every)


def _boxes(change: Callable[..., list[Any]], every: int) -> None:
    photos()
    lines = [
        ",".join(map(str, [name, *(change(*box) if i % every == 0 else box)]))
        for i, (name, box) in enumerate(zip(NAMES, BOXES, strict=True))
    ]
    Path("photos/boxes.csv").write_text("\n".join(["path,x0,y0,x1,y1", *lines]) + "\n")
    found = {row["sample_name"]: row["boxes"] for row in built(folder("boxes.csv"))}
    wrong = {
        name
        for name, box in zip(NAMES, BOXES, strict=True)
        if [tuple(each[c] for c in ("x0", "y0", "x1", "y1")) for each in found[name]] != [box]
    }
    repairs = json.loads(Path("images/source.json").read_text())["box_repairs"]
    told(
        is_true=not wrong, n_counted=sum(repairs.values()), is_shown=bool(wrong & on_the_sheet()),
        is_valid=not any(repairs.values()),  # each box lies in its image as it is stated
    )  # fmt: skip


def files() -> Iterator[Case]:
    """Images of a folder that are damaged, misnamed, hidden, linked or no files."""
    rng = random.Random(0)
    good = photo(99, size=SIZE)
    contents: dict[str, bytes] = {
        "empty": b"", "html": b"<html>404</html>", "one pixel": photo(1, size=(1, 1), kind="PNG"),
        "pdf": b"%PDF-1.4", "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "header": good[:20],
    }  # fmt: skip
    contents |= {f"cut at {at}": good[:at] for at in rng.sample(range(100, len(good) - 2), 30)}
    for n in range(30):
        raw = bytearray(good)
        for _ in range(8):
            raw[rng.randrange(2, len(raw))] = rng.randrange(256)
        contents[f"noise {n}"] = bytes(raw)
    for name, content in contents.items():
        yield name, functools.partial(_file, "bad.jpg", content)
    for name in (
        ".ipynb_checkpoints/0.jpg",
        "@eaDir/0.jpg",
        "._0.jpg",
        "0.jfif",
        "0.JPE",
        "0",
        "0.txt",
    ):
        yield f"called {name}", functools.partial(_file, name, good)
    yield "pipe", functools.partial(_special, os.mkfifo)
    yield "link to itself", functools.partial(_special, lambda path: path.symlink_to(path.name))
    yield "link out", functools.partial(_special, lambda path: path.symlink_to("/etc/passwd"))
    yield "link back", functools.partial(_special, lambda path: path.symlink_to(".."))


def _file(name: str, content: bytes) -> None:
    photos()
    path = Path("photos/a", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    _compared(path)


def _special(make: Callable[[Path], object]) -> None:
    photos()
    make(Path("photos/a/odd.jpg"))
    _compared(Path("photos/a/odd.jpg"))


def _compared(extra: Path) -> None:
    rows = {row["sample_name"]: row["problem"] for row in built(folder())}
    name = extra.relative_to("photos").as_posix()
    is_hidden = any(part.startswith((".", "@")) for part in Path(name).parts)
    others = {key: problem for key, problem in rows.items() if key != name}
    is_true = others == dict.fromkeys(NAMES) and (name in rows) != is_hidden and not rows.get(name)
    is_link = extra.is_symlink() and name not in rows  # the listing says that it leads back
    told(is_true=is_true, n_counted=int(bool(rows.get(name)) or (is_link and len(others) == N)))


def shards() -> Iterator[Case]:
    """Tar shards that are cut, damaged, empty or repeat members, beside their Parquet file."""
    rng = random.Random(0)
    for n in range(20):

        def cut(raw: bytes, share: float = n / 20 + 0.011) -> bytes:
            return raw[: int(share * len(raw))]

        yield f"cut {n}", functools.partial(_shard, cut)
    for n in range(20):
        place, value = rng.random(), rng.randrange(256)

        def flipped(raw: bytes, place: float = place, value: int = value) -> bytes:
            at = int(place * len(raw))
            return raw[:at] + bytes([value]) + raw[at + 1 :]

        yield f"flipped {n}", functools.partial(_shard, flipped)
    yield "empty", functools.partial(_shard, lambda _: b"")
    yield "html", functools.partial(_shard, lambda _: b"<html>404</html>" * 99)
    yield "zeros", functools.partial(_shard, lambda raw: bytes(len(raw)))
    yield "twice", functools.partial(_shard, lambda raw: raw + raw)
    yield "repeated", functools.partial(_shard, lambda raw: raw, repeats=True)


def _shard(change: Callable[[bytes], bytes], *, repeats: bool = False) -> None:
    Path("shards").mkdir()
    keys = [f"{i:05}" for i in range(12)]
    wanted = {}
    with tarfile.open("plain.tar", "w") as archive:
        for i, key in enumerate([*keys, *keys[:2]] if repeats else keys):
            wanted[f"0/{key}"] = f"caption {i}"
            for end, content in (("jpg", photo(i)), ("txt", f"caption {i}".encode())):
                info = tarfile.TarInfo(f"{key}.{end}")
                info.size = len(content)
                Path("member").write_bytes(content)
                with Path("member").open("rb") as stream:
                    archive.addfile(info, stream)
    Path("shards/0.tar").write_bytes(change(Path("plain.tar").read_bytes()))
    pq.write_table(pa.table({"key": keys, "status": ["success"] * 12}), "shards/0.parquet")
    rows = built(
        {
            "adapter": "webdataset", "root": "shards", "shards": "*.tar", "caption_extensions": ["txt"],
            "max_dropped_share": 1.0,
        },
        "caption",
    )  # fmt: skip
    usable = {row["sample_name"]: row["caption"] for row in rows if row["problem"] is None}
    n_counted = sum(row["problem"] is not None for row in rows)
    told(is_true=usable == wanted, n_counted=n_counted)


def names() -> Iterator[Case]:
    """Names in other forms: composed and decomposed letters, spaces, signs, lengths."""
    for name in ("café", "Å", "ñ", "が", "한글"):
        for of_file, of_table in (("NFC", "NFD"), ("NFD", "NFC")):
            yield (
                f"{name} {of_file} {of_table}",
                functools.partial(
                    _named, *(unicodedata.normalize(form, name) for form in (of_file, of_table))
                ),
            )
    for name in (
        " x",
        "x ",
        "a,b",
        'a"b',
        "a#b",
        "a%20b",
        "🦜",
        "x" * 200,
        "a\\b",
        "a'b",
        "~",
        "-n",
    ):
        yield repr(name)[:20], functools.partial(_named, name, name)


def _named(of_file: str, of_table: str) -> None:
    photos()
    Path("photos/a", f"{of_file}.jpg").write_bytes(photo(77, size=SIZE))
    cell = f"a/{of_table}.jpg".replace('"', '""')
    Path("photos/boxes.csv").write_text(f'path,x0,y0,x1,y1\n"{cell}",5,4,70,50\n', encoding="utf-8")
    Path("roles.csv").write_text(f'sample_name,role\n"{cell}",target\n', encoding="utf-8")
    built(folder("boxes.csv"))
    rows = SAMPLES.read(Path("samples.parquet"), columns=["sample_name", "uri", "boxes"])
    place = rows["sample_name"].to_pylist().index(f"a/{of_file}.jpg")
    listing = Listing.of_table(rows)
    given, _ = given_roles.read(TableRoles(source="table", path="roles.csv"), listing, Path())
    is_target = named(given)[place] == "target"
    told(is_true=len(rows["boxes"][place]) == 1 and is_target, n_counted=0)


def networks() -> Iterator[Case]:
    """Weights; last, as the libraries that read them count in the memory of whatever comes after."""
    from benchmarks import bad_input_networks

    yield from bad_input_networks.networks()


KINDS: dict[str, Callable[[], Iterator[tuple[str, Act]]]] = {
    "boxes": boxes, "cells": cells, "texts": texts, "files": files, "shards": shards, "names": names,
    "reports": reports, "more reports": more, "queries": queries, "networks": networks,
}  # fmt: skip
