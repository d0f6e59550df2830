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

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from benchmarks.hostile_cases import Act, Case
from dejavu.annotators import tables
from dejavu.corpora import build
from dejavu.params.caption_corpora import CaptionCorpus
from dejavu.params.corpora import CorpusParams
from dejavu.params.machine import MachineParams
from dejavu.params.roles import TableRoles
from dejavu.splits import given_roles
from dejavu.tables.schemas import SAMPLES
from tests.corpora.image_files import photo
from tests.corpora.limits import LIMITS

N, SIZE = 40, (80, 60)
NAMES = [f"{'ab'[i % 2]}/{i:02}.jpg" for i in range(N)]
BOXES = [(5 + i % 29, 4 + i % 17, 45 + i % 35, 31 + i % 29) for i in range(N)]
MACHINE = MachineParams(
    device="cpu", engine="local", workers=1, batch_images=8, block_rows=64, data_root="."
)


def built(settings: Any, lane: str = "image") -> list[dict[str, Any]]:
    """Build a corpus below this folder and return its samples."""
    schema: Any = CorpusParams if lane == "image" else CaptionCorpus
    section = TypeAdapter(schema).validate_python(settings)
    build.build(
        lane, getattr(section, "root", section) if lane == "image" else section, limits=LIMITS, seed=0,
        samples=Path("samples.parquet"), labels=Path("labels.parquet"), images=Path("images"),
        machine=MACHINE,
    )  # fmt: skip
    return SAMPLES.read(Path("samples.parquet")).to_pylist()


def told(*, is_true: bool, n_counted: int) -> None:
    """Print what the comparison with the truth came to."""
    print("harmless" if is_true else "counted" if n_counted else "silent", flush=True)


def photos() -> None:
    """Write the images of the folder corpus."""
    for i, name in enumerate(NAMES):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(i, size=SIZE))


def folder(boxes: str | None = None) -> dict[str, Any]:
    """Return the section of the folder corpus; up to a tenth of its samples may be unusable."""
    return {
        "adapter": "image_folder", "root": "photos", "use": None, "boxes": boxes,
        "max_dropped_share": 0.1,
    }  # fmt: skip


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
    # One box of another unit in a plausible place is seen by people only, on the contact sheet.
    whole = {"per cent", "sizes", "transposed", "smaller", "center"}
    for name, change in changes.items():
        for every in (1,) if name in whole else (1, 2, 10, 40):
            yield f"{name}, one of {every}", functools.partial(_boxes, change, every)


def _boxes(change: Callable[..., list[Any]], every: int) -> None:
    photos()
    lines = [
        ",".join(map(str, [name, *(change(*box) if i % every == 0 else box)]))
        for i, (name, box) in enumerate(zip(NAMES, BOXES, strict=True))
    ]
    Path("photos/boxes.csv").write_text("\n".join(["path,x0,y0,x1,y1", *lines]) + "\n")
    found = {row["sample_name"]: row["boxes"] for row in built(folder("boxes.csv"))}
    is_true = all(
        len(found[name]) == 1 and tuple(found[name][0][c] for c in ("x0", "y0", "x1", "y1")) == box
        for name, box in zip(NAMES, BOXES, strict=True)
    )
    repairs = json.loads(Path("images/source.json").read_text())["box_repairs"]
    told(is_true=is_true, n_counted=sum(repairs.values()))


CELLS: dict[str, Any] = {
    "list": ["a man"], "mapping": {"raw": "a man"}, "truth": True, "nothing": None, "empty": "  ",
    "number": 1.5, "not a number": float("nan"), "half an emoji": "smile \ud83d", "bytes": b"a \xe9",
    "replaced": "caf\ufffd",
}  # fmt: skip


def cells() -> Iterator[Case]:
    """Captions, tags and roles that are no text, in every kind of file that can hold them."""
    for suffix in ("jsonl", "parquet"):
        for name, value in CELLS.items():
            if suffix == "jsonl" and isinstance(value, bytes):
                continue
            for every in (1, 4):
                for what in (_captions, _tags, _roles):
                    label = f"{what.__name__[1:]}, {suffix}, {name}, one of {every}"
                    yield label, functools.partial(what, suffix, value, every)


def _table(path: Path, column: str, values: list[Any], others: dict[str, list[Any]]) -> None:
    rows = [
        {**{k: v[i] for k, v in others.items()}, column: value} for i, value in enumerate(values)
    ]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return
    texts = [v for v in values if isinstance(v, str)]
    if any("\ud83d" in text for text in texts):
        values = [v.replace("\ud83d", "\ufffd") if isinstance(v, str) else v for v in values]
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1:  # a column of Parquet has one type: that of the odd one
        values = [v if not isinstance(v, str) else None for v in values]
    pq.write_table(pa.table({**others, column: values}), path)


def _mixed(value: Any, every: int, good: str) -> list[Any]:
    return [value if i % every == 0 else f"{good} {i}" for i in range(N)]


def _captions(suffix: str, value: Any, every: int) -> None:
    photos()
    values = _mixed(value, every, "a photo of")
    _table(Path(f"photos/t.{suffix}"), "caption", values, {"path": NAMES})
    rows = built(
        {
            "adapter": "captions_table", "root": "photos", "table": f"t.{suffix}", "path_column": "path",
            "caption_column": "caption", "max_dropped_share": 1.0,
        },
        "caption",
    )  # fmt: skip
    usable = {row["sample_name"]: row["caption"] for row in rows if row["problem"] is None}
    wanted = {n: v for n, v in zip(NAMES, values, strict=True) if isinstance(v, str)}
    told(
        is_true=usable == wanted,
        n_counted=sum(row["problem"] is not None for row in rows)
        if usable.items() <= wanted.items()
        else 0,
    )


def _tags(suffix: str, value: Any, every: int) -> None:
    values = _mixed(value, every, "tag")
    others: dict[str, list[Any]] = {"sample_name": NAMES, "score": [0.5] * N}
    _table(Path(f"t.{suffix}"), "tag", values, others)
    with duckdb.connect() as database:
        database.execute("CREATE TABLE samples (sample_id BIGINT, sample_name VARCHAR)")
        database.executemany("INSERT INTO samples VALUES (?, ?)", list(enumerate(NAMES)))
        tables.load(database, Path(f"t.{suffix}"), param="a.key")
        found = dict(database.sql("SELECT sample_id, name FROM known").fetchall())
    wrong = [n for n in found.values() if n is not None and not n.startswith("tag ")]
    broken = sum("\ufffd" in n for n in wrong)
    n_empty = sum(n is None for n in found.values())
    told(is_true=not wrong and not n_empty, n_counted=(n_empty + broken) * (len(wrong) == broken))


def _roles(suffix: str, value: Any, every: int) -> None:
    values = [value if i % every == 0 else "public" for i in range(N)]
    _table(Path(f"t.{suffix}"), "role", values, {"sample_name": NAMES})
    boxes = pa.array([[]] * N, SAMPLES.schema.field("boxes").type)
    rows = pa.table({"sample_name": NAMES, "uri": NAMES, "boxes": boxes})
    settings = TableRoles(source="table", path=f"t.{suffix}")
    given, _ = given_roles.read(settings, rows, Path())
    told(is_true=given.tolist() == ["public"] * N, n_counted=0)


def texts() -> Iterator[Case]:
    """Text files in other encodings, forms and states."""
    head = "sample_name,tag,score\n"
    body = head + "".join(f"{name},façade {i},0.5\n" for i, name in enumerate(NAMES))
    changes = {
        "alias": ("sample_name", "name"), "case": ("tag", "Tag"), "semicolons": (",", ";"),
        "tabs": (",", "\t"),
        "decimal": ("0.5", '"0,5"'), "percent": ("0.5", "50"), "windows": ("\n", "\r\n"), "old": ("\n", "\r"),
    }  # fmt: skip
    contents = {f"{name}.csv": body.replace(*change).encode() for name, change in changes.items()}
    contents |= {
        "utf-16.csv": body.encode("utf-16"), "bom.csv": body.encode("utf-8-sig"),
        "cp1252.csv": body.encode("cp1252"), "t.cp1252.csv": body.encode("cp1252"),
        "bare utf-16.csv": body.encode("utf-16-le"), "empty.csv": b"", "head.csv": head.encode(),
        "ragged.csv": (body + "a,b\n").encode(), "long.csv": (body + "x,y,0.5,more\n").encode(),
        "twice.csv": b"sample_name,tag,tag,score\na,b,c,0.5\n", "commas.tsv": body.encode(),
        "quote.csv": (body + '"open,x,0.5\n').encode(), "zeros.csv": body.encode() + b"\0" * 99,
        "html.csv": b"<html>404</html>", "lists.jsonl": b"[1, 2]\n", "deep.jsonl": b"[" * 99_999,
        "cut.jsonl": b'{"sample_name": "a", "tag"', "png.parquet": photo(1, kind="PNG"),
        "cut.parquet": b"PAR1" + b"\0" * 50, "sheet.xlsx": b"PK",
    }  # fmt: skip
    for name, content in contents.items():
        yield name, functools.partial(_text, name, content)


def _text(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    with duckdb.connect() as database:
        database.execute("CREATE TABLE samples (sample_id BIGINT, sample_name VARCHAR)")
        database.executemany("INSERT INTO samples VALUES (?, ?)", list(enumerate(NAMES)))
        tables.load(database, Path(name), param="a.key")
        found = dict(database.sql("SELECT sample_id, name FROM known").fetchall())
    n_missing = N - len(found)  # whoever needs them refuses or counts them
    is_true = all(name == f"façade {i}" for i, name in found.items())
    told(is_true=is_true and not n_missing, n_counted=n_missing * is_true)


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
    given, _ = given_roles.read(TableRoles(source="table", path="roles.csv"), rows, Path())
    told(is_true=len(rows["boxes"][place]) == 1 and given[place] == "target", n_counted=0)


KINDS: dict[str, Callable[[], Iterator[tuple[str, Act]]]] = {
    "boxes": boxes, "cells": cells, "texts": texts, "files": files, "shards": shards, "names": names,
}  # fmt: skip
