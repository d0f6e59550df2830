import pytest

from dejavu import encoders, search, shards
from dejavu.training import devices
from tests.training.world import World, recipe


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Problems this small run faster on one core, and leave the others in peace."""
    monkeypatch.setattr(search.os, "cpu_count", lambda: 1)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A tiny world and a network trained on it for a moment."""
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "WORK", root / ".work")
        patch.setattr(devices.os, "cpu_count", lambda: 1)
        world = World(root / "data")
        encoders.make(world.request(recipe=recipe(epochs=3)), root / "encoder")
    return world, root / "encoder"  # session-wide: what it patched must not outlive it
