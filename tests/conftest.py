"""What all tests share."""

import os
import shutil

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from dejavu.run import cores
from tests.pipeline.project import Project

cores.wait_briefly()  # workers of one machine share its cores; before any of them loads torch

# A busy machine must not fail a test, and a run must be repeatable.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")


# Fixtures that take seconds, with the group of tests that share them: whoever uses one is slow, and
# stays with the worker that made it. The small run is made once for all workers.
SHARED = {"small_run": None, "chromium": "page", "page_file": "page", "trained": "trained"}


N_CORES = os.cpu_count()  # of this machine; tests see one
LONGEST_ID = 100  # characters of a value in a test's name; bombs have thousands


def pytest_make_parametrize_id(val):
    if isinstance(val, str | bytes) and len(val) > LONGEST_ID:
        return f"{val[:20]!r}...{len(val)}"
    return None


# Before xdist looks for groups: else each worker makes each fixture.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        for name, group in SHARED.items():
            if name in getattr(item, "fixturenames", ()):
                # Tests of a module that copies the run stay together, and share the copy.
                item.add_marker(pytest.mark.xdist_group(group or item.path.name))
                item.add_marker(pytest.mark.slow)
                break
    # Who comes first makes the small run; the others come late, and do not wait for it.
    readers = [item for item in items if "small_run" in getattr(item, "fixturenames", ())]
    late = {item for item in readers if item.path != readers[0].path}
    items.sort(key=lambda item: item in late and item.path.name != "test_repro.py")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Problems this small run faster on one core, and leave the others in peace."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    """What commands print is a pipe's, as wide as it needs; workers of a parallel run set a width."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("DEJAVU_QUIET", raising=False)  # `--quiet` in a test before it sets it


@pytest.fixture(scope="session")
def small_run(tmp_path_factory, worker_id):
    """A finished run of the whole graph on small corpora: minutes, so once for all workers."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    with FileLock(base / "small_run.lock"):
        if (base / "small_run" / "reports" / "results.json").is_file():
            return Project.opened(base / "small_run")
        shutil.rmtree(base / "small_run", ignore_errors=True)  # a try that failed
        project = Project(base / "small_run")
        assert "report" in project.repro()
        return project


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A tiny world and a network trained on it for a moment."""
    from tests.models.training.world import trained_world  # torch, only where it is needed

    return trained_world(tmp_path_factory.mktemp("world"))
