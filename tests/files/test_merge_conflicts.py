"""A merge that left both sides in a file is told as that, wherever the file is read."""

import shutil
import subprocess

import pytest

from dejavu import params
from dejavu.commands import read_summary, recorded_hashes, stage_cost
from dejavu.errors import ArtifactError, ParamsError
from dejavu.files import json_files, merge_conflicts
from dejavu.report import published
from dejavu.run import dvc_lock, graph

LOCK = """schema: '2.0'
stages:
  report:
    cmd: python -m stages.report
    deps:
    - path: data/code/report.txt
      hash: md5
      md5: 0123456789abcdef0123456789abcdef
"""
THEIR_LOCK = LOCK.replace("0123456789abcdef", "fedcba9876543210")
BOTH = """<<<<<<< HEAD
{ours}=======
{theirs}>>>>>>> other
"""
READERS = [
    ("dvc.lock", dvc_lock.stages),
    ("dvc.lock", recorded_hashes.stages_of),
    ("params.yaml", params.read),
    ("dvc.yaml", graph.read),
    ("results.json", lambda path: published.read(path.parent)),
    ("metrics.json", json_files.mapping),
    ("summary.md", read_summary.opening),
    ("report.json", stage_cost._read),
]


@pytest.fixture(autouse=True)
def own_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def merged(tmp_path):
    """A repository in the middle of a merge of two branches, each of which wrote dvc.lock."""

    def git(*words, check=True):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(["git", *who, *words], cwd=tmp_path, check=check, capture_output=True)

    def commit(text):
        dvc_lock.RECORD.write_text(text)
        git("add", "dvc.lock")
        git("commit", "-q", "-m", "a run")

    git("init", "-q", "-b", "ours")
    commit(LOCK.replace("0123", "0000"))
    git("checkout", "-q", "-b", "theirs")
    commit(THEIR_LOCK)
    git("checkout", "-q", "ours")
    commit(LOCK)
    assert git("merge", "theirs", check=False).returncode == 1
    return git


def both_sides(ours, theirs):
    return BOTH.format(ours=ours, theirs=theirs)


@pytest.mark.parametrize(("name", "read"), READERS, ids=[name for name, _ in READERS])
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["unix", "windows"])
def test_both_sides_of_a_merge_are_told_as_that(tmp_path, name, read, ending):
    path = tmp_path / name
    text = "{\n" + both_sides('"a": 1\n', '"a": 2\n') + "}\n"
    path.write_bytes(text.replace("\n", ending).encode())
    with pytest.raises((ArtifactError, ParamsError)) as caught:
        read(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: line 2: Git left both sides of a merge here; nothing is lost.")
    assert f"`git checkout --theirs {path}`" in told
    assert "stopped" not in told


def test_the_message_word_for_word(tmp_path):
    dvc_lock.RECORD.write_text("schema: '2.0'\n" + both_sides(LOCK, THEIR_LOCK))
    with pytest.raises(ArtifactError) as caught:
        dvc_lock.stages()
    assert str(caught.value) == (
        "dvc.lock: line 2: Git left both sides of a merge here; nothing is lost. Keep one by hand, or take "
        "one side's whole file: `git checkout --theirs dvc.lock` (or `--ours`; once the merge is committed, "
        "`git checkout BRANCH -- dvc.lock`), then `git add dvc.lock`. Or `dejavu resume`: it goes on from "
        "our side, and keeps the file as it is beside it."
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_the_message_advises_works(merged):
    with pytest.raises(ArtifactError, match="Git left both sides"):
        dvc_lock.stages()
    merged("checkout", "--theirs", "dvc.lock")
    assert dvc_lock.RECORD.read_text() == THEIR_LOCK
    merged("add", "dvc.lock")
    merged("commit", "-q", "-m", "merged")
    assert list(dvc_lock.stages()) == ["report"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_our_side_is_left_where_no_copy_is(merged, style):
    merged("checkout", f"--conflict={style}", "dvc.lock")
    conflict = dvc_lock.RECORD.read_text()
    assert dvc_lock.is_broken()
    (said,) = dvc_lock.mend()
    assert said == (
        "dvc.lock: held both sides of a merge, and is now .work/dvc.lock.broken; our side of it is left. "
        "`git add dvc.lock` tells Git that it is settled"
    )
    assert dvc_lock.RECORD.read_text() == LOCK
    assert dvc_lock.BROKEN.read_text() == conflict


def test_the_last_whole_one_is_brought_back_where_a_copy_is():
    dvc_lock.RECORD.write_text(LOCK)
    dvc_lock.keep()
    dvc_lock.RECORD.write_text(both_sides(LOCK, THEIR_LOCK))
    dvc_lock.keep()
    with pytest.raises(
        ArtifactError, match=r"the copy before the last stage \(\.work/dvc\.lock\.good\)"
    ):
        dvc_lock.stages()
    (said,) = dvc_lock.mend()
    assert "the last whole one is back" in said
    assert dvc_lock.RECORD.read_text() == LOCK


NO_GRAPHS = ["a: [", "a", "stages: 1", "stages: {a: 1}", "\x00", "stages: " + "[" * 300, "a: *b"]


@pytest.mark.parametrize("text", NO_GRAPHS, ids=range(len(NO_GRAPHS)))
def test_a_graph_that_is_none_is_one_line(tmp_path, text):
    (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(ParamsError, match=r"dvc\.yaml: (not valid YAML|lists no stages)"):
        graph.read(tmp_path / "dvc.yaml")


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b"[" * 100_000, b""])
def test_a_json_file_of_a_run_that_is_none_is_one_line(tmp_path, raw):
    (tmp_path / "a.json").write_bytes(raw)
    with pytest.raises(ArtifactError, match=r"a\.json: .*Run `dvc repro` to make it again"):
        json_files.mapping(tmp_path / "a.json")


def test_marks_of_other_kinds_are_no_merge():
    for text in ("<<<<<<<\n", "a <<<<<<< b\n", "<<<<<<<< b\n", "Title\n=======\n", "- >>>>>>> a\n"):
        assert merge_conflicts.line_of(text) is None
