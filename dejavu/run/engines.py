"""Where shards are computed: in this process, or by workers of a Ray cluster."""

import dataclasses
from typing import Literal

from dejavu.params.machine import MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine, and what each of its workers is given."""

    name: Literal["local", "ray"] = "local"
    cpus: int = 1  # cores of one worker; its threads are as many
    gpus: float = 0.0  # GPUs of one worker

    @property
    def told(self) -> str:
        """What a worker is given, in words."""
        return f"{self.cpus} cores" + (f" and {self.gpus:g} GPUs" if self.gpus else "")


LOCAL = Engine()


def of(machine: MachineParams, *, gpus: float = 0.0) -> Engine:
    """Return the engine of ``machine``; a worker has ``machine.workers`` cores and these GPUs."""
    return Engine(name=machine.engine, cpus=machine.workers, gpus=gpus)
