"""The work of every stage of a run, counted from its parameters alone."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.commands import cost_rates as rates
from dejavu.commands import network_cost
from dejavu.errors import ParamsError
from dejavu.params.caption import CaptionModels, CaptionRecipe, CaptionScoreParams
from dejavu.params.corpora import CorpusParams, SplitParams
from dejavu.params.encoders import Models, RecipeParams
from dejavu.params.machine import MachineParams
from dejavu.params.references import Annotators, Classifiers
from dejavu.params.search import NeighborsParams, RetrieveParams
from dejavu.roles import ATTACKED, PUBLIC, REFERENCE, ROLES

_REPORT = "grows with references and samples; 20 s of a core in the default run"

Counts = Mapping[str, float]  # samples per role


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one stage does, in units that `cost_rates` turns into time."""

    lane: str
    stage: str
    training: float = 0.0  # floating-point operations
    forward: float = 0.0
    search: float = 0.0
    images: float = 0.0  # decoded
    seconds: float = 0.0  # of one core, for the rest
    disk: float = 0.0  # bytes written
    memory: float = rates.PROGRAM  # bytes, at the peak
    unknown: str | None = None  # why it is not estimated

    @property
    def core_hours(self) -> float:
        """Hours of one core where everything runs on processors."""
        operations = (
            self.training / rates.TRAINING_GFLOPS
            + self.forward / rates.FORWARD_GFLOPS
            + self.search / rates.SEARCH_GFLOPS
        )
        return operations / 1e9 / 3600 + self.core_hours_beside

    @property
    def core_hours_beside(self) -> float:
        """Hours of one core for what a GPU does not take over."""
        return (self.images * rates.DECODE_SECONDS + self.seconds + rates.STAGE_SECONDS) / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours of one GPU where it runs networks and searches."""
        networks = (self.training + self.forward) / rates.GPU_NETWORK_TFLOPS
        return (networks + self.search / rates.GPU_SEARCH_TFLOPS) / 1e12 / 3600


def _counts(path: Path, lane: str, given: Counts | None) -> tuple[Any, Counts | None]:
    """Return the corpus and its samples per role; None: the lane is not used."""
    corpus: Any = params.section(path, f"{lane}.corpus", CorpusParams).root
    if corpus.adapter == "none":
        return corpus, None
    if given is not None:
        return corpus, given
    if not hasattr(corpus, "n_images"):
        raise ParamsError(
            f"{lane}.corpus.adapter {corpus.adapter} does not say how many samples there are before it "
            f"is listed. State them: --{lane} target=…,reference=…,public=…,control=…"
        )
    shares = params.section(path, f"{lane}.split", SplitParams).shares
    return corpus, {role: corpus.n_images * float(getattr(shares, role)) for role in ROLES}


def _common(lane: str, corpus: Any, counts: Counts) -> Iterator[Work]:
    n = sum(counts.values())
    made = 12_000.0 * n if hasattr(corpus, "n_images") else 0.0  # generated images are kept
    yield Work(lane=lane, stage="corpus", images=n if made else 0.0, disk=rates.SAMPLE * n + made)
    yield Work(lane=lane, stage="split", seconds=n * 1e-5, memory=0.2e9 + rates.SPLIT * n)


def _n_training(corpus: Any, entry: Any, recipe: Any, counts: Counts) -> float:
    """Return the images of an epoch: planted samples are repeated, the last part of a batch is dropped."""
    planted = getattr(corpus, "planted_share", 0.0) * (recipe.planted_repeats - 1)
    n = counts[entry.trained_on] * (1 + planted)
    return n // recipe.batch_size * recipe.batch_size


def _held(n: float, px: int) -> float:
    size = n * 3 * px**2
    return rates.PROGRAM + (size if size <= rates.HELD_IMAGES else 0)


def _searching(n: float, dim: int, machine: Any) -> float:
    """Return the bytes of a search: what it is allowed, or four times its vectors where they are few."""
    return rates.SEARCHING + min(machine.memory_gb * 1e9, 4 * n * dim * rates.FLOAT)


def _decoded(n: float, px: int, epochs: int) -> float:
    """Return how many images a training decodes: each once where all fit into memory."""
    return n if n * 3 * px**2 <= rates.HELD_IMAGES else n * epochs


def _views(recipe: Any, full: float) -> float:
    """Return the operations of one training step per image: all views, forward and backward."""
    both = 1 + rates.BACKWARD
    if recipe.method != "dino":
        return 2 * both * full
    local, _ = network_cost.encoder(recipe, recipe.local_view_px)
    head = 2.0 * recipe.projector_dim * recipe.n_prototypes
    student = 2 * (full + head) + recipe.n_local_views * (local + head)
    return both * student + 2 * (full + head)


def image(path: Path, given: Counts | None) -> Iterator[Work]:
    """Yield the work of each stage of the image lane, none where it is not used.

    Args:
        path: params.yaml or a preset.
        given: samples per role; None: as the corpus states.

    Raises:
        ParamsError: a section does not fit, or the size is neither stated nor given.
    """
    corpus, counts = _counts(path, "image", given)
    if counts is None:
        return
    yield from _common("image", corpus, counts)
    models = params.section(path, "image.models", Models)
    machine = params.section(path, "machine", MachineParams)
    search = params.section(path, "image.neighbors", NeighborsParams)
    second_models = {model.second_model for model in models.values()}
    for name, entry in models.items():
        yield from _image_model(path, name, entry, corpus, counts, search, machine, second_models)
    attacked = sum(counts[role] for role in ATTACKED)
    kinds = len(search.metrics) * sum(len(model.layers) for model in models.values())
    yield Work(lane="image", stage="vote", seconds=attacked * kinds * search.k * rates.VOTE_SECONDS)
    for name, annotator in params.section(path, "image.annotators", Annotators).items():
        unknown = (
            None
            if annotator.root.source == "corpus"
            else f"{annotator.root.source}: rate not measured"
        )
        yield Work(lane="image", stage=f"tag_crops@{name}", unknown=unknown)
    for name, each in params.section(path, "image.classifiers", Classifiers).items():
        forward, _ = network_cost.backbone(each.architecture, each.width, each.view_px)
        whole, _ = network_cost.backbone(each.architecture, each.width, each.image_px)
        n = counts[REFERENCE]
        yield Work(
            lane="image", stage=f"classifier@{name}",
            training=n * each.epochs * (1 + rates.BACKWARD) * forward, forward=attacked * whole,
            images=_decoded(n, each.image_px, each.epochs) + attacked, memory=_held(n, each.image_px),
        )  # fmt: skip
    yield Work(lane="image", stage="report", unknown=_REPORT)


def _image_model(
    path: Path, name: str, entry: Any, corpus: Any, counts: Counts, search: Any, machine: Any,
    second_models: set[str | None],
) -> Iterator[Work]:  # fmt: skip
    attacked = sum(counts[role] for role in ATTACKED)
    if entry.source in ("trained", "untrained"):
        recipe: Any = params.section(path, f"recipes.{entry.recipe}", RecipeParams)
        full, lengths = network_cost.encoder(recipe, recipe.view_px)
        if entry.source == "trained":
            n = _n_training(corpus, entry, recipe, counts)
            yield Work(
                lane="image", stage=f"encoder@{name}",
                training=n * recipe.epochs * _views(recipe, full),
                images=_decoded(n, recipe.image_px, recipe.epochs),
                memory=_held(n, recipe.image_px),
            )  # fmt: skip
    elif entry.source in rates.RELEASED:
        architecture, px, lengths = rates.RELEASED[entry.source]
        full, _ = network_cost.backbone(architecture, 64, px)
    else:
        yield Work(
            lane="image", stage=f"embed, neighbors@{name}",
            unknown=f"source {entry.source}: its size is known once it is loaded",
        )  # fmt: skip
        return
    pair = entry.second_model is not None or name in second_models
    n_embedded = counts[PUBLIC] + attacked + (counts[REFERENCE] if pair else 0)
    n_queries = attacked + (counts[REFERENCE] if pair else 0)
    dims = sum(lengths[layer] for layer in entry.layers)
    kinds = len(entry.layers) * len(search.metrics)
    yield Work(
        lane="image", stage=f"embed@{name}", forward=n_embedded * full, images=n_embedded,
        disk=n_embedded * dims * rates.FLOAT,
    )  # fmt: skip
    yield Work(
        lane="image", stage=f"neighbors@{name}",
        search=2 * n_queries * counts[PUBLIC] * dims * len(search.metrics),
        disk=n_queries * search.k * kinds * rates.NEIGHBOR,
        memory=_searching(counts[PUBLIC] + n_queries, dims, machine),
    )  # fmt: skip


def caption(path: Path, given: Counts | None) -> Iterator[Work]:
    """Yield the work of each stage of the caption lane, none where it is not used.

    Args:
        path: params.yaml or a preset.
        given: samples per role; None: as the corpus states.

    Raises:
        ParamsError: a section does not fit, or the size is neither stated nor given.
    """
    corpus, counts = _counts(path, "caption", given)
    if counts is None:
        return
    yield from _common("caption", corpus, counts)
    models = params.section(path, "caption.models", CaptionModels)
    machine = params.section(path, "machine", MachineParams)
    search = params.section(path, "caption.retrieve", RetrieveParams)
    source = params.read(path)["caption"]["objects"]["source"]
    unknown = None if source in ("corpus", "table") else f"{source}: rate not measured"
    n = sum(counts.values())
    yield Work(lane="caption", stage="annotate_objects", disk=n * 40, unknown=unknown)
    for name, entry in models.items():
        yield from _caption_model(path, name, entry, corpus, counts, search, machine)
    score = params.section(path, "caption.score", CaptionScoreParams)
    attacked = sum(counts[role] for role in ATTACKED)
    settings = len(score.k) * (len(score.top) + 1)
    tested = sum(len(each.modes) for each in models.values() if each.second_model)
    written = attacked * settings * max(1, tested) * len(score.references)
    yield Work(
        lane="caption", stage="score_objects", seconds=written * rates.SCORE_SECONDS, disk=written * 8,
        memory=0.3e9 + counts[PUBLIC] * rates.OBJECTS,
    )  # fmt: skip
    yield Work(lane="caption", stage="report", unknown=_REPORT)


def _caption_model(
    path: Path, name: str, entry: Any, corpus: Any, counts: Counts, search: Any, machine: Any
) -> Iterator[Work]:
    public, attacked = counts[PUBLIC], sum(counts[role] for role in ATTACKED)
    image = 0.0
    if entry.source == "trained":
        recipe: Any = params.section(path, f"recipes.{entry.recipe}", CaptionRecipe)
        image, text, dim = network_cost.clip(recipe.network)
        from dejavu.models.clip import network as networks

        px = networks.image_px(recipe.network)
        n = _n_training(corpus, entry, recipe, counts)
        yield Work(
            lane="caption", stage=f"clip@{name}",
            training=n * recipe.epochs * (1 + rates.BACKWARD) * (image + text),
            images=_decoded(n, px, recipe.epochs), memory=_held(n, px),
        )  # fmt: skip
    elif entry.source == "open_clip":
        image, text, dim = network_cost.clip(entry.architecture)
    elif getattr(entry, "weights", None) in rates.TEXT_MODELS:
        n_parameters, dim = rates.TEXT_MODELS[entry.weights]
        text = 2 * n_parameters * rates.TOKENS_PER_CAPTION
    else:
        yield Work(
            lane="caption", stage=f"embed_captions, retrieve@{name}",
            unknown=f"source {entry.source}: its size is known once it is loaded",
        )  # fmt: skip
        return
    images = public if "t2i" in entry.modes else 0.0
    texts = attacked + (public if "t2t" in entry.modes else 0.0)
    yield Work(
        lane="caption", stage=f"embed_captions@{name}", forward=images * image + texts * text,
        images=images, disk=(images + texts) * dim * rates.FLOAT,
    )  # fmt: skip
    yield Work(
        lane="caption", stage=f"retrieve@{name}",
        search=2 * attacked * public * dim * len(entry.modes),
        disk=attacked * search.k * len(entry.modes) * rates.NEIGHBOR,
        memory=_searching(public + attacked, dim, machine),
    )  # fmt: skip
