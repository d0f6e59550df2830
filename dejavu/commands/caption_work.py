"""The work of the caption lane's stages, counted from the parameters alone."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.caption.comparisons import target_names, trained_pairs
from dejavu.commands import cost_rates as rates
from dejavu.commands import network_cost, work
from dejavu.commands.work import Counts, Work
from dejavu.params.caption import CaptionModels, CaptionRecipe, CaptionScoreParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.roles import PUBLIC, REFERENCE

_LANE = "caption"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """What a network costs."""

    image: float  # floating-point operations of one image; 0: it sees none
    text: float  # of one caption
    dim: int  # length of a vector


def stages(path: Path, given: Counts | None) -> Iterator[Work]:
    """Yield the work of each stage, none where the lane is not used; arguments and errors: `work.counts`."""
    corpus, counts = work.counts(path, _LANE, given)
    if counts is None:
        return
    yield from work.listed(_LANE, corpus, counts)
    source = params.read(path)["caption"]["objects"]["source"]
    unknown = None if source in ("corpus", "table") else f"{source}: rate not measured"
    n, attacked = sum(counts.values()), work.n_attacked(counts)
    seconds = n * rates.OBJECTS_SECONDS
    yield Work(lane=_LANE, stage="annotate_objects", disk=n * 40, seconds=seconds, unknown=unknown)
    models = params.section(path, "caption.models", CaptionModels)
    sizes = {name: _size(path, entry) for name, entry in models.items()}
    pairs = trained_pairs(models)
    for name, entry in models.items():
        yield from _model(path, name, entry, sizes[name], corpus, counts, is_paired=name in pairs)
    score = params.section(path, "caption.score", CaptionScoreParams)
    rows = len(score.k) * (len(score.top) + 1)
    tested = sum(len(each.modes) for each in models.values() if each.second_model)
    written = attacked * rows * max(1, tested) * len(score.references)
    yield Work(
        lane=_LANE, stage="score_objects", seconds=written * rates.SCORE_SECONDS, disk=written * 8,
        memory=rates.SCORING + n * rates.SCORED,
    )  # fmt: skip
    yield from _beside(models, sizes, attacked)
    yield Work(lane=_LANE, stage="report", unknown=work.REPORT)


def _beside(models: Any, sizes: Mapping[str, _Size | None], attacked: float) -> Iterator[Work]:
    """Yield what is measured of the targets, beside their hits; each sees the attacked pairs again."""
    targets = target_names(models)
    known = [each for name in targets if (each := sizes[name]) is not None]
    yield Work(
        lane=_LANE, stage="measure", forward=attacked * sum(each.image + each.text for each in known),
        images=attacked * len(known),
        unknown=None if len(known) == len(targets) else "the size of a target is known once it is loaded",
    )  # fmt: skip
    yield Work(
        lane=_LANE, stage="list_samples, crossover",
        seconds=attacked * len(targets) * rates.LIST_SECONDS,
    )  # fmt: skip


def _size(path: Path, entry: Any) -> _Size | None:
    """Return the size of an entry's network; None: it is known once it is loaded."""
    if entry.source in ("trained", "open_clip"):
        network = (
            entry.architecture if entry.source == "open_clip" else _recipe(path, entry).network
        )
        image, text, dim = network_cost.clip(network)
        return _Size(image=image, text=text, dim=dim)
    if getattr(entry, "weights", None) in rates.TEXT_MODELS:
        n_parameters, dim = rates.TEXT_MODELS[entry.weights]
        return _Size(image=0.0, text=2 * n_parameters * rates.TOKENS_PER_CAPTION, dim=dim)
    return None


def _recipe(path: Path, entry: Any) -> Any:
    return params.section(path, f"recipes.{entry.recipe}", CaptionRecipe)


def _model(
    path: Path, name: str, entry: Any, size: _Size | None, corpus: Any, counts: Counts, *, is_paired: bool
) -> Iterator[Work]:  # fmt: skip
    if size is None:
        yield Work(
            lane=_LANE, stage=f"embed_captions, retrieve@{name}",
            unknown=f"source {entry.source}: its size is known once it is loaded",
        )  # fmt: skip
        return
    if entry.source == "trained":
        from dejavu.models.clip import network as networks

        recipe = _recipe(path, entry)
        px = networks.image_px(recipe.network)
        n = work.n_training(corpus, entry, recipe, counts)
        yield Work(
            lane=_LANE, stage=f"clip@{name}",
            training=n * recipe.epochs * (1 + rates.BACKWARD) * (size.image + size.text),
            images=work.decoded(n, px, recipe.epochs), memory=work.held(n, px),
        )  # fmt: skip
    search = params.section(path, "caption.retrieve", RetrieveParams)
    compared = work.Search(
        dim=size.dim * len(entry.modes), metrics=("cosine",) * len(entry.modes), settings=search,
        machine=params.section(path, "machine", MachineParams),
    )  # fmt: skip
    attacked = work.n_attacked(counts)
    images = counts[PUBLIC] if "t2i" in entry.modes else 0.0
    others = counts[REFERENCE] if is_paired else 0.0  # attacked too, for the crossover
    texts = attacked + others + (counts[PUBLIC] if "t2t" in entry.modes else 0.0)
    yield Work(
        lane=_LANE, stage=f"embed_captions@{name}", forward=images * size.image + texts * size.text,
        images=images, disk=(images + texts) * size.dim * rates.FLOAT,
    )  # fmt: skip
    yield compared.work(_LANE, f"retrieve@{name}", attacked + others, counts)
