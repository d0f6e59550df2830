"""What all tests share."""

import pytest
from hypothesis import HealthCheck, settings

from tests.pipeline.project import Project

# A busy machine must not fail a test, and a run must be repeatable.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A finished run of the whole graph on small corpora: minutes, so once for all tests."""
    project = Project(tmp_path_factory.mktemp("project") / "run")
    assert "report" in project.repro()
    return project
