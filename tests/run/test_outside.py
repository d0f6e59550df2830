"""Weights and tables in an object store: the checks of a local file, on a copy that follows the store."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from dejavu.errors import DataError, ParamsError, WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.run import outside
from tests.corpora.test_object_store import bucket, server  # noqa: F401  # fixtures
from tests.models import fixtures
from tests.models.encoders.test_released_folders import made

pytestmark = pytest.mark.slow  # a server, and a library that takes a second to import
WEIGHTS = "s3://audit/models/w.pth"


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outside._copied.cache_clear()


def located(name=WEIGHTS, data="/data"):
    outside._copied.cache_clear()  # as another process
    return outside.located(Path(data), name)


@pytest.fixture
def weights(bucket, tmp_path):  # noqa: F811
    torch.save({"a": torch.arange(3.0)}, tmp_path / "here.pth")
    bucket.pipe_file("audit/models/w.pth", (tmp_path / "here.pth").read_bytes())
    bucket.pipe_file("audit/models/other.bin", b"x" * 1000)
    return bucket


def test_a_file_is_copied_once_and_again_when_the_store_has_another(weights, tmp_path, monkeypatch):
    copy = located()
    assert copy.as_posix().endswith("/s3/audit/models/w.pth")
    assert copy.read_bytes() == (tmp_path / "here.pth").read_bytes()
    assert list(copy.parent.iterdir()) == [copy]  # nothing that was not asked for
    torch.testing.assert_close(checkpoints.read(copy)["a"], torch.arange(3.0))
    made = copy.stat().st_mtime_ns
    assert located() == copy
    assert copy.stat().st_mtime_ns == made
    weights.pipe_file("audit/models/w.pth", b"y" * copy.stat().st_size)
    changed = located()
    assert changed.read_bytes()[:2] == b"yy"
    assert not copy.exists()
    assert not list(outside.COPIES.glob("*.part"))


def test_a_folder_comes_whole_and_a_program_with_what_lies_beside_it(weights):
    weights.pipe_file("audit/clip/config.json", b"{}")
    weights.pipe_file("audit/clip/pooling/config.json", b"[]")
    found = located("s3://audit/clip")
    assert sorted(p.relative_to(found).as_posix() for p in found.rglob("*.json")) == [
        "config.json",
        "pooling/config.json",
    ]
    for name in ("net.onnx", "net.onnx.data", "net2.onnx"):
        weights.pipe_file(f"audit/{name}", name.encode())
    program = located("s3://audit/net.onnx")
    assert {each.name for each in program.parent.iterdir()} == {"net.onnx", "net.onnx.data"}


def test_a_copy_is_checked_like_a_file_of_this_machine(weights):
    weights.pipe_file("audit/models/w.pth", b"<!DOCTYPE html><p>Sign in")
    with pytest.raises(WeightsError, match=r"s3/audit/models/w\.pth: is a web page"):
        checkpoints.read(located())
    import pickle

    evil = pickle.dumps(SimpleNamespace(a=print))
    weights.pipe_file("audit/models/w.pth", evil)
    with pytest.raises(WeightsError):
        checkpoints.read(located())


def test_a_model_of_a_store_is_the_one_of_the_file(bucket, tmp_path):  # noqa: F811
    fixtures.vicreg_full(tmp_path / "a.pth")
    bucket.pipe_file("audit/models/a.pth", (tmp_path / "a.pth").read_bytes())
    written = []
    for place, weights in (("here", "../a.pth"), ("there", "s3://audit/models/a.pth")):
        (tmp_path / place).mkdir()
        made(tmp_path / place, "vicreg", weights)
        files = sorted((tmp_path / place / "out").rglob("*.*"))
        written.append({each.name: each.read_bytes() for each in files})
    assert written[0] == written[1]


def test_what_cannot_be_had_is_said_with_the_place_and_the_reason(weights, monkeypatch, tmp_path):
    with pytest.raises(DataError, match=r"^s3://audit/none\.pth: nothing is there\."):
        located("s3://audit/none.pth")
    with pytest.raises(DataError, match=r"^s3://nobucket/w\.pth: "):
        located("s3://nobucket/w.pth")
    with pytest.raises(ParamsError, match=r"^memory://w\.pth: cannot be read, expected s3://"):
        located("memory://w.pth")
    full = SimpleNamespace(free=2**28)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(DataError, match=r"w\.pth: has 0\.0 GB, .* has room for 0\.0 GB"):
        located()
    assert not any(path.is_file() for path in outside.COPIES.rglob("*"))


def test_a_path_of_this_machine_stays_what_it_was(tmp_path):
    assert located("models/w.pth", "/data").as_posix() == "/data/models/w.pth"
    assert located("/elsewhere/w.pth").as_posix() == "/elsewhere/w.pth"
    assert not outside.exists(tmp_path, "models/w.pth")


def test_whether_it_is_there_is_told_without_a_copy(weights, tmp_path):
    assert outside.exists(tmp_path, WEIGHTS)
    assert not outside.exists(tmp_path, "s3://audit/none.pth")
    assert not outside.exists(tmp_path, "s3://nobucket/w.pth")
    assert not outside.COPIES.exists()
