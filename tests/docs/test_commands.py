"""Every command that README and docs show does what it says: it runs, in a copy of a finished small run."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = {  # how a command begins: why it is not run here
    "make ": "installs packages, or trains for minutes",
    "dejavu fetch ": "needs a network",
    "dejavu demo": "trains a network; tests/commands/test_demo.py",
    "dejavu gate": "its exit code is the answer; tests/commands/test_gate.py",
    "dvc exp run -S seed=1": "trains every network again",
    "git clone": "needs a network",
    "python -m benchmarks.mitig": "trains for half an hour; tests of the driver are beside it",
    "cp presets/": "leads to a run of its own; tests/presets dry-runs every preset",
    "ln -s": "a folder of the reader's",
    "$EDITOR": "the reader's own part",
    "for ": "trains a network for every value",
    "python -m scripts.": "reads the experiments of such trainings",
}
BLOCK = re.compile(r"```(?:console|sh|bash)\n(.*?)```", re.S)


def commands(page):
    """Return the commands of a page in order, without what a comment says about them."""
    lines = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8"))).splitlines()
    found = [re.sub(r"\s+#\s.*", "", line).strip() for line in lines]
    return [command for command in found if command]


def reason_not_to_run(command):
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)


@pytest.fixture(scope="module")
def shell(small_run, tmp_path_factory):
    """Return a function that runs a line of a page as a reader would, and its exit status and output."""
    if shutil.which("git") is None:
        pytest.skip("git compares runs")
    folder, tools = tmp_path_factory.mktemp("reader") / "run", tmp_path_factory.mktemp("bin")
    shutil.copytree(small_run.folder, folder, symlinks=True)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))  # fmt: skip
    shutil.copytree(ROOT / "presets", folder / "presets")
    for name in (".gitignore", "data/.gitignore", "reports/.gitignore"):
        shutil.copy(ROOT / name, folder / name)
    (tools / "dejavu").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dejavu.cli "$@"\n')
    (tools / "dejavu").chmod(0o755)
    nobody = {f"GIT_{who}_{what}": "reader@example.org" if what == "EMAIL" else "reader"
              for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
    environment = os.environ | nobody | {
        "PATH": os.pathsep.join([str(tools), os.path.dirname(sys.executable), os.environ["PATH"]]),  # noqa: PTH120 a text
        "PYTHONPATH": str(folder),
        "BROWSER": "true",
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }  # fmt: skip

    def run(command):
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    for command in ("git init -q", "git add -A", "git commit -q -m 'a run'"):
        assert run(command) == (0, "")
    return run


@pytest.fixture(scope="module")
def done():
    """Commands that were run already: pages repeat some."""
    return set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_runs(page, shell, done):
    failures = []
    for command in commands(page):
        if reason_not_to_run(command) or command in done:
            continue
        done.add(command)
        status, output = shell(command)
        if status or "Traceback" in output or "ERROR" in output:
            failures.append(f"$ {command}\n(exit {status})\n{output[-2000:]}")
    assert not failures, "\n\n".join(failures)


def test_no_reason_is_left_over():
    shown = [command for page in PAGES for command in commands(page)]
    assert [start for start in NOT_RUN if not any(c.startswith(start) for c in shown)] == []


def test_pages_link_to_what_exists():
    broken = [
        f"{page.name}: {link}"
        for page in PAGES
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []
