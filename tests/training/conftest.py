import pytest

from dejavu import shards
from dejavu.training import devices
from tests.training.world import World


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    monkeypatch.setattr(devices.os, "cpu_count", lambda: 1)  # networks too small to share
    return World(tmp_path / "data")
