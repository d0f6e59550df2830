"""The processes that train one network together, each on its part of every batch.

Gradients are averaged by Lightning Fabric's data parallel strategy. What depends on the whole batch, losses
and batch norm, sees all of it; so several processes compute what one would, up to the order of sums.
"""

import contextlib
import dataclasses
import logging
import warnings
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from lightly.utils import dist as gathering
from torch import Tensor, nn

from dejavu.errors import ParamsError
from dejavu.models import devices
from dejavu.models.training.batch_norm import synced
from dejavu.models.training.part import Part
from dejavu.params.machine import MachineParams
from dejavu.run import processes


@dataclasses.dataclass(frozen=True, slots=True)
class Team:
    """This process and the others; alone, everything is what torch does."""

    device: torch.device
    part: Part = Part()  # noqa: RUF009 - immutable
    fabric: Any = None  # a lightning_fabric.Fabric; None: alone

    @property
    def is_first(self) -> bool:
        """Tell whether this is the process that writes."""
        return self.part.rank == 0

    def require_shared(self, model: str, batch_size: int, accumulate: int) -> None:
        """Refuse a batch that cannot be shared evenly, two images to each part or more.

        Raises:
            ParamsError: naming what has to divide it.
        """
        n_parts = accumulate * self.part.size
        if batch_size % n_parts or batch_size < 2 * n_parts:
            raise ParamsError(
                f"{model}: a batch of {batch_size} cannot be shared by {self.part.size} processes in "
                f"{accumulate} parts each: it must be a multiple of {n_parts}, at least {2 * n_parts}. "
                "Change the recipe's batch_size or accumulate, or the number of processes."
            )

    def wrapped(self, module: nn.Module) -> nn.Module:
        """Return what to call in the place of `module`, which was moved to the device."""
        if self.fabric is None:
            return module
        with warnings.catch_warnings():  # of torch's next name for `broadcast_buffers`
            warnings.filterwarnings("ignore", message=".*broadcast_buffers", category=FutureWarning)
            wrapped: nn.Module = self.fabric.setup_module(
                synced(module, self.device), move_to_device=False
            )
        return wrapped

    def backward(self, loss: Float[Tensor, ""]) -> None:
        """Add the gradients of `loss`, averaged over the processes unless they are kept `apart`."""
        if self.fabric is None:
            loss.backward()
        else:
            self.fabric.backward(loss)

    def apart(self, module: nn.Module, *, enabled: bool) -> contextlib.AbstractContextManager[Any]:
        """Return a context in which gradients of `module` stay with their process, if `enabled`."""
        if self.fabric is None or not enabled:
            return contextlib.nullcontext()
        return self.fabric.no_backward_sync(module)

    def mean(self, value: float) -> float:
        """Return the mean over the processes, the same number in each."""
        if self.fabric is None:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return float(total) / self.part.size


def join(machine: MachineParams) -> Team:
    """Return the team of this process, after meeting the others.

    Raises:
        ParamsError: torch does not see the device asked for.
    """
    place = processes.place()
    device = devices.choose(machine.device)
    if place.size == 1:
        return Team(device)
    # Imported here: it takes seconds, and one process does without it.
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
    from lightning_fabric.strategies import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    environment = SLURMEnvironment() if place.started_by == "slurm" else TorchElasticEnvironment()
    fabric = Fabric(
        accelerator=device.type, devices=place.n_local, num_nodes=place.n_nodes,
        strategy=DDPStrategy(broadcast_buffers=False),  # they are equal: all of them see all sums
        plugins=[environment],
    )  # fmt: skip
    fabric.launch()
    return Team(fabric.device, Part(place.rank, place.size), fabric)


def gathered(vectors: Float[Tensor, "n dim"]) -> Float[Tensor, "m dim"]:
    """Return the vectors of all processes, in order; gradients flow back to whose they are."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return vectors
    return torch.cat(gathering.gather(vectors.contiguous()))
