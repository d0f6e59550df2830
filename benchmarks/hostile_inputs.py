"""Bad inputs by the hundred: parameters, names, tables and statements, downloads, results.

    python -m benchmarks.hostile_inputs            all kinds, a few minutes
    python -m benchmarks.hostile_inputs names sql  only these

Each input runs in a process and a folder of its own, with a limit on time and memory. Counted are: named
errors, inputs that are taken as they are, bugs (a traceback, a crash, exit code 70), hangs, and files that
an input made or changed outside its folder, or characters that a terminal would obey ("executed").
"""

import collections
import dataclasses
import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dejavu import cli
from dejavu.check import data, models, room, sections
from dejavu.commands import boundary
from dejavu.downloads import fetch, published_files
from dejavu.downloads.http import Patience
from dejavu.params import reader
from tests.commands.test_verify import md5
from tests.downloads.server import Site, serve
from tests.params.test_names import HOSTILE, MAPPINGS
from tests.params.test_reader import bomb

ROOT = Path(__file__).parents[1]
SECONDS, BYTES = 30, 6 << 30
PREPARED = (data, models, room)  # imported once, and not by each child
OUTCOMES = ("named error", "taken", "bug", "hang", "executed")
CANARY = "canary"
Act = Callable[[], object]
Case = tuple[str, Act]


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of one input."""

    outcome: str
    seconds: float
    peak_mib: int
    said: str


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
        "random": random.randbytes(4096),
    }
    for name, text in texts.items():
        raw = text if isinstance(text, bytes) else text.encode()
        yield name, _with_params(raw, dejavu("check", "--params", "p.yaml"))
    for name in (".", "/dev/zero", "/dev/null", "nowhere", "x" * 300, "a\0b"):
        yield f"place {name[:20]!r}", dejavu("models", "--params", name)
    rng = random.Random(0)  # the same inputs each time
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
    "COPY (SELECT 1) TO '../canary'", "COPY (SELECT 1) TO '/tmp/canary.csv'", "EXPORT DATABASE '../canary'",
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
        "/tmp/canary",
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
        fetch.DOWNLOADS = {"thing": entry}  # type: ignore[assignment]
        if place is not None:
            Path("to").mkdir()
            Path("to", place).symlink_to(link)
        return fetch.fetch("thing", Path("to"), ask=bool, patience=Patience(attempts=1, wait_s=0))

    return run


SITE = Site(files={})


def tried(act: Act, *, is_shown: bool = True) -> Result:
    """Run one input in a child process, in an empty folder, and judge what became of it.

    CSV in a pipe is data (`is_shown` False): it holds the characters that a terminal would obey.
    """
    with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
        inside = Path(scratch) / "inside"
        inside.mkdir()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _child(act, inside)
        code, usage = _wait(child, started)
        said = (inside / ".said").read_text(encoding="utf-8", errors="replace")
        strangers = {path.name for path in Path(scratch).iterdir()} - {"inside"}
        strangers |= {name for name in ("/tmp/canary", "/tmp/canary.csv") if Path(name).exists()}
        is_obeyed = is_shown and bool({"\x1b", "\x9b", "\x07", "\u202e"} & set(said))
        outcome = {
            0: "taken",
            1: "named error",
            2: "named error",
            3: "named error",
            None: "hang",
        }.get(code, "bug")
        if "Traceback" in said:
            outcome = "bug"
        if strangers or is_obeyed:
            outcome = "executed"
        return Result(outcome, time.monotonic() - started, usage // 1024, said[-300:])


def _child(act: Act, inside: Path) -> None:
    os.chdir(inside)
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    out = os.open(".said", os.O_WRONLY | os.O_CREAT)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ["DEJAVU_QUIET"] = ""
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    code = boundary.run(act)
    sys.stdout.flush()
    os._exit(code)


def _wait(child: int, started: float) -> tuple[int | None, int]:
    while time.monotonic() - started < SECONDS:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return (os.waitstatus_to_exitcode(status), usage.ru_maxrss)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    return None, os.wait4(child, 0)[2].ru_maxrss


def main(chosen: list[str]) -> int:
    """Run the kinds that are chosen, print the counts, and return how many inputs went wrong."""
    n_wrong = 0
    print(f"| kind | inputs | {' | '.join(OUTCOMES)} | slowest, s | largest, MiB |")
    print("| --- |" + " ---: |" * (len(OUTCOMES) + 3))
    with serve(SITE):
        for kind in chosen or KINDS:
            found = {
                name: tried(act, is_shown=not name.endswith("csv")) for name, act in KINDS[kind]()
            }
            counts = collections.Counter(result.outcome for result in found.values())
            slowest = max(result.seconds for result in found.values())
            largest = max(result.peak_mib for result in found.values())
            cells = " | ".join(str(counts[outcome]) for outcome in OUTCOMES)
            print(f"| {kind} | {len(found)} | {cells} | {slowest:.1f} | {largest} |", flush=True)
            for name, result in found.items():
                if result.outcome in ("bug", "hang", "executed"):
                    n_wrong += 1
                    print(f"  {result.outcome}: {name}: {result.said!r}", file=sys.stderr)
    return n_wrong


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
