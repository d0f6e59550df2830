"""Tables of `benchmarks.bad_inputs`: cells that are no text, files in other encodings, forms and states."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bad_input_world import NAMES, N, built, photos, told
from benchmarks.hostile_cases import Case
from dejavu.annotators import tables
from dejavu.params.roles import TableRoles
from dejavu.splits import given_roles
from dejavu.splits.listing import Listing
from dejavu.splits.outcome import named
from dejavu.tables.schemas import SAMPLES
from tests.corpora.image_files import photo

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
    given, _ = given_roles.read(settings, Listing.of_table(rows), Path())
    told(is_true=named(given).tolist() == ["public"] * N, n_counted=0)


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
