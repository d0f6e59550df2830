import pytest

from dejavu import search
from tests.training.world import trained_world


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Problems this small run faster on one core, and leave the others in peace."""
    monkeypatch.setattr(search.os, "cpu_count", lambda: 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny world and a network trained on it for a moment."""
    return trained_world(tmp_path_factory.mktemp("world"))
