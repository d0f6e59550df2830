"""Train a network to guess labels from crops: steps, checkpoints, and a watch on whether it learns."""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from lightly.utils.lars import LARS
from torch import Tensor, nn

from dejavu.errors import TrainingError
from dejavu.image.references.crop_dataset import CropSquares
from dejavu.models.devices import Forward
from dejavu.models.encoders import networks
from dejavu.models.training.augment import View, draw
from dejavu.models.training.schedule import one_cycle
from dejavu.params.references import ClassifierParams
from dejavu.run.progress import say, track

WARMUP_SHARE = 0.1  # of the steps, in which the learning rate rises
MOMENTUM = 0.9  # of LARS
CHECKPOINT_SECONDS = 60.0
CHECKPOINT = "checkpoint.pt"


class Classifier(nn.Module):
    """A backbone and a linear head: one logit per label."""

    def __init__(self, architecture: str, width: int, n_labels: int) -> None:
        super().__init__()
        self.backbone = networks.build(architecture, width=width)
        self.head = nn.Linear(self.backbone.dim, n_labels)

    def forward(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n labels"]:
        """Return the logits of normalized images."""
        logits: Tensor = self.head(self.backbone(images))
        return logits


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one training runs."""

    name: str  # in messages
    settings: ClassifierParams
    seed_of: Callable[[str], int]  # integer seed of a purpose
    device: torch.device
    work: Path  # folder of the checkpoint


def train(
    network: Classifier, squares: CropSquares, column: Int[Tensor, " n"], course: Course
) -> list[float]:
    """Train `network` in place by cross-entropy, going on from a checkpoint if there is one.

    Each epoch seeds its own generator, so that a resumed training draws what an uninterrupted one
    would have drawn.

    Args:
        network: on the CPU; it is moved to the course's device.
        squares: the crops to learn from.
        column: position of each crop's label among the logits.
        course: settings, seeds, device.

    Returns:
        The mean loss of each epoch, over random views, in nats.

    Raises:
        TrainingError: the loss is not finite, or the last epoch's is not below what guessing the
            label frequencies costs (their entropy): the network learned nothing.
    """
    network.to(course.device).to(memory_format=torch.channels_last).train()
    run = _Run(network, column, course)
    checkpoint = course.work / CHECKPOINT
    losses = run.resume(checkpoint)
    saved = time.monotonic()
    for epoch in track(range(len(losses), course.settings.epochs), what=f"{course.name}, epoch"):
        losses.append(run.epoch(epoch, squares))
        if not math.isfinite(losses[-1]):
            raise TrainingError(
                f"{course.name}: the loss became {losses[-1]} in epoch {epoch + 1}: the training "
                f"diverged. Lower image.classifiers.{course.name}.learning_rate."
            )
        if time.monotonic() - saved >= CHECKPOINT_SECONDS:
            run.save(checkpoint, losses)
            saved = time.monotonic()
    _require_learned(course.name, losses[-1], label_entropy(column.numpy()))
    return losses


def label_entropy(column: Int[np.ndarray, " n"]) -> float:
    """Return the entropy of the label frequencies in nats: the loss of the best constant guess.

    >>> round(label_entropy(np.array([0, 0, 1, 1])), 6)
    0.693147
    """
    shares = np.unique(column, return_counts=True)[1] / len(column)
    return float(-(shares * np.log(shares)).sum())


def _require_learned(name: str, loss: float, constant_loss: float) -> None:
    if loss >= constant_loss:
        raise TrainingError(
            f"{name}: learned nothing: the last epoch's loss is {loss:.4f} nats, and guessing the label "
            f"frequencies costs {constant_loss:.4f}. Raise epochs or learning_rate of "
            f"image.classifiers.{name}, or lower its weight_decay."
        )


class _Run:
    """The moving parts of a training, which a checkpoint holds."""

    def __init__(self, network: Classifier, column: Int[Tensor, " n"], course: Course) -> None:
        self._network, self._column, self._course = network, column, course
        settings = course.settings
        self._n_steps = max(1, len(column) // settings.batch_size)  # an epoch's rest is left out
        self._view = View(
            size_px=settings.view_px,
            min_scale=settings.min_crop_scale,
            max_scale=settings.max_crop_scale,
            color_jitter=settings.color_jitter,
        )
        self._forward = Forward(course.device)
        self._optimizer = _optimizer_of(network, settings)
        self._schedule = one_cycle(
            self._optimizer, peak=settings.learning_rate,
            n_steps=self._n_steps * settings.epochs + 1, warmup_share=WARMUP_SHARE,
        )  # fmt: skip

    def epoch(self, number: int, squares: CropSquares) -> float:
        """Take one pass and return its mean loss."""
        generator = torch.Generator().manual_seed(self._course.seed_of(f"epoch.{number}"))
        batch_size = self._course.settings.batch_size
        rows = torch.randperm(len(self._column), generator=generator)[: self._n_steps * batch_size]
        total = 0.0
        for some, pixels in zip(
            rows.split(batch_size), squares.batches(rows, batch_size), strict=True
        ):
            views = draw(pixels.to(self._course.device), self._view, generator)
            logits = self._network.head(self._forward(self._network.backbone, views))
            truth = self._column[some].to(self._course.device)
            loss = nn.functional.cross_entropy(logits, truth)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            total += loss.item()
        return total / self._n_steps

    def save(self, path: Path, losses: list[float]) -> None:
        """Write a checkpoint, whole or not at all."""
        scratch = path.with_name(path.name + ".part")
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        torch.save({**parts, "losses": losses}, scratch)
        scratch.replace(path)

    def resume(self, path: Path) -> list[float]:
        """Load a checkpoint if there is one; return the losses of the epochs that are done."""
        if not path.is_file():
            return []
        state = torch.load(path, map_location=self._course.device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        say(f"{self._course.name}: resuming after epoch {len(state['losses'])}")
        return list(state["losses"])

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self._network,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
        }


def _optimizer_of(network: Classifier, settings: ClassifierParams) -> torch.optim.Optimizer:
    """Return the optimizer; biases and norms are not decayed (nor scaled by LARS)."""
    learned = list(network.parameters())
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if settings.optimizer == "lars":
        return LARS(groups, lr=settings.learning_rate, momentum=MOMENTUM)
    return torch.optim.AdamW(groups, lr=settings.learning_rate)
