"""How threads wait: briefly in every program of the project, unless the environment says otherwise."""

import os
import subprocess
import sys

import pytest

STAGE = "import stages"
COMMAND = "from dejavu import cli; cli.boundary.run = lambda app: 0\ntry: cli.main()\nexcept SystemExit: pass"


@pytest.mark.parametrize("program", [STAGE, COMMAND])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "None"),
    ],
)
@pytest.mark.slow
def test_threads_wait_briefly_unless_the_environment_says_how(program, given, expected):
    unset = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    shown = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport os; print(os.environ.get('GOMP_SPINCOUNT'))"],
        env=environment | given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.strip() == expected


def test_a_stage_is_told_before_anything_loads_threads():
    code = "import sys, stages; print('torch' in sys.modules, 'faiss' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
