"""Train a CLIP network on captioned images with OpenCLIP's model, tokenizer and loss.

Every epoch draws from a generator of its own, so a training that was killed goes on from its last
checkpoint as if it had never stopped.
"""

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Int64, UInt8
from open_clip.loss import ClipLoss
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from dejavu.errors import TrainingError
from dejavu.models import devices
from dejavu.models.clip import network
from dejavu.models.training.augment import normalized
from dejavu.models.training.schedule import one_cycle
from dejavu.params.caption import ClipRecipe
from dejavu.run import seeds
from dejavu.run.progress import say, track

SECONDS_BETWEEN_CHECKPOINTS = 30.0
MAX_LOG_SCALE = math.log(100)  # as CLIP clips its temperature
_ALL_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
SANITY_SAMPLES = 2_000  # training samples that the retrieval check uses


@runtime_checkable
class ImageBatches(Protocol):
    """What yields training images: `dejavu.models.pixels.TrainingImages`, or a stand-in."""

    def batches(
        self, rows: Int[Tensor, " n_rows"], batch_size: int
    ) -> Iterator[UInt8[Tensor, "n 3 size size"]]:
        """Yield the images of `rows` in that order, `batch_size` at a time."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Captioned images of one role, in id order."""

    images: ImageBatches
    captions: list[str]
    is_planted: np.ndarray  # bool; these occur `planted_repeats` times per epoch

    def __len__(self) -> int:
        return len(self.captions)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained network and how it went."""

    model: torch.nn.Module
    dim: int  # length of an embedding
    losses: list[float]  # mean of each epoch
    sanity: dict[str, float]  # see `retrieval_sanity`


def train(
    recipe: ClipRecipe, data: TrainingSet, *, name: str, seed: int, device: torch.device, work: Path
) -> Trained:
    """Train a network from scratch.

    Args:
        recipe: the network, the optimizer and the augmentation.
        data: what it is trained on.
        name: of the model; its random draws derive from it.
        seed: the run's seed.
        device: where to train.
        work: folder for checkpoints; what it holds is continued.

    Raises:
        TrainingError: the loss is not finite, there is less than one batch, or the trained network
            does not find its own training images.
    """
    torch.manual_seed(seeds.number(seed, f"clip.{name}.init"))
    model = network.build(recipe.network).to(device)
    tokens = network.tokenizer(recipe.network)(data.captions)
    losses = _descend(model, tokens, recipe, data, name=name, seed=seed, device=device, work=work)
    model.eval()
    sanity = retrieval_sanity(model, data, tokens, device=device)
    if sanity["recall_at_10"] < recipe.min_recall_at_10:
        raise TrainingError(
            f"clip {name}: its own training captions find their image among the first ten in "
            f"{sanity['recall_at_10']:.1%} of cases (chance: {sanity['chance_at_10']:.1%}), expected at "
            f"least {recipe.min_recall_at_10:.1%}. It learned too little to be audited: train longer."
        )
    dim = int(model.encode_text(tokens[:1].to(device)).shape[1])  # type: ignore[operator]  # a Module's attributes have no type
    return Trained(model=model, dim=dim, losses=losses, sanity=sanity)


def _descend(
    model: torch.nn.Module,
    tokens: Int64[Tensor, "n_samples context"],
    recipe: ClipRecipe,
    data: TrainingSet,
    *,
    name: str,
    seed: int,
    device: torch.device,
    work: Path,
) -> list[float]:
    """Train `model` in place for the recipe's epochs, and return the mean loss of each."""
    rows = np.repeat(np.arange(len(data)), np.where(data.is_planted, recipe.planted_repeats, 1))
    batch_size = min(recipe.batch_size, len(rows))
    if batch_size < 2:
        raise TrainingError(f"clip {name}: {len(rows)} training samples, expected at least 2.")
    n_batches = len(rows) // batch_size
    optimizer = torch.optim.AdamW(
        _parameter_groups(model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.98),
        eps=1e-6, fused=True,
    )  # fmt: skip
    scheduler = one_cycle(
        optimizer, peak=recipe.learning_rate, n_steps=recipe.epochs * n_batches,
        warmup_share=recipe.warmup_share,
    )  # fmt: skip
    checkpoint = _Checkpoint(work / "checkpoint.pt", model, optimizer, scheduler)
    losses = checkpoint.restore(device)
    if losses:
        say(f"clip {name}: resuming after {len(losses)} of {recipe.epochs} epochs")
    model.train()
    for epoch in track(range(len(losses), recipe.epochs), what=f"clip {name}, epochs"):
        rng = seeds.generator(seed, f"clip.{name}.epoch.{epoch}")
        chosen = rng.permutation(rows)[: n_batches * batch_size]
        batches = _batches(data, tokens, chosen, batch_size, recipe.max_shift_px, rng)
        total = 0.0
        for images, texts in batches:
            total += _step(model, images.to(device), texts.to(device), optimizer)
            scheduler.step()
        losses.append(total / n_batches)
        if not math.isfinite(losses[-1]):
            raise TrainingError(
                f"clip {name}: the loss is {losses[-1]} in epoch {epoch + 1}; lower learning_rate."
            )
        checkpoint.save(losses)
    return losses


def _parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay matrices only, as OpenCLIP does."""
    flat = [p for p in model.parameters() if p.ndim < 2]
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    return [
        {"params": flat, "weight_decay": 0.0},
        {"params": matrices, "weight_decay": weight_decay},
    ]


def _batches(
    data: TrainingSet,
    tokens: Int64[Tensor, "n_samples context"],
    rows: Int[np.ndarray, " n_rows"],
    batch_size: int,
    max_shift_px: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Float[Tensor, "n 3 h w"], Int64[Tensor, "n context"]]]:
    order = torch.from_numpy(rows)
    images = data.images.batches(order, batch_size)
    for chunk, pixels in zip(order.split(batch_size), images, strict=True):
        shifts = torch.from_numpy(rng.integers(-max_shift_px, max_shift_px + 1, (len(chunk), 2)))
        yield shifted(normalized(pixels), shifts, max_shift_px), tokens[chunk]


def shifted(
    images: Float[Tensor, "n 3 h w"], shifts: Int64[Tensor, "n 2"], max_shift_px: int
) -> Float[Tensor, "n 3 h w"]:
    """Move each image down and right by its own shift (pixels, may be negative), mirroring edges."""
    if max_shift_px == 0:
        return images
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (max_shift_px,) * 4, mode="reflect")
    rows = max_shift_px - shifts[:, :1] + torch.arange(height)
    columns = max_shift_px - shifts[:, 1:] + torch.arange(width)
    each = torch.arange(n)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()


def _step(
    model: torch.nn.Module, images: Tensor, texts: Tensor, optimizer: torch.optim.Optimizer
) -> float:
    # On CPUs the fused attention kernel spends twice the time of the plain one, going backwards.
    kernels = [SDPBackend.MATH] if images.device.type == "cpu" else _ALL_KERNELS
    is_mixed = devices.computes_bfloat16(images.device)  # emulated, it is ten times slower
    with (
        torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=is_mixed),
        sdpa_kernel(kernels),
    ):
        image_vectors = model.encode_image(images, normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        captions = model.encode_text(texts, normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        scale = model.logit_scale
        assert isinstance(scale, Tensor)
        with torch.autocast(images.device.type, enabled=False):
            loss = ClipLoss()(image_vectors.float(), captions.float(), scale.exp())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
    optimizer.step()
    with torch.no_grad():
        scale.clamp_(0, MAX_LOG_SCALE)
    return float(loss.item())


@torch.no_grad()
def retrieval_sanity(
    model: torch.nn.Module,
    data: TrainingSet,
    tokens: Int64[Tensor, "n_samples context"],
    *,
    device: torch.device,
) -> dict[str, float]:
    """Return how often a training caption finds its own image first, and among the first ten.

    Searches among the first `SANITY_SAMPLES` training images. Keys: ``recall_at_1``,
    ``recall_at_10``, ``chance_at_10``, ``n``.
    """
    rows = torch.arange(min(len(data), SANITY_SAMPLES))
    batches = data.images.batches(rows, 256)
    image_vectors = torch.cat(
        [model.encode_image(normalized(p).to(device), normalize=True) for p in batches]  # type: ignore[operator]  # a Module's attributes have no type
    )
    captions = torch.cat(
        [model.encode_text(t.to(device), normalize=True) for t in tokens[rows].split(256)]  # type: ignore[operator]  # a Module's attributes have no type
    )
    similarities = captions.double() @ image_vectors.double().T
    own = similarities.diagonal()[:, None]
    ranks = (similarities > own).sum(dim=1)
    n = len(rows)
    return {
        "recall_at_1": round(float((ranks < 1).double().mean()), 6),
        "recall_at_10": round(float((ranks < 10).double().mean()), 6),
        "chance_at_10": round(min(10 / n, 1.0), 6),
        "n": float(n),
    }


class _Checkpoint:
    """The state of a training on disk, replaced at most every half minute."""

    def __init__(
        self,
        path: Path,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        self.path = path
        self.parts: dict[str, Any] = {
            "model": model, "optimizer": optimizer, "scheduler": scheduler,
        }  # fmt: skip
        self.saved = time.monotonic()

    def restore(self, device: torch.device) -> list[float]:
        if not self.path.is_file():
            return []
        state = torch.load(self.path, map_location=device, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        return list(state["losses"])

    def save(self, losses: list[float]) -> None:
        if time.monotonic() - self.saved < SECONDS_BETWEEN_CHECKPOINTS:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()} | {"losses": losses}
        scratch = self.path.with_name(self.path.name + ".part")
        torch.save(state, scratch)
        scratch.replace(self.path)
        self.saved = time.monotonic()
