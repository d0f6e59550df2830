"""Faults that users of the libraries below reported in public, rebuilt, for `benchmarks.hostile_inputs`.

Each name says where: owner/repository and number of the report.
"""

import contextlib
import functools
import io
import itertools
import struct
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.hostile_cases import Act, Case, dejavu
from benchmarks.hostile_files import having
from dejavu.corpora import tar_files
from dejavu.models.checkpoints import load as checkpoints
from dejavu.run import dvc_lock
from dejavu.tables import brought
from dejavu.tables.brought_values import Column
from tests.models.odd_files import nested_key

TEXT = (Column(name="sample_name", kind="text"), Column(name="score", kind="number"))


def reported() -> Iterator[Case]:
    """Checkpoints, tables, archives and YAML as they were reported."""
    for path, files in (("w.pth", _zips()), ("w.safetensors", _safetensors())):
        for name, raw in files.items():
            yield name, having(path, raw, _loaded(path))
    for name, raw in _tables().items():
        yield f"{name}, brought", having("t.parquet", raw, _read)
        yield (
            f"{name}, asked",
            having("data/image/labels.parquet", raw, dejavu("sql", "FROM labels")),
        )
    for name, raw in _tars().items():
        yield name, having("s.tar", raw, lambda: print(tar_files.list_members(Path("s.tar")).state))
    for name, text in _yaml().items():
        raw = text.encode()
        yield f"{name}, params", having("p.yaml", raw, dejavu("check", "--params", "p.yaml"))
        if "merge" not in name:  # DVC itself reads dvc.lock with the limits that it has
            yield f"{name}, dvc.lock", having("dvc.lock", raw, lambda: print(dvc_lock.is_broken()))


def of_fault(fault: str) -> Iterator[Case]:
    """Return the inputs of which reports tell one fault."""
    yield from (case for case in reported() if fault_of(case[0]) == fault)


def fault_of(name: str) -> str:
    """Return what the report behind an input tells of."""
    report = name.partition(":")[0]
    if report.startswith(("mmaitre314", "promptfoo", "protectai")):
        return "weights"
    if report in ("safetensors/safetensors 401",):
        return "silent"
    return "parsers" if report.startswith(_OF_PARSERS) else "hangs"


_OF_PARSERS = (
    "apache/arrow 49955", "apache/parquet-java", "pola-rs/", "safetensors/", "ruvnet/",
    "paiml/", "ml-explore/", "gomlx/",
)  # fmt: skip
FAULTS: dict[str, Callable[[], Iterator[Case]]] = {
    fault: functools.partial(of_fault, fault) for fault in ("weights", "silent", "hangs", "parsers")
}


def joined(*several: Callable[[], Iterator[Case]] | None) -> Callable[[], Iterator[Case]]:
    """Return the inputs of several generators as those of one."""
    return lambda: itertools.chain.from_iterable(cases() for cases in several if cases)


def _loaded(path: str) -> Act:
    return lambda: checkpoints.read(Path(path))


def _read() -> object:
    return brought.read(Path("t.parquet"), TEXT, named_by="test")


def _made(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


def _zips() -> dict[str, bytes]:
    whole = _made(lambda path: torch.save({"w": torch.zeros(4)}, path))
    bomb = _made(nested_key)
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        pickled = next(archive.read(n) for n in archive.namelist() if n.endswith("/data.pkl"))
    encrypted, local = bytearray(whole), bytearray(whole)
    for at in _each(whole, b"PK\x01\x02"):
        encrypted[at + 8] |= 1  # "encrypted", which torch does not look at
    for at in _each(whole, b"PK\x03\x04"):
        local[at + 6] |= 1
        local[at + 30] ^= 1  # another name than in the directory
    twice, beside, first = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    root = next(name for name in members if name.endswith("/data.pkl"))
    with zipfile.ZipFile(twice, "w") as out, _quiet():
        for name, content in members.items():
            out.writestr(name, pickled if name == root else content)
        out.writestr(root, members[root])  # the second of one name
    with zipfile.ZipFile(beside, "w") as out:
        rest = {name: content for name, content in members.items() if name != root}
        out.writestr(next(iter(rest)), next(iter(rest.values())))
        out.writestr("other/data.pkl", members[root])
        out.writestr(root, pickled)
        for name, content in list(rest.items())[1:]:
            out.writestr(name, content)
    with zipfile.ZipFile(first, "w") as out:
        out.writestr("broken", b"x" * 100)
        for name, content in members.items():
            out.writestr(name, content)
    broken = bytearray(first.getvalue())
    broken[40] ^= 255
    return {
        "mmaitre314/picklescan GHSA-w8jq: flag bits in the directory": bytes(encrypted),
        "mmaitre314/picklescan GHSA-7q5r: other names in local headers": bytes(local),
        "mmaitre314/picklescan GHSA-769v: data.pkl twice": twice.getvalue(),
        "promptfoo/modelaudit 1654: data.pkl of another archive first": beside.getvalue(),
        "protectai/modelscan 354: a broken member first": bytes(broken),
        "protectai/modelscan 338: another function that runs": _pickled(
            b"cmultiprocessing.util\nspawnv_passfds\n"
        ),
        "protectai/modelscan 338: pandas reads an address": _pickled(
            b"cpandas.io.parsers.readers\nread_csv\n"
        ),
    }


def _pickled(name: bytes) -> bytes:
    def write(path: Path) -> None:
        torch.save({"w": torch.zeros(1)}, path)
        with zipfile.ZipFile(path) as archive:
            members = {n: archive.read(n) for n in archive.namelist()}
        with zipfile.ZipFile(path, "w") as out:
            for n, content in members.items():
                call = b"\x80\x02" + name + b"(S'touch ../canary'\ntR."
                out.writestr(n, call if n.endswith("/data.pkl") else content)

    return _made(write)


def _safetensors() -> dict[str, bytes]:
    def file(header: str | bytes, n_bytes: int = 16, length: int | None = None) -> bytes:
        raw = header if isinstance(header, bytes) else header.encode()
        return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(n_bytes)

    one = '"{}":{{"dtype":"F32","shape":{},"data_offsets":{}}}'
    whole = "{" + one.format("w", [4], [0, 16]) + "}"
    return {
        "safetensors/safetensors 401: a name twice": file(
            "{" + one.format("w", [4], [0, 16]) + "," + one.format("w", [2], [0, 8]) + "}"
        ),
        "safetensors/safetensors 668: a header too large": file(whole, length=132_095_296),
        "ruvnet/RuView 809: zeros behind the header": file(whole.encode() + b"\0" * 3),
        "paiml/aprender 1280: a header of 2^64 - 1 bytes": file(whole, length=2**64 - 1),
        "paiml/aprender 1280: safetensors that overlap": file(
            "{" + one.format("a", [3], [0, 12]) + "," + one.format("b", [3], [4, 16]) + "}"
        ),
        "ml-explore/mlx 3363: safetensors of 4 bytes and a shape of 10^6": file(
            "{" + one.format("w", [1000, 1000], [0, 4]) + "}", 4
        ),
        "gomlx/go-huggingface 57: safetensors with offsets far out": file(
            "{" + one.format("w", [4], [2**40, 2**40 + 16]) + "}"
        ),
    }


def _tables() -> dict[str, bytes]:
    def file(rows: pa.Table, **options: object) -> bytes:
        stream = io.BytesIO()
        pq.write_table(rows, stream, **options)
        return stream.getvalue()

    n = 100
    names = pa.table({"sample_name": [f"s{i}" for i in range(n)], "score": np.arange(n)})
    found = {}
    for kind, encoding in (
        ("delta", {"score": "DELTA_BINARY_PACKED", "sample_name": "DELTA_BYTE_ARRAY"}),
        ("length", {"sample_name": "DELTA_LENGTH_BYTE_ARRAY"}),
    ):
        whole = file(names, use_dictionary=False, column_encoding=encoding, compression="none")
        # 100 as Thrift writes it (c8 01) becomes a thousand million (80 a8 d6 b9 07), of equal length
        for where in _each(whole, b"\xc8\x01")[:8]:
            found[f"apache/arrow 49955: {kind}, a forged count at {where}"] = (
                whole[:where] + b"\xfe\x7f" + whole[where + 2 :]
            )
            longer = whole[:where] + b"\x80\xa8\xd6\xb9\x07" + whole[where + 2 :]
            found[f"apache/arrow 49955: {kind}, a longer count at {where}"] = longer
    found["apache/arrow 42926: a text of a megabyte, 60,000 times"] = file(
        pa.table(
            {"sample_name": pa.repeat("x" * (1 << 20), 1).dictionary_encode().take([0] * 60_000)}
        )
    )
    found["apache/arrow 42926: a number, 60 million times"] = file(
        pa.table({"score": pa.repeat(1.0, 60_000_000)})
    )
    nulls = pa.table({"sample_name": ["a", "b"], "score": pa.nulls(2)})
    found["pola-rs/polars 18079: a column of nothing"] = file(nulls)
    twice = pa.table([["a", "b"], [1.0, 2.0], [3.0, 4.0]], ["sample_name", "score", "score"])
    found["apache/parquet-java 2144: one column twice"] = file(twice)
    return found


def _tars() -> dict[str, bytes]:
    zero = tarfile.TarInfo("a")
    zero.type, zero.size = tarfile.XHDTYPE, 512
    pax = zero.tobuf(tarfile.GNU_FORMAT) + b"0 path=a\n".ljust(512, b"\0")
    negative = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    negative[124:136] = b"\xff" * 10 + b"\xfe\x00"  # -512, as GNU writes large numbers
    negative[148:156] = b"        "
    negative[148:156] = f"{sum(negative):06o}\0 ".encode()
    return {
        "python/cpython 83198: a PAX record of no length": pax + bytes(1024),
        "rapidsai/docker 798 (CVE-2025-8194): a member of negative size": bytes(negative)
        + bytes(1024),
        "python/cpython 83198: cut within PAX": pax[:700],
    }


def _yaml() -> dict[str, str]:
    lines = ["base0: &L0 {k0_0: v0}"]
    for level in range(1, 17):
        keys = ", ".join(f"k{level}_{i}: v" for i in range(4))
        lines.append(f"L{level}: &L{level} {{<<: [*L{level - 1}, *L{level - 1}], {keys}}}")
    return {
        "yaml/pyyaml 897: merges of merges": "\n".join(lines) + "\n",
        "yaml/pyyaml 604: tags within tags": "{!![  \r{!  " * 3000,
        "yaml/libyaml 107: brackets": "[" * 100_000,
        "apollographql/connectors-community 76: one merge, 4,000 times": (
            "a: &a {" + ", ".join(f"k{i}: 0" for i in range(4000)) + "}\n"
            "b: {<<: [" + ", ".join(["*a"] * 4000) + "]}\n"
        ),
    }


def _each(whole: bytes, what: bytes) -> list[int]:
    places, at = [], whole.find(what)
    while at >= 0:
        places.append(at)
        at = whole.find(what, at + 1)
    return places


def _quiet() -> contextlib.AbstractContextManager[object]:
    return warnings.catch_warnings(action="ignore")
