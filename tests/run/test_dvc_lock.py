import pytest

from dejavu.errors import ArtifactError
from dejavu.run import dvc_lock

WHOLE = """schema: '2.0'
stages:
  vote:
    cmd: python -m stages.vote
    deps:
    - path: data/code/vote.txt
      hash: md5
      md5: 0123
  report:
    cmd: python -m stages.report
"""
BROKEN = {
    "inside a text": WHOLE[: WHOLE.index("'2.0'") + 2],
    "inside a key": WHOLE[: WHOLE.index("deps:") + 2],
    "after a name": WHOLE[: WHOLE.index("  report:")] + "  report:\n",
    "inside a path": WHOLE[: WHOLE.index("/vote.txt")],
    "after a line that leaves YAML": WHOLE[: WHOLE.index("      md5: 0123")],
    "after a list's name": WHOLE[: WHOLE.index("    - path")],
    "at the start": "",
    "no text": "\x00\x00",
}


@pytest.fixture(autouse=True)
def own_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_no_record_means_that_nothing_ran():
    assert dvc_lock.stages() == {}
    dvc_lock.keep()
    assert not dvc_lock.LAST_GOOD.exists()


def test_stages_of_a_whole_record():
    dvc_lock.RECORD.write_text(WHOLE)
    assert list(dvc_lock.stages()) == ["vote", "report"]


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_half_a_record_says_how_to_go_on_word_for_word(text):
    dvc_lock.RECORD.write_text(text)
    with pytest.raises(ArtifactError) as caught:
        dvc_lock.stages()
    assert "`git checkout dvc.lock`" in str(caught.value)
    assert "cp " not in str(caught.value)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_the_last_whole_record_is_kept(text):
    dvc_lock.RECORD.write_text(WHOLE)
    dvc_lock.keep()
    dvc_lock.RECORD.write_text(text)
    dvc_lock.keep()
    assert dvc_lock.LAST_GOOD.read_text() == WHOLE
    with pytest.raises(ArtifactError, match=r"`cp \.work/dvc\.lock\.good dvc\.lock`"):
        dvc_lock.stages()


def test_a_newer_whole_record_replaces_the_copy():
    for text in (WHOLE, WHOLE.replace("0123", "4567")):
        dvc_lock.RECORD.write_text(text)
        dvc_lock.keep()
        assert dvc_lock.LAST_GOOD.read_text() == text


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_the_last_whole_record_is_brought_back_and_the_half_one_kept(text):
    dvc_lock.RECORD.write_text(WHOLE)
    dvc_lock.keep()
    assert not dvc_lock.is_broken()
    dvc_lock.RECORD.write_text(text)
    assert dvc_lock.is_broken()
    (said,) = dvc_lock.mend()
    assert said.endswith("the last whole one is back")
    assert not dvc_lock.is_broken()
    assert dvc_lock.RECORD.read_text() == WHOLE
    assert dvc_lock.BROKEN.read_text() == text


def test_without_a_copy_the_half_record_is_moved_away():
    dvc_lock.RECORD.write_text(BROKEN["inside a key"])
    (said,) = dvc_lock.mend()
    assert said.endswith("from its cache")
    assert not dvc_lock.RECORD.exists()
    assert dvc_lock.BROKEN.read_text() == BROKEN["inside a key"]


@pytest.mark.parametrize("text", ["", '{"write": {"a', "[]", "[" * 100_000])
def test_half_a_list_of_who_works_on_what_is_removed(text):
    dvc_lock.WORKERS.parent.mkdir(parents=True)
    dvc_lock.WORKERS.write_text('{"write": {}, "read": {}}')
    assert not dvc_lock.is_broken()
    dvc_lock.WORKERS.write_text(text)
    assert dvc_lock.is_broken()
    (said,) = dvc_lock.mend()
    assert "DVC makes it anew" in said
    assert not dvc_lock.is_broken()
