"""Train a CLIP network on captioned images with OpenCLIP's model, tokenizer and loss.

Every epoch draws from a generator of its own, so a training that was killed goes on from its last
checkpoint as if it had never stopped.
"""

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from dejavu.errors import TrainingError
from dejavu.models.clip import network
from dejavu.models.clip.batches import Tokens, TrainingSet, drawn, order
from dejavu.models.clip.contrastive import Trainee
from dejavu.models.clip.mitigations import Masking, Noise
from dejavu.models.training.augment import normalized
from dejavu.models.training.schedule import one_cycle
from dejavu.models.training.team import Team
from dejavu.params.caption import ClipRecipe
from dejavu.run import seeds
from dejavu.run.progress import say, track

SECONDS_BETWEEN_CHECKPOINTS = 30.0
SANITY_SAMPLES = 2_000  # training samples that the retrieval check uses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one training runs, apart from its recipe."""

    name: str  # of the model; its random draws derive from it
    seed: int  # of the run
    team: Team  # the processes that train
    work: Path  # folder for checkpoints; what it holds is continued
    recomputes: bool = False  # activations, going backwards, instead of keeping them


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A trained network and how it went."""

    model: torch.nn.Module
    dim: int  # length of an embedding
    losses: list[float]  # mean of each epoch
    sanity: dict[str, float]  # see `retrieval_sanity`


def train(recipe: ClipRecipe, data: TrainingSet, course: Course) -> Trained | None:
    """Train a network from scratch.

    Args:
        recipe: the network, the optimizer and the augmentation.
        data: what it is trained on.
        course: how.

    Returns:
        The network, in the first process of the team.

    Raises:
        TrainingError: the loss is not finite, there is less than one batch, or the trained network
            does not find its own training images.
        ParamsError: a batch cannot be shared by the processes.
    """
    name, device = course.name, course.team.device
    torch.manual_seed(seeds.number(course.seed, f"clip.{name}.init"))
    model = network.build(recipe.network).to(device)
    model.set_grad_checkpointing(course.recomputes)  # type: ignore[operator]  # a Module's attributes have no type
    tokens = Tokens(data.captions, network.tokenizer(recipe.network))
    losses = _descend(model, tokens, recipe, data, course)
    if not course.team.is_first:
        return None
    model.eval()
    sanity = retrieval_sanity(model, data, tokens, device=device)
    if sanity["recall_at_10"] < recipe.min_recall_at_10:
        raise TrainingError(
            f"clip {name}: its own training captions find their image among the first ten in "
            f"{sanity['recall_at_10']:.1%} of cases (chance: {sanity['chance_at_10']:.1%}), expected at "
            f"least {recipe.min_recall_at_10:.1%}. It learned too little to be audited: train longer."
        )
    first = tokens[torch.tensor([0])].to(device)
    dim = int(model.encode_text(first).shape[1])  # type: ignore[operator]  # a Module's attributes have no type
    return Trained(model=model, dim=dim, losses=losses, sanity=sanity)


def _descend(
    model: torch.nn.Module,
    tokens: Tokens,
    recipe: ClipRecipe,
    data: TrainingSet,
    course: Course,
) -> list[float]:
    """Train `model` in place for the recipe's epochs, and return the mean loss of each."""
    name, team = course.name, course.team
    rows = np.repeat(np.arange(len(data)), np.where(data.is_planted, recipe.planted_repeats, 1))
    batch_size = min(recipe.batch_size, len(rows))
    if batch_size < 2:
        raise TrainingError(f"clip {name}: {len(rows)} training samples, expected at least 2.")
    team.require_shared(f"clip {name}", batch_size, recipe.accumulate)
    n_batches = len(rows) // batch_size
    model.train()
    trainee = Trainee(model, team)
    optimizer = torch.optim.AdamW(
        _parameter_groups(model, recipe.weight_decay), lr=recipe.learning_rate, betas=(0.9, 0.98),
        eps=1e-6, fused=True,
    )  # fmt: skip
    scheduler = one_cycle(
        optimizer, peak=recipe.learning_rate, n_steps=recipe.epochs * n_batches,
        warmup_share=recipe.warmup_share,
    )  # fmt: skip
    checkpoint = _Checkpoint(course.work / "checkpoint.pt", model, optimizer, scheduler)
    losses = checkpoint.restore(team.device)
    if losses:
        say(f"clip {name}: resuming after {len(losses)} of {recipe.epochs} epochs")
    for epoch in track(range(len(losses), recipe.epochs), what=f"clip {name}, epochs"):
        total = 0.0
        for pairs, noise in _epoch(tokens, recipe, data, course, epoch, rows, batch_size):
            total += _step(trainee, model, pairs, optimizer, recipe, noise)
            scheduler.step()
        losses.append(team.mean(total / n_batches))
        if not math.isfinite(losses[-1]):
            raise TrainingError(
                f"clip {name}: the loss is {losses[-1]} in epoch {epoch + 1}; lower learning_rate."
            )
        if team.is_first:
            checkpoint.save(losses)
    return losses


def _epoch(
    tokens: Tokens,
    recipe: ClipRecipe,
    data: TrainingSet,
    course: Course,
    epoch: int,
    rows: np.ndarray,
    batch_size: int,
) -> Iterator[tuple[tuple[Tensor, Tensor], Noise]]:
    """Yield images and texts of each batch of this process, and what is added to their vectors."""
    purpose, part = f"clip.{course.name}.epoch.{epoch}", course.team.part
    seed, rng = seeds.number(course.seed, purpose), seeds.generator(course.seed, purpose)
    n_batches = len(rows) // batch_size
    chosen = order(rows, data.shards, recipe.mixed_shards, rng)[: n_batches * batch_size]
    batches = drawn(data, recipe, chosen, batch_size, rng=rng, seed=seed, part=part)
    drawn_captions = data.further.of_epoch(chosen, seed) if data.further else None
    masking = Masking(
        captions=data.captions if drawn_captions is None else drawn_captions,
        tokenize=tokens.tokenize,
        share=recipe.text_mask_share, seed=seeds.number(course.seed, f"{purpose}.text_mask"),
    )  # fmt: skip
    noise = Noise(
        std=recipe.embedding_noise, rng=seeds.generator(course.seed, f"{purpose}.noise"),
        batch_size=batch_size, part=part,
    )  # fmt: skip
    places = part.rows(torch.arange(len(chosen)), batch_size).split(batch_size // part.size)
    for (images, mine), at in zip(batches, places, strict=True):
        if drawn_captions is not None:
            texts = masking.tokens(at, at)  # a caption for each place, not for each sample
        else:
            texts = masking.tokens(mine, at) if masking.share else tokens[mine]
        yield (images, texts), noise


def _step(
    trainee: Trainee,
    model: torch.nn.Module,
    pairs: tuple[Tensor, Tensor],
    optimizer: torch.optim.Optimizer,
    recipe: ClipRecipe,
    noise: Noise,
) -> float:
    optimizer.zero_grad(set_to_none=True)
    images, texts = pairs
    loss = trainee.add_gradients(images, texts, recipe.accumulate, noise)
    optimizer.step()
    scale = model.logit_scale
    assert isinstance(scale, Tensor)
    with torch.no_grad():
        scale.clamp_(0, math.log(1 / recipe.min_temperature))
    return loss


def _parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay matrices only, as OpenCLIP does."""
    flat = [p for p in model.parameters() if p.ndim < 2]
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    return [
        {"params": flat, "weight_decay": 0.0},
        {"params": matrices, "weight_decay": weight_decay},
    ]


@torch.no_grad()
def retrieval_sanity(
    model: torch.nn.Module,
    data: TrainingSet,
    tokens: Tokens | Int64[Tensor, "n_samples context"],
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
        [model.encode_text(tokens[some].to(device), normalize=True) for some in rows.split(256)]  # type: ignore[operator]  # a Module's attributes have no type
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
