import functools
import importlib.metadata
import importlib.util
import sys

import pytest

from dejavu.run import code, seeds, shards


@pytest.fixture(autouse=True)
def in_a_scratch_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def writer(log, fails_at=None):
    def write(index, path):
        if index == fails_at:
            path.write_text("half")
            raise KeyboardInterrupt
        log.append(index)
        path.write_text(f"shard {index}")

    return write


def run(function, tmp_path, facts):
    return shards.run(function, 3, out=tmp_path / "out", stage="embed/x", facts=facts)


def test_a_killed_run_resumes_with_the_missing_shards_only(tmp_path):
    log = []
    with pytest.raises(KeyboardInterrupt):
        run(writer(log, fails_at=2), tmp_path, {"weights": "a"})
    assert not (tmp_path / "out").exists()
    paths = run(writer(log), tmp_path, {"weights": "a"})
    assert log == [0, 1, 2]
    assert [path.read_text() for path in paths] == ["shard 0", "shard 1", "shard 2"]


def test_shards_of_other_facts_are_never_reused(tmp_path):
    log = []
    with pytest.raises(KeyboardInterrupt):
        run(writer(log, fails_at=2), tmp_path, {"weights": "a"})
    run(writer(log), tmp_path, {"weights": "b"})
    assert log == [0, 1, 0, 1, 2]


SHARD = """
STEP = 1  # of the index

def write(log, fails_at, index, path):
    if index == fails_at:
        raise KeyboardInterrupt
    log.append(index)
    path.write_text(f"shard {index * STEP}")
"""


def load(tmp_path, text):
    """Return function `write` of a module with this text, as another process would load it."""
    place = tmp_path / "somebody.py"
    place.write_text(text)
    spec = importlib.util.spec_from_file_location("somebody", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["somebody"] = module
    code.running.cache_clear()
    return module.write


@pytest.fixture
def loader(tmp_path):
    yield functools.partial(load, tmp_path)
    sys.modules.pop("somebody")
    code.running.cache_clear()


def kill(write, tmp_path):
    """Run until the last of three shards; return what was done."""
    log = []
    with pytest.raises(KeyboardInterrupt):
        run(functools.partial(write, log, 2), tmp_path, {})
    assert log == [0, 1]
    return log


def test_a_killed_run_starts_anew_after_an_edit_of_its_code(loader, tmp_path):
    log = kill(loader(SHARD), tmp_path)
    edited = loader(SHARD.replace("STEP = 1", "STEP = 7"))
    paths = run(functools.partial(edited, log, None), tmp_path, {})
    assert log == [0, 1, 0, 1, 2]
    assert [path.read_text() for path in paths] == ["shard 0", "shard 7", "shard 14"]


def test_a_killed_run_goes_on_after_an_edit_of_a_comment(loader, tmp_path):
    log = kill(loader(SHARD), tmp_path)
    run(
        functools.partial(loader(SHARD.replace("of the index", "times the index")), log, None),
        tmp_path,
        {},
    )
    assert log == [0, 1, 2]


def test_a_killed_run_starts_anew_with_another_version_of_a_library(loader, tmp_path, monkeypatch):
    shard = "import numpy as np\n" + SHARD
    log, installed = kill(loader(shard), tmp_path), importlib.metadata.version
    monkeypatch.setattr(
        code.importlib.metadata, "version",
        lambda name: "9.9" if name == "numpy" else installed(name),
    )  # fmt: skip
    run(functools.partial(loader(shard), log, None), tmp_path, {})
    assert log == [0, 1, 0, 1, 2]


def test_the_scratch_folder_of_a_training_is_named_by_its_code(loader):
    def folder(text):
        loader(text)
        return shards.work_folder("encoder/x", {"seed": 0}, module="somebody")

    before = folder(SHARD)
    assert folder(SHARD + "# a word") == before
    assert folder(SHARD + "LIMIT = 3") != before


def test_an_old_output_is_replaced_whole(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale.parquet").write_text("")
    run(writer([]), tmp_path, {})
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_uniforms_depend_on_the_name_alone():
    few = seeds.uniforms(7, "split", ["a", "b"])
    many = seeds.uniforms(7, "split", ["z", "b", "a"])
    assert few.tolist() == [many[2], many[1]]
    assert seeds.uniforms(8, "split", ["a"])[0] != few[0]
    assert 0 <= few.min() <= few.max() < 1
