"""The inputs of `benchmarks.hostile_inputs`: each a name, and a call that is made in a child process."""

import io
import json
import os
import random
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dejavu import cli
from dejavu.check import sections
from dejavu.downloads import fetch, published_files
from dejavu.downloads.http import Patience
from dejavu.params import reader
from tests.commands.test_verify import md5
from tests.downloads.server import Site
from tests.params.test_names import HOSTILE, MAPPINGS
from tests.params.test_reader import bomb

ROOT = Path(__file__).parents[1]
CANARY = "canary"
OUTSIDE = Path(tempfile.gettempdir()) / f"{CANARY}-{os.getpid()}"  # where no input may write
Act = Callable[[], object]
Case = tuple[str, Act]


def dejavu(*arguments: str) -> Act:
    """Return a call of the command line."""
    return lambda: cli.app(list(arguments))


def params() -> Iterator[Case]:
    """Files that are no params.yaml, and the default one with one value or one byte changed."""
    default = (ROOT / "params.yaml").read_bytes()
    texts: dict[str, str | bytes] = {
        "alias bomb": bomb("[x, x]", "[{}]"),
        "merge bomb": bomb("{x: 1}", "{{<<: [{}]}}"),
        "within itself": "a: &a [*a]",
        "deep": "a: " + "[" * 200_000,
        "deep, closed": "[" * 9999 + "]" * 9999,
        "digits": "a: " + "9" * 5000,
        "long": "a: " + "x" * (1 << 20),
        "keys": "a: 1\na: 2",
        "date": "a: 2020-99-99",
        "python": f"a: !!python/object/apply:os.system ['touch ../{CANARY}']",
        "tag": "a: !x y",
        "nothing": "",
        "utf-16": "a: 1".encode("utf-16"),
        "latin-1": b"a: \xe9",
        "nul": b"\0" * 100,
    }
    rng = random.Random(0)  # the same inputs each time
    texts |= {f"random {n}": rng.randbytes(4096) for n in range(5)}
    for name, text in texts.items():
        raw = text if isinstance(text, bytes) else text.encode()
        yield name, _with_params(raw, dejavu("check", "--params", "p.yaml"))
    for name in (".", "/dev/zero", "/dev/null", "nowhere", "x" * 300, "a\0b"):
        yield f"place {name[:20]!r}", dejavu("models", "--params", name)
    for n in range(60):
        raw = bytearray(default)
        for _ in range(rng.randint(1, 5)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        yield f"bytes {n}", _with_params(bytes(raw), lambda: sections.read_all(Path("p.yaml")))
    odd = (
        None,
        -1,
        0,
        1e300,
        10**18,
        "",
        "x\n",
        [],
        {},
        [[]],
        True,
        "../..",
        "\u202e",
        0.5,
        ["a"] * 1000,
    )
    content = reader.read(ROOT / "params.yaml")
    for where in rng.sample(list(_leaves(content)), 80):
        value = rng.choice(odd)
        changed = json.dumps(_replaced(content, where, value)).encode()
        yield f"{'.'.join(where)} = {value!r}"[:60], _with_params(changed, _read_all)


def names() -> Iterator[Case]:
    """Every hostile name on every mapping."""
    for mapping in MAPPINGS:
        for name in HOSTILE:
            content: object = {name: {}}
            for key in reversed(mapping.split(".")):
                content = {key: content}
            raw = json.dumps(content).encode()
            yield (
                f"{mapping}: {name[:30]!r}",
                _with_params(raw, dejavu("check", "--params", "p.yaml")),
            )


STATEMENTS = (
    "COPY (SELECT 1) TO '../canary'", f"COPY (SELECT 1) TO '{OUTSIDE}.csv'", "EXPORT DATABASE '../canary'",
    "ATTACH '../canary'", "INSTALL httpfs", "LOAD '../x'", "SET enable_external_access = true",
    "FROM read_text('/etc/passwd')", "FROM '/etc/passwd'", "FROM read_csv('../*')", "FROM glob('/*')",
    "PRAGMA database_list; COPY (SELECT 1) TO '../canary'", "SELECT getenv('HOME')", "IMPORT DATABASE '..'",
    "CREATE SECRET (TYPE S3)", "SELECT * FROM pragma_user_agent()", "CALL pragma_version()",
    "x", "", ";", "--", "SELECT",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT '" + "x" * 1_000_000 + "'",
    "SELECT '\udcff'", "SELECT '\0'",
    "SELECT 'nan'::DOUBLE, sum(1), 'x'::BLOB, INTERVAL 1 DAY, '290000-01-01'::TIMESTAMP",
    "FROM labels a, labels b", "SELECT chr(27) || '[31m' || chr(155)", "SUMMARIZE labels",
)  # fmt: skip


def sql() -> Iterator[Case]:
    """Statements that try to leave, columns with names that are SQL, tables that are damaged."""
    for n, statement in enumerate(STATEMENTS):
        for form in ("json", "csv", "table"):
            yield (
                f"{n} {statement[:40]!r} {form}",
                _with_table({"label": ["a"]}, _ask(statement, form)),
            )
    for name in (
        *HOSTILE,
        f"x) FROM labels; COPY (SELECT 1) TO '../{CANARY}'; SELECT (1",
        "lane",
        "\ufeff",
        "=1",
    ):
        for form in ("json", "csv", "table"):
            yield (
                f"column {name[:30]!r} {form}",
                _with_table({name: [[1.0, 2.0]]}, _ask("FROM labels", form), wide=True),
            )
    rng = random.Random(1)  # the same inputs each time
    for n in range(120):
        yield (
            f"damaged {n}",
            _with_table({"label": ["abc"] * 500}, _ask("FROM labels", "json"), damage=rng.random()),
        )
    for name in ("a*b", "[", "?", "it's", "x=1", "\x1b[31m"):
        yield (
            f"folder {name!r}",
            _with_table({"label": ["a"]}, dejavu("sql", "FROM labels", "--data", name), name),
        )


def downloads() -> Iterator[Case]:
    """Archives, servers, and what others put where a download goes."""
    members = (
        "../canary",
        str(OUTSIDE),
        "tree/../../canary",
        "tree/\0x",
        "tree/\x1b[31m",
        "tree/a\\b",
        "other",
        "tree/",
    )
    for name in members:
        yield f"archive {name!r}", _fetching(_archive(name))
    rng = random.Random(2)  # the same inputs each time
    whole = _archive("tree/b")
    for n in range(60):
        raw = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        yield f"archive, damaged {n}", _fetching(bytes(raw))
    for place in (
        "one.zip",
        "one.zip.part",
        "one.zip.json",
        "one.zip.part.json",
        "tree",
        "tree.part",
    ):
        for link in ("../../canary", "/dev/zero", "/etc", "one.zip"):
            yield f"{place} -> {link}", _fetching(whole, place, link)


def results() -> Iterator[Case]:
    """dvc.lock and caches that do not fit."""
    rng = random.Random(3)  # the same inputs each time
    lock = json.dumps(
        {
            "stages": {
                "a": {
                    "outs": [
                        {"path": "x", "md5": md5(b"x")},
                        {"path": "/dev/zero", "md5": md5(b"")},
                    ]
                }
            }
        }
    )
    for n in range(40):
        raw = bytearray(lock.encode())
        for _ in range(rng.randint(0, 4)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        yield (
            f"lock {n}",
            _with_params(bytes(raw), dejavu("verify", "--lock", "p.yaml", "--cache", ".")),
        )


KINDS: dict[str, Callable[[], Iterator[Case]]] = {
    "params": params, "names": names, "sql": sql, "downloads": downloads, "results": results,
}  # fmt: skip


def _with_params(raw: bytes, act: Act) -> Act:
    def run() -> object:
        Path("p.yaml").write_bytes(raw)
        return act()

    return run


def _read_all() -> None:
    sections.read_all(Path("p.yaml"))


def _leaves(value: object, where: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*where, key))
    yield where


def _replaced(value: object, where: tuple[str, ...], new: object) -> object:
    if not where or not isinstance(value, dict):
        return new
    return value | {where[0]: _replaced(value[where[0]], where[1:], new)}


def _ask(statement: str, form: str) -> Act:
    return dejavu("sql", statement, "--format", form)


def _with_table(
    columns: dict, act: Act, data: str = "data", *, wide: bool = False, damage: float = 0
) -> Act:
    def run() -> object:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = Path(data) / "image" / "labels.parquet"
        file.parent.mkdir(parents=True)
        kind = pa.list_(pa.float32(), 2) if wide else None
        names = [name.encode("utf-8", "replace").decode() for name in columns]
        pq.write_table(pa.table([pa.array(v, kind) for v in columns.values()], names=names), file)
        if damage:
            raw = bytearray(file.read_bytes())
            rng = random.Random(damage)  # the same inputs each time
            for _ in range(rng.randint(1, 12)):
                raw[rng.randrange(len(raw))] = rng.randrange(256)
            file.write_bytes(raw)
        return act()

    return run


def _archive(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("tree/a", "a" * 1000)
        member = zipfile.ZipInfo("x")
        member.filename = name
        out.writestr(member, "evil" * 100)
    return stream.getvalue()


def _fetching(body: bytes, place: str | None = None, link: str = "") -> Act:
    address = f"/{len(SITE.files)}"
    SITE.files[address] = body  # here: the server is in this process, and the input in a child

    def run() -> object:
        file = published_files.RemoteFile(url=f"{SITE.url}{address}", path="one.zip")
        entry = published_files.Download(
            title="t",
            license="MIT",
            source="http://x",
            folder="f",
            files=(file,),
            unpacks_to="tree",
        )
        fetch.DOWNLOADS = {"thing": entry}  # type: ignore[assignment]  # other files than it publishes
        if place is not None:
            Path("to").mkdir()
            Path("to", place).symlink_to(link)
        return fetch.fetch("thing", Path("to"), ask=bool, patience=Patience(attempts=1, wait_s=0))

    return run


SITE = Site(files={})
