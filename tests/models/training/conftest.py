import pytest

from dejavu.run import shards
from tests.models.training.world import World


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # networks too small to share
    return World(tmp_path / "data")
