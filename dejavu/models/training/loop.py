"""The training loop: batches, steps, checkpoints, and a watch on whether the network learns."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from lightly.utils.lars import LARS
from torch import Tensor

from dejavu.models.devices import Forward
from dejavu.models.pixels import TrainingImages
from dejavu.models.training import health
from dejavu.models.training.methods import Method
from dejavu.models.training.schedule import one_cycle
from dejavu.params.encoders import TrainingRecipe
from dejavu.run.progress import say, track

CHECKPOINT_SECONDS = 60.0
CHECKPOINT = "checkpoint.pt"
MOMENTUM = 0.9  # of LARS; the one-cycle schedule moves it


@dataclasses.dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the images came to."""

    epoch: int  # from 1
    loss: float  # mean over its steps
    learning_rate: float  # of its last step
    embedding_std: float  # of its last batch, see health.embedding_std


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one training runs, apart from the method."""

    model: str  # named in messages
    recipe: TrainingRecipe
    repeats: Int[Tensor, " n"]  # how often each image occurs in an epoch
    seed_of: Callable[[str], int]  # integer seed of a purpose
    device: torch.device
    work: Path  # folder of the checkpoint


def train(method: Method, images: TrainingImages, course: Course) -> list[Epoch]:
    """Train `method` in place, going on from a checkpoint in `course.work` if there is one.

    Each epoch seeds its own generator, so that a resumed training draws what an uninterrupted one
    would have drawn.

    Returns:
        One record per epoch.

    Raises:
        TrainingError: the loss is not finite, the embeddings collapsed, or the loss never fell.
    """
    method.to(course.device).to(memory_format=torch.channels_last).train()
    rows = torch.repeat_interleave(torch.arange(len(images)), course.repeats)
    n_steps = max(1, len(rows) // course.recipe.batch_size)
    run = _Run(method, course, n_steps)
    checkpoint = course.work / CHECKPOINT
    curve = run.resume(checkpoint)
    saved = time.monotonic()

    def message() -> str:
        return f"{course.model}: loss {curve[-1].loss:.4g}, epoch" if curve else course.model

    for epoch in _remaining(len(curve), course.recipe.epochs, message):
        curve.append(run.epoch(epoch, images, rows))
        health.check_loss(course.model, epoch, curve[-1].loss)
        health.check_spread(course.model, [record.embedding_std for record in curve])
        if time.monotonic() - saved >= CHECKPOINT_SECONDS:
            run.save(checkpoint, curve)
            saved = time.monotonic()
    health.check_learned(course.model, [record.loss for record in curve])
    return curve


def _remaining(start: int, stop: int, message: Callable[[], str]) -> Iterator[int]:
    return iter(track(range(start, stop), what=message))


class _Run:
    """The moving parts of a training, which a checkpoint holds."""

    def __init__(self, method: Method, course: Course, n_steps: int) -> None:
        self._method, self._course, self._n_steps = method, course, n_steps
        self._forward = Forward(course.device)
        self._optimizer = optimizer_of(method, course.recipe)
        self._n_total = n_steps * course.recipe.epochs
        self._schedule = one_cycle(
            self._optimizer, peak=course.recipe.learning_rate, n_steps=self._n_total + 1,
            warmup_share=course.recipe.warmup_share, moves_momentum=True,
        )  # fmt: skip

    def epoch(self, number: int, images: TrainingImages, rows: Int[Tensor, " m"]) -> Epoch:
        generator = torch.Generator().manual_seed(self._course.seed_of(f"epoch.{number}"))
        batch_size = self._course.recipe.batch_size
        rows = rows[torch.randperm(len(rows), generator=generator)][: self._n_steps * batch_size]
        total = 0.0
        for step, batch in enumerate(images.batches(rows, batch_size)):
            loss, projections = self._method.loss(
                batch.to(self._course.device), generator, self._forward
            )
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            self._method.after_step((number * self._n_steps + step + 1) / self._n_total)
            total += float(loss.detach())
        return Epoch(
            number + 1,
            total / self._n_steps,
            float(self._schedule.get_last_lr()[0]),
            health.embedding_std(projections),
        )

    def save(self, path: Path, curve: list[Epoch]) -> None:
        state = {**self._state(), "curve": [dataclasses.astuple(record) for record in curve]}
        scratch = path.with_name(path.name + ".part")
        torch.save(state, scratch)
        scratch.replace(path)

    def resume(self, path: Path) -> list[Epoch]:
        """Load a checkpoint if there is one; return the epochs that are done."""
        if not path.is_file():
            return []
        state = torch.load(path, map_location=self._course.device, weights_only=True)
        curve = [Epoch(*record) for record in state["curve"]]
        self._method.load_state_dict(state["method"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        say(f"{self._course.model}: resuming after epoch {len(curve)}")
        return curve

    def _state(self) -> dict[str, Any]:
        return {
            "method": self._method.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
        }


def optimizer_of(method: Method, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    """Return the recipe's optimizer; biases and norms are not decayed (nor scaled by LARS)."""
    learned = [parameter for parameter in method.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "lars":
        return LARS(groups, lr=recipe.learning_rate, momentum=MOMENTUM)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)
