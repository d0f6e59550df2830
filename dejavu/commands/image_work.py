"""The work of the image lane's stages, counted from the parameters alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.commands import cost_rates as rates
from dejavu.commands import network_cost, work
from dejavu.commands.work import Counts, Work
from dejavu.params.encoders import Models, RecipeParams
from dejavu.params.machine import MachineParams
from dejavu.params.predictions import Predictions
from dejavu.params.references import Annotators, Classifiers
from dejavu.params.search import NeighborsParams
from dejavu.roles import PUBLIC, REFERENCE, is_paired

_LANE = "image"


def stages(path: Path, given: Counts | None) -> Iterator[Work]:
    """Yield the work of each stage, none where the lane is not used; arguments and errors: `work.counts`."""
    corpus, counts = work.counts(path, _LANE, given)
    if counts is None:
        return
    yield from work.listed(_LANE, corpus, counts)
    models = params.section(path, "image.models", Models)
    search = params.section(path, "image.neighbors", NeighborsParams)
    for name, entry in models.items():
        yield from _model(path, name, entry, corpus, counts, search)
    kinds = len(search.metrics) * sum(len(model.layers) for model in models.values())
    elsewhere = params.section(path, "image.predictions", Predictions)
    attacked = work.n_attacked(counts)
    if elsewhere:
        yield _guesses(elsewhere, counts)
    # guesses made elsewhere come with their votes: they are listed, and neither voted nor measured here
    n_listed = kinds + sum(each.is_target for each in elsewhere.values())
    for stage, n, seconds in (
        ("vote", kinds, search.k * rates.VOTE_SECONDS),
        ("measure", kinds, search.k * rates.MEASURE_SECONDS),
        ("list_samples, crossover", n_listed, rates.LIST_SECONDS),
    ):
        yield Work(lane=_LANE, stage=stage, seconds=attacked * n * seconds)
    yield from _references(path, counts)
    yield Work(lane=_LANE, stage="report", unknown=work.REPORT)


def _guesses(entries: Predictions, counts: Counts) -> Work:
    """Return the work of reading guesses made elsewhere; of a pair also those about the reference role."""
    pairs = {name: each.second_model for name, each in entries.items() if each.second_model}
    paired = {*pairs, *pairs.values()}
    n = {
        name: work.n_attacked(counts) + (counts[REFERENCE] if name in paired else 0)
        for name in entries
    }
    seconds = sum(
        n[name] * (rates.GUESS_SECONDS if each.votes is None else rates.VOTED_GUESS_SECONDS)
        for name, each in entries.items()
    )
    return Work(
        lane=_LANE, stage="predictions", seconds=seconds, disk=sum(n.values()) * rates.GUESS
    )


def _references(path: Path, counts: Counts) -> Iterator[Work]:
    for name, annotator in params.section(path, "image.annotators", Annotators).items():
        source = annotator.root.source
        unknown = None if source == "corpus" else f"{source}: rate not measured"
        yield Work(lane=_LANE, stage=f"tag_crops@{name}", unknown=unknown)
    n, attacked = counts[REFERENCE], work.n_attacked(counts)
    for name, each in params.section(path, "image.classifiers", Classifiers).items():
        forward, _ = network_cost.backbone(each.architecture, each.width, each.view_px)
        whole, _ = network_cost.backbone(each.architecture, each.width, each.image_px)
        yield Work(
            lane=_LANE, stage=f"classifier@{name}",
            training=n * each.epochs * (1 + rates.BACKWARD) * forward, forward=attacked * whole,
            images=work.decoded(n, each.image_px, each.epochs) + attacked,
            memory=work.held(n, each.image_px),
        )  # fmt: skip


def _model(
    path: Path, name: str, entry: Any, corpus: Any, counts: Counts, search: Any
) -> Iterator[Work]:
    if entry.source in ("trained", "untrained"):
        recipe: Any = params.section(path, f"recipes.{entry.recipe}", RecipeParams)
        full, lengths = network_cost.encoder(recipe, recipe.view_px)
        if entry.source == "trained":
            n = work.n_training(corpus, entry, recipe, counts)
            yield Work(
                lane=_LANE, stage=f"encoder@{name}",
                training=n * recipe.epochs * _views(recipe, full),
                images=work.decoded(n, recipe.image_px, recipe.epochs),
                memory=work.held(n, recipe.image_px),
            )  # fmt: skip
    elif entry.source in rates.RELEASED:
        architecture, px, lengths = rates.RELEASED[entry.source]
        full, _ = network_cost.backbone(architecture, 64, px)
    else:
        yield Work(
            lane=_LANE, stage=f"embed, neighbors@{name}",
            unknown=f"source {entry.source}: its size is known once it is loaded",
        )  # fmt: skip
        return
    machine = params.section(path, "machine", MachineParams)
    dim = sum(lengths[layer] for layer in entry.layers)
    n_metrics = len(search.metrics)
    compared = work.Search(
        dim=dim * n_metrics, metrics=search.metrics * len(entry.layers), settings=search,
        machine=machine,
    )  # fmt: skip
    attacked = work.n_attacked(counts)
    others = counts[REFERENCE] if is_paired(entry) else 0.0  # attacked too, for the crossover
    n = counts[PUBLIC] + attacked + others
    yield Work(
        lane=_LANE, stage=f"embed@{name}", forward=n * full, images=n, disk=n * dim * rates.FLOAT
    )
    yield compared.work(_LANE, f"neighbors@{name}", attacked + others, counts)


def _views(recipe: Any, full: float) -> float:
    """Return the operations of one training step per image: all views, forward and backward."""
    both = 1 + rates.BACKWARD
    if recipe.method != "dino":
        return 2 * both * full
    local, _ = network_cost.encoder(recipe, recipe.local_view_px)
    head = 2.0 * recipe.projector_dim * recipe.n_prototypes
    student = 2 * (full + head) + recipe.n_local_views * (local + head)
    return both * student + 2 * (full + head)
