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
from dejavu.models.training import health
from dejavu.models.training.methods import Method
from dejavu.models.training.schedule import one_cycle
from dejavu.models.training.team import Team
from dejavu.models.training.views import Views
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
    team: Team  # the processes that train
    work: Path  # folder of the checkpoint


def train(method: Method, views: Views, course: Course) -> list[Epoch]:
    """Train `method` in place, going on from a checkpoint in `course.work` if there is one.

    Each epoch seeds its own generator, so that a resumed training draws what an uninterrupted one
    would have drawn. Only the first of several processes writes checkpoints; all of them read it.

    Returns:
        One record per epoch.

    Raises:
        TrainingError: the loss is not finite, the embeddings collapsed, or the loss never fell.
        ParamsError: a batch cannot be shared by the processes.
    """
    method.to(course.team.device).to(memory_format=torch.channels_last).train()
    rows = torch.repeat_interleave(torch.arange(len(course.repeats)), course.repeats)
    run = _Run(method, course, len(rows))
    checkpoint = course.work / CHECKPOINT
    curve = run.resume(checkpoint)
    saved = time.monotonic()

    def message() -> str:
        return f"{course.model}: loss {curve[-1].loss:.4g}, epoch" if curve else course.model

    for epoch in _remaining(len(curve), course.recipe.epochs, message):
        curve.append(run.epoch(epoch, views, rows))
        health.check_loss(course.model, epoch, curve[-1].loss)
        health.check_spread(course.model, [record.embedding_std for record in curve])
        if course.team.is_first and time.monotonic() - saved >= CHECKPOINT_SECONDS:
            run.save(checkpoint, curve)
            saved = time.monotonic()
    health.check_learned(course.model, [record.loss for record in curve])
    return curve


def _remaining(start: int, stop: int, message: Callable[[], str]) -> Iterator[int]:
    return iter(track(range(start, stop), what=message))


class _Run:
    """The moving parts of a training, which a checkpoint holds."""

    def __init__(self, method: Method, course: Course, n_rows: int) -> None:
        recipe = course.recipe
        self._method, self._course, self._team = method, course, course.team
        self._batch_size = min(recipe.batch_size, n_rows)
        self._team.require_shared(course.model, self._batch_size, recipe.accumulate)
        self._n_steps = n_rows // self._batch_size
        self._forward = Forward(self._team.device)
        self._module = self._team.wrapped(method)
        self._optimizer = optimizer_of(method, recipe)
        self._n_total = self._n_steps * recipe.epochs
        self._schedule = one_cycle(
            self._optimizer, peak=recipe.learning_rate, n_steps=self._n_total + 1,
            warmup_share=recipe.warmup_share, moves_momentum=True,
        )  # fmt: skip

    def epoch(self, number: int, views: Views, rows: Int[Tensor, " m"]) -> Epoch:
        seed = self._course.seed_of(f"epoch.{number}")
        generator = torch.Generator().manual_seed(seed)
        rows = rows[torch.randperm(len(rows), generator=generator)]
        rows = rows[: self._n_steps * self._batch_size]
        batches = views.batches(
            rows, self._batch_size // self._course.recipe.accumulate, generator, seed
        )
        total, projections = 0.0, torch.empty(0)
        for step in range(self._n_steps):
            loss, projections = self._step(batches)
            self._schedule.step()
            self._method.after_step((number * self._n_steps + step + 1) / self._n_total)
            total += loss
        return Epoch(
            number + 1,
            self._team.mean(total / self._n_steps),
            float(self._schedule.get_last_lr()[0]),
            self._team.mean(health.embedding_std(projections)),
        )

    def _step(self, batches: Iterator[list[Tensor]]) -> tuple[float, Tensor]:
        """Take one step on the mean of the losses of `accumulate` parts of a batch, and return it."""
        n_parts, total, projections = self._course.recipe.accumulate, 0.0, torch.empty(0)
        self._optimizer.zero_grad()
        for part in range(n_parts):
            with self._team.apart(self._module, enabled=part < n_parts - 1):
                loss, projections = self._module(next(batches), self._forward)
                self._team.backward(loss / n_parts)
            total += float(loss.detach()) / n_parts
        self._optimizer.step()
        return total, projections

    def save(self, path: Path, curve: list[Epoch]) -> None:
        state = {**self._state(), "curve": [dataclasses.astuple(record) for record in curve]}
        scratch = path.with_name(path.name + ".part")
        torch.save(state, scratch)
        scratch.replace(path)

    def resume(self, path: Path) -> list[Epoch]:
        """Load a checkpoint if there is one; return the epochs that are done."""
        if not path.is_file():
            return []
        state = torch.load(path, map_location=self._team.device, weights_only=True)
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
