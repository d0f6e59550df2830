"""Where errors leave the program: one message, one exit code, never a bare traceback."""

import errno
import os
import subprocess
import sys

import pytest

from dejavu import cli
from dejavu.commands import boundary
from dejavu.errors import ParamsError
from tests.paths import ROOT


def raising(error):
    def app():
        raise error

    return app


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ParamsError("a: b\n  c"), 1, "Error: a: b\n  c\n"),
        (ParamsError("\x1b[31mred \x9b \udcff"), 1, "Error: \\x1b[31mred \\x9b \\udcff\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(3), 3, ""),
        (SystemExit(None), 0, ""),
        (SystemExit("what to do"), 1, "what to do\n"),
        (MemoryError(), 1, "Error: not enough memory. Ask for less at once, or free some.\n"),
        (
            PermissionError(errno.EACCES, "Permission denied", "reports/cost.md"), 1,
            "Error: reports/cost.md: Permission denied. Make it writable and readable for this user, or "
            "run in a folder that is.\n",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"), 1,
            "Error: a file that the system does not name: No space left on device. The disk is full: "
            "free some space and run again; finished work is kept.\n",
        ),
    ],
)  # fmt: skip
def test_what_a_user_can_fix_is_one_message(error, code, message, capfd):
    assert boundary.run(raising(error)) == code
    assert capfd.readouterr().err == message


def test_a_reader_that_is_gone_ends_it_quietly():
    """In a process of its own: it takes the standard output away, which pytest needs."""
    code = (
        "import sys; from dejavu.commands import boundary\n"
        "def app(): raise BrokenPipeError\n"
        "sys.exit(boundary.run(app))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (141, b"", b"")


@pytest.mark.parametrize("error", [KeyError("x\x1b[2J"), RecursionError("deep"), OSError(999, "?")])
def test_a_bug_says_so_and_keeps_its_traceback(error, capsys, tmp_path):
    assert boundary.run(raising(error)) == 70
    told = capsys.readouterr().err
    assert told.startswith("This is a bug of dejavu, not of your input: ")
    assert "Traceback" not in told
    assert "\x1b" not in told
    kept = next((tmp_path / "logs").glob("bug-*.txt"))
    assert f"logs/{kept.name}" in told
    assert "Traceback" in kept.read_text()


def test_a_bug_where_nothing_can_be_written_still_shows_its_traceback(monkeypatch, capsys):
    monkeypatch.setattr(boundary, "_keep", lambda text: None)
    assert boundary.run(raising(ValueError("x"))) == 70
    assert "Traceback" in capsys.readouterr().err


def test_every_command_goes_through_it(monkeypatch):
    monkeypatch.setattr(cli, "app", raising(ParamsError("x")))
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1


def dejavu(*arguments, **how):
    command = [sys.executable, "-m", "dejavu.cli", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, **how,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--version"], ["summary"], ["nothing"]])
def test_python_m_dejavu_is_the_command_line(arguments, tmp_path):
    told = []
    for module in ("dejavu", "dejavu.cli"):
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], capture_output=True, text=True,
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        told.append((done.returncode, done.stdout, done.stderr.replace(f"-m {module} ", "-m … ")))
    assert told[0] == told[1]
    assert told[0][0] == {"--version": 0, "summary": 1, "nothing": 2}[arguments[0]]
    assert any(told[0][1:])


@pytest.mark.slow
def test_a_closed_pipe_is_quiet():
    running = dejavu("fetch", "--json")
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait(30) == boundary.BROKEN_PIPE


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", "FROM labels", "--data", "a\nb"],
        ["sql", "FROM labels", "--data", "x" * 5000],
        ["summary", "--reports", "params.yaml"],
        ["show", "x" * 100_000],
        ["show", "-1"],
        ["check", "--params", "."],
        ["check", "--params", "/dev/zero"],
        ["models", "--params", "x" * 5000],
        ["cost", "--logs", "/dev/null"],
        ["import-labels", "/dev/null", "--sample-names", "/x", "--class-names", "/x", "--out", "/"],
        ["fetch", "../x"],
        ["\x1b[31m"],
        [],
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
@pytest.mark.slow
def test_mistakes_of_all_kinds_end_in_a_message(arguments, tmp_path):
    (tmp_path / "params.yaml").write_text("seed: 0\n")
    running = dejavu(*arguments)
    out, told = running.communicate(timeout=60)
    assert running.returncode in (1, 2)
    assert b"Traceback" not in told
    assert not (tmp_path / "logs").exists()
    assert told or out


@pytest.mark.parametrize("closed", [1, 2])
@pytest.mark.slow
def test_a_closed_stream_stops_no_command(closed):
    running = dejavu("fetch", preexec_fn=lambda: os.close(closed))
    told = running.communicate(timeout=60)
    assert (running.returncode, told[closed - 1]) == (0, b"")


@pytest.mark.slow
def test_output_with_other_letters_than_the_locale_knows(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    out, told = dejavu("sql", "--describe", "labels").communicate(timeout=60)
    assert told == b""
    assert "column" in out.decode("utf-8")


@pytest.mark.slow
def test_a_full_disk_behind_stdout_is_named():
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device, not a path of ours
        command = [sys.executable, "-m", "dejavu.cli", "fetch", "--json"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
