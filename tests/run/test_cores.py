"""How threads wait: asleep in every program of the project, unless the environment says otherwise."""

import os
import subprocess
import sys

import pytest

STAGE = "import stages"
COMMAND = "from dejavu import cli; cli.boundary.run = lambda app: 0\ntry: cli.main()\nexcept SystemExit: pass"


@pytest.mark.parametrize("program", [STAGE, COMMAND])
@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
@pytest.mark.slow
def test_threads_wait_asleep_unless_the_environment_says_how(program, given, expected):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    shown = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport os; print(os.environ.get('OMP_WAIT_POLICY'))"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.strip() == expected


def test_a_stage_is_told_before_anything_loads_threads():
    code = "import sys, stages; print('torch' in sys.modules, 'faiss' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
