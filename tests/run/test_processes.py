import os
import signal
import socket
import subprocess
import sys
import types

import psutil
import pytest

from dejavu.errors import ParamsError, TrainingError
from dejavu.run import processes
from dejavu.run.processes import Place, place

TORCHRUN = {"RANK": "9", "WORLD_SIZE": "16", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "8"}
SRUN = {
    "SLURM_STEP_NUM_TASKS": "16", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "9", "SLURM_LOCALID": "1",
}  # fmt: skip


class TestPlace:
    def test_torchrun(self):
        assert place(TORCHRUN) == Place(9, 16, 8, "torchrun")
        assert place(TORCHRUN).n_nodes == 2

    def test_a_step_of_slurm(self):
        assert place(SRUN) == Place(9, 16, 8, "slurm")

    def test_alone(self):
        assert place({}) == Place()
        assert (
            place(TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}) == Place()
        )

    def test_a_batch_script_of_slurm_is_one_process_of_a_job_of_many(self):
        assert place({"SLURM_NTASKS": "16", "SLURM_PROCID": "0"}) == Place()

    def test_unequal_machines(self):
        with pytest.raises(ParamsError, match="15 processes with 8 on this machine"):
            place(TORCHRUN | {"WORLD_SIZE": "15"})


class TestStart:
    @pytest.fixture
    def ran(self, monkeypatch):
        """The commands that were run, from what looks like a stage; the last one's status is 0."""
        found = []

        def run(command, *, env, check):
            found.append((command, env))
            return types.SimpleNamespace(returncode=int("fails" in command))

        monkeypatch.setattr(processes.subprocess, "run", run)
        monkeypatch.delenv(processes.LAUNCHED, raising=False)
        main = types.SimpleNamespace(__spec__=types.SimpleNamespace(name="stages.encoder"))
        monkeypatch.setitem(sys.modules, "__main__", main)
        monkeypatch.setattr(sys, "argv", ["encoder.py", "--model", "m"])
        return found

    def test_one_process_starts_nothing(self, ran):
        assert not processes.start(None, n_devices=8)
        assert not processes.start("auto", n_devices=1)
        assert not ran

    def test_one_process_per_device(self, ran):
        assert processes.start("auto", n_devices=8)
        ((command, environment),) = ran
        assert command == [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "8",
            "-m", "stages.encoder", "--model", "m",
        ]  # fmt: skip
        assert environment[processes.LAUNCHED] == f"{socket.gethostname()}:{os.getpid()}"

    def test_a_command_stands_in_the_place_of_python(self, ran):
        assert processes.start("srun --nodes 2 python", n_devices=1)
        assert ran[0][0] == [
            "srun",
            "--nodes",
            "2",
            "python",
            "-m",
            "stages.encoder",
            "--model",
            "m",
        ]

    def test_what_was_started_starts_nothing(self, ran, monkeypatch):
        monkeypatch.setenv(processes.LAUNCHED, "1")
        assert not processes.start("srun python", n_devices=1)

    def test_what_is_no_stage_starts_nothing(self, ran, monkeypatch):
        monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(__spec__=None))
        assert not processes.start("srun python", n_devices=1)

    def test_a_failure_is_an_error(self, ran):
        with pytest.raises(TrainingError, match="srun fails ended with status 1"):
            processes.start("srun fails", n_devices=1)

    def test_a_command_that_is_not_there(self, ran, monkeypatch):
        monkeypatch.undo()
        main = types.SimpleNamespace(__spec__=types.SimpleNamespace(name="stages.encoder"))
        monkeypatch.setitem(sys.modules, "__main__", main)
        with pytest.raises(ParamsError, match="machine.launch: no_such_program: No such file"):
            processes.start("no_such_program", n_devices=1)


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["parent", "stage"])
def test_a_process_ends_with_what_started_it(killed):
    """A stage starts a launcher, which starts a process in a session of its own, as torchrun does."""
    worker = (
        "from dejavu.run import processes; import time; processes.WATCH_SECONDS = 0.1; "
        "processes.end_with_parents(); print('ready', flush=True); time.sleep(60)"
    )
    start = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]{}], {})"
    launcher = start.format("", "start_new_session=True")
    stage = (
        "import os, socket; from dejavu.run import processes; "
        "os.environ[processes.LAUNCHED] = f'{socket.gethostname()}:{os.getpid()}'; "
        + start.format(", sys.argv[2]", "")
    )
    process = subprocess.Popen(
        [sys.executable, "-c", stage, launcher, worker], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    parent, child = psutil.Process(process.pid).children(recursive=True)
    (process if killed == "stage" else parent).send_signal(signal.SIGKILL)
    try:
        child.wait(timeout=30)
        assert not child.is_running()
    finally:
        for each in (parent, child):
            if each.is_running():
                each.kill()
        process.kill()
        process.wait()
