"""The gradient of CLIP's loss over a batch, however many processes and parts it is worked on in.

The loss compares every image with every caption of the batch. Over processes it is OpenCLIP's: each compares
its own with all (local loss), and gradients flow back to where vectors came from. Over parts, vectors of all
of them are computed first without keeping what a gradient needs; the loss gives the gradient of each vector,
and every part is computed once more to pass it on (Gao et al. 2021). So the batch is the recipe's, exactly,
except for batch norm (OpenCLIP's ResNets), which sees one part.
"""

import contextlib
from collections.abc import Iterator

import torch
from jaxtyping import Float
from open_clip.loss import ClipLoss
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from dejavu.models import devices
from dejavu.models.clip.mitigations import Noise
from dejavu.models.training.team import Team

_ALL_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]

Vectors = tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"], Float[Tensor, ""]]


class Pairs(nn.Module):
    """A CLIP network as one function of images and captions, in mixed precision."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, texts: Tensor) -> Vectors:
        """Return unit vectors of both, in float32, and the scale of their cosines."""
        is_mixed = devices.computes_bfloat16(images.device)  # emulated, it is ten times slower
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=is_mixed):
            seen = self.model.encode_image(images, normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
            read = self.model.encode_text(texts, normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        scale = self.model.logit_scale
        assert isinstance(scale, Tensor)
        return seen.float(), read.float(), scale.exp()


class Trainee:
    """A CLIP network that a team trains."""

    def __init__(self, model: nn.Module, team: Team) -> None:
        self._pairs, self._team = Pairs(model), team
        self._shared = team.wrapped(self._pairs)
        several = {"local_loss": True, "gather_with_grad": True} if team.part.size > 1 else {}
        self._loss = ClipLoss(rank=team.part.rank, world_size=team.part.size, **several)

    def add_gradients(
        self, images: Tensor, texts: Tensor, n_parts: int, noise: Noise | None = None
    ) -> float:
        """Add the gradients of this process' part of a batch, and return its loss.

        Args:
            images: normalized.
            texts: tokens of the captions.
            n_parts: that the batch is worked on in; divides it.
            noise: on the vectors that the loss compares; None: none.
        """
        # On CPUs the fused attention kernel spends twice the time of the plain one, going backwards.
        kernels = [SDPBackend.MATH] if self._team.device.type == "cpu" else _ALL_KERNELS
        with sdpa_kernel(kernels):  # backwards, too: checkpointing computes forwards there
            if n_parts > 1:
                return self._in_parts(images, texts, n_parts, noise)
            device = self._team.device
            loss = self._compared(noise, *self._shared(images.to(device), texts.to(device)))
            self._team.backward(loss)
            return float(loss.detach())

    def _compared(self, noise: Noise | None, seen: Tensor, read: Tensor, scale: Tensor) -> Tensor:
        """Return the loss of the vectors of a batch."""
        if noise is not None:
            seen, read = noise.added(seen, read)
        loss: Tensor = self._loss(seen, read, scale)
        return loss

    def _in_parts(self, images: Tensor, texts: Tensor, n_parts: int, noise: Noise | None) -> float:
        device = self._team.device
        parts = list(zip(images.chunk(n_parts), texts.chunk(n_parts), strict=True))
        with torch.no_grad(), _unremembered(self._pairs):
            vectors = [self._pairs(i.to(device), t.to(device)) for i, t in parts]
        seen, read = (
            torch.cat(kind).requires_grad_() for kind in list(zip(*vectors, strict=True))[:2]
        )
        scale = vectors[0][2].requires_grad_()
        loss = self._compared(noise, seen, read, scale)
        loss.backward()
        assert seen.grad is not None
        assert read.grad is not None
        assert scale.grad is not None
        gradients = zip(seen.grad.chunk(n_parts), read.grad.chunk(n_parts), strict=True)
        for index, ((image, text), (by_image, by_text)) in enumerate(
            zip(parts, gradients, strict=True)
        ):
            is_last = index == n_parts - 1
            with self._team.apart(self._shared, enabled=not is_last):
                again = self._shared(image.to(device), text.to(device))
                passed = (again[0] * by_image).sum() + (again[1] * by_text).sum()
                self._team.backward(passed + again[2] * scale.grad if is_last else passed)
        return float(loss.detach())


@contextlib.contextmanager
def _unremembered(network: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch norms as they are, while these see a batch."""
    norms = [
        each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)
    ]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
