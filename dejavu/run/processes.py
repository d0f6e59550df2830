"""Several processes that train one network: which of them this one is, and how a stage starts them.

torchrun and srun tell every process its place by variables of its environment. A stage that DVC runs is
one process: it starts the command that ``machine.launch`` names, which runs the same stage several times.
"""

import dataclasses
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Literal

import psutil

from dejavu.errors import ParamsError, TrainingError

LAUNCHED = "DEJAVU_LAUNCHED"  # variable of the environment: host:pid of the stage that started this process
WATCH_SECONDS = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where this process stands among those that work together."""

    rank: int = 0  # 0 writes what they made
    size: int = 1  # of all of them
    n_local: int = 1  # of those on this machine
    started_by: Literal["nobody", "torchrun", "slurm"] = "nobody"

    @property
    def n_nodes(self) -> int:
        """Return the number of machines."""
        return self.size // self.n_local


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """Return the place that torchrun or srun gave this process; alone without them.

    Of SLURM only the tasks of a step count: a batch script is one process, however many tasks its job
    may start.

    Raises:
        ParamsError: the machines run different numbers of processes.
    """
    if {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= set(environment):
        size = int(environment["WORLD_SIZE"])
        n_local = int(environment.get("LOCAL_WORLD_SIZE", size))
        found = Place(int(environment["RANK"]), size, n_local, "torchrun")
    elif int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        size = int(environment["SLURM_STEP_NUM_TASKS"])
        n_local = size // int(environment.get("SLURM_STEP_NUM_NODES", "1"))
        found = Place(int(environment["SLURM_PROCID"]), size, n_local, "slurm")
    else:
        return Place()
    if found.size % found.n_local:
        raise ParamsError(
            f"{found.size} processes with {found.n_local} on this machine: start as many on every machine "
            "(torchrun --nproc-per-node, srun --ntasks-per-node)."
        )
    return found if found.size > 1 else Place()


def start(launch: str | None, *, n_devices: int) -> bool:
    """Run this stage in several processes, and wait for them; tell whether that was done.

    Nothing is started from anything but a stage, nor from one of the processes.

    Args:
        launch: ``machine.launch``.
        n_devices: that ``auto`` makes one process for, each.

    Raises:
        TrainingError: one of the processes failed.
        ParamsError: there is no such command.
    """
    command = _command(launch, n_devices)
    stage = getattr(sys.modules["__main__"], "__spec__", None)
    is_stage = stage is not None and stage.name.startswith("stages.")
    if not command or not is_stage or LAUNCHED in os.environ or place().size > 1:
        return False
    assert stage is not None
    # One thread at first, which silences torchrun; a training then sets what is its share of the cores.
    launched = {LAUNCHED: f"{socket.gethostname()}:{os.getpid()}"}
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **launched}
    try:
        status = subprocess.run(  # noqa: S603 - the user's own command, from the user's own file
            [*command, "-m", stage.name, *sys.argv[1:]], env=environment, check=False
        ).returncode
    except OSError as error:
        raise ParamsError(f"machine.launch: {command[0]}: {error.strerror}.") from None
    if status:
        raise TrainingError(
            f"{shlex.join(command)} ended with status {status}; what went wrong stands above."
        )
    return True


def end_with_parents() -> None:
    """Let this process end soon after the one that started it, or the stage behind that, has ended.

    torchrun's processes outlive a torchrun that is killed, and would go on to train and write beside the
    run that resumes them.
    """
    parent = os.getppid()
    host, _, pid = os.environ.get(LAUNCHED, "").partition(":")
    stage = int(pid) if host == socket.gethostname() else None

    def watch() -> None:
        while os.getppid() == parent and (stage is None or _runs(stage)):
            time.sleep(WATCH_SECONDS)
        os._exit(1)  # at once: the thread that trains may wait for the others for ever

    threading.Thread(target=watch, daemon=True).start()


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _command(launch: str | None, n_devices: int) -> list[str]:
    if launch == "auto":
        launch = f"torchrun --standalone --nproc-per-node {n_devices}" if n_devices > 1 else None
    words = shlex.split(launch or "")
    if words[:1] == ["torchrun"]:  # of this Python, whatever stands in the path
        return [sys.executable, "-m", "torch.distributed.run", *words[1:]]
    return words
