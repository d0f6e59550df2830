"""Batch norm over the batch of all processes.

torch's own, `torch.nn.SyncBatchNorm`, is for GPUs alone; elsewhere this one reduces the same sums.
"""

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class _Sum(torch.autograd.Function):
    """The sum over processes; so is the gradient, since every process' loss depends on the sum."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


class SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm whose mean and variance are those of all processes' batches, which are of one size."""

    def _check_input_dim(self, images: Tensor) -> None:
        """Take inputs of any number of axes; the second is the channels'."""

    def forward(self, images: Float[Tensor, "n c *rest"]) -> Float[Tensor, "n c *rest"]:
        """Normalize each channel."""
        if not self.training:
            return super().forward(images)
        given = images.dtype
        images = images.to(
            torch.promote_types(given, torch.float32)
        )  # bfloat16 has no digits for sums
        axes = [axis for axis in range(images.ndim) if axis != 1]
        shape = [1, -1] + [1] * (images.ndim - 2)
        n = images.numel() // images.shape[1] * dist.get_world_size()
        mean = _Sum.apply(images.sum(dim=axes)) / n
        centered = images - mean.view(shape)
        variance = _Sum.apply(centered.square().sum(dim=axes)) / n
        self._remember(mean.detach(), variance.detach() * n / max(n - 1, 1))
        normal = centered * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(given)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / float(self.num_batches_tracked)
        for running, now in ((self.running_mean, mean), (self.running_var, variance)):
            assert running is not None
            running.lerp_(now, momentum)


def synced(network: nn.Module, device: torch.device) -> nn.Module:
    """Return `network` with batch norms over all processes; its state dict keeps its names."""
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return converted
    for module in network.modules():
        if type(module) in _NORMS:
            module.__class__ = SyncedBatchNorm
    return network
