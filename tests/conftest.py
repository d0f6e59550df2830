"""What all tests share."""

from hypothesis import HealthCheck, settings

# A busy machine must not fail a test, and a run must be repeatable.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")
