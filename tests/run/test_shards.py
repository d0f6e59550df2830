import pytest

from dejavu.run import seeds, shards


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
