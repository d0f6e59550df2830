"""How threads wait: briefly in every program of the project, unless the environment says otherwise."""

import os
import subprocess
import sys

import pytest

from dejavu.run import cores

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


@pytest.mark.parametrize(
    ("bound_to", "limit", "expected"),
    [
        ({0}, "max 100000", 1),  # SLURM, taskset
        (set(range(64)), "max 100000", 64),
        (set(range(64)), "400000 100000", 4),  # docker run --cpus 4
        (set(range(64)), "50000 100000", 1),
        (set(range(2)), "400000 100000", 2),
        (set(range(64)), None, 64),  # no container
    ],
)
def test_cores_are_those_that_the_system_leaves_to_the_process(
    bound_to, limit, expected, monkeypatch, tmp_path
):
    monkeypatch.delenv(cores.GIVEN, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: bound_to)
    monkeypatch.setattr(cores, "_LIMIT", tmp_path / "cpu.max")
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit + "\n")
    assert cores.given() == expected
    monkeypatch.setenv(cores.GIVEN, "3")
    assert cores.given() == 3


def test_a_stage_is_told_before_anything_loads_threads():
    code = "import sys, stages; print('torch' in sys.modules, 'faiss' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
