"""Open every network, text model and annotator that params.yaml names, through the stages' own loaders."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.check import sections
from dejavu.check.findings import Absent, Finding, Untried, fetch_hint, tried
from dejavu.errors import ParamsError, WeightsError
from dejavu.models import hub
from dejavu.params.machine import MachineParams
from dejavu.run import outside

Dims = dict[str, dict[str, int]]  # model: layer: length of its vectors
_NOWHERE = Path("/nonexistent")  # tables that released networks do not read


def look_at_images(
    values: Mapping[str, Any], machine: MachineParams, *, knows_truth: bool, dims: Dims
) -> Iterator[Finding]:
    """Check networks, annotators and classifiers of the image lane; `dims` is filled."""
    for name, settings in values.get("image.models", {}).items():
        recipe = sections.recipe(values, "image", settings)
        if recipe is None:
            continue

        def opened(name: str = name, settings: Any = settings, recipe: Any = recipe) -> str:
            if settings.source in ("trained", "untrained"):
                dims[name] = _trained(settings, recipe)
            else:
                dims[name] = _released(name, settings, recipe, machine)
            return ", ".join(f"{layer} {dim}" for layer, dim in dims[name].items())

        yield tried("image", f"models.{name} ({settings.source})", opened)
    for name, annotator in values.get("image.annotators", {}).items():

        def tags(settings: Any = annotator.root) -> str:
            return _annotator(settings, machine, knows_truth=knows_truth)

        yield tried("image", f"annotators.{name} ({annotator.root.source})", tags)
    for name, settings in values.items():
        if name.startswith("image.classifiers."):

            def built(settings: Any = settings) -> str:
                return _classifier(settings)

            yield tried("image", name.partition(".")[2], built)
    yield from _look_at_search("image.neighbors", values, dims)


def look_at_captions(
    values: Mapping[str, Any], machine: MachineParams, dims: Dims
) -> Iterator[Finding]:
    """Check the models and the source of objects of the caption lane; `dims` is filled."""
    for name, settings in values.get("caption.models", {}).items():

        def opened(name: str = name, settings: Any = settings) -> str:
            recipe = sections.recipe(values, "caption", settings)
            dims[name] = {"caption": _caption_model(settings, recipe, machine)}
            return f"vectors of length {dims[name]['caption']}"

        yield tried("caption", f"models.{name} ({settings.source})", opened)
    if (objects := values.get("caption.objects")) is not None:
        yield tried("caption", f"objects ({objects.source})", lambda: _objects(objects, machine))
    yield from _look_at_search("caption.retrieve", values, dims)


def _look_at_search(section: str, values: Mapping[str, Any], dims: Dims) -> Iterator[Finding]:
    """Check the index of a lane's search on the longest vectors of its models."""
    if section in values and dims:
        widest = max(dim for layers in dims.values() for dim in layers.values())
        lane, _, name = section.partition(".")
        yield tried(lane, f"{name}.index", lambda: _index(values[section].index, widest))


def _trained(settings: Any, recipe: Any) -> dict[str, int]:
    """Build the untrained network and show it one black view."""
    import torch

    from dejavu.models.encoders import networks

    if not hasattr(recipe, "architecture"):
        raise ParamsError(
            f"recipe {settings.recipe!r} is for models trained elsewhere; source trained needs one "
            "with a method."
        )
    network = networks.build(recipe.architecture, width=recipe.width).eval()
    with torch.inference_mode():
        vectors = network(torch.zeros(1, 3, recipe.view_px, recipe.view_px))
    dims = {"projector": recipe.projector_dim, "backbone": int(vectors.shape[1])}
    if unknown := [layer for layer in settings.layers if layer not in dims]:
        raise ParamsError(f"layers: no layer {unknown[0]!r} in this network, only {list(dims)}.")
    return {layer: dims[layer] for layer in settings.layers}


def _released(name: str, settings: Any, recipe: Any, machine: MachineParams) -> dict[str, int]:
    """Let stage ``encoder`` verify the file, into a folder that is thrown away."""
    from dejavu.models import encoders, folder
    from dejavu.models.encoders.settings import EncoderSettings
    from dejavu.models.source import TrainingInputs

    place = settings.path if settings.source == "embeddings" else settings.weights
    if hub.is_named(place):
        _require_copy(place, machine)
    elif place not in (None, "packaged"):
        _require(outside.located(machine.data_folder, place))
    with tempfile.TemporaryDirectory() as scratch:
        encoders.make_used(
            settings=EncoderSettings(
                model=name, entry=settings, recipe=recipe, seed=0, machine=machine
            ),
            inputs=TrainingInputs(samples=_NOWHERE, images=_NOWHERE, splits=_NOWHERE),
            out=Path(scratch) / name,
        )
        there: dict[str, int] = folder.read_facts(Path(scratch) / name)["layers"]
    return {layer: there[layer] for layer in settings.layers}


def _classifier(settings: Any) -> str:
    from dejavu.models.encoders import networks

    return f"{settings.architecture}, {networks.build(settings.architecture, width=settings.width).dim}"


def _index(index: str, dim: int) -> str:
    import faiss

    factory, _, settings = (part.strip() for part in index.partition(";"))
    try:
        built = faiss.index_factory(dim, factory)
    except RuntimeError:
        raise ParamsError(f"FAISS cannot build {factory!r} for vectors of length {dim}.") from None
    try:
        if settings:
            space: Any = faiss.ParameterSpace()
            space.set_index_parameters(built, settings)
    except RuntimeError:
        raise ParamsError(
            f"FAISS cannot set {settings!r} on {factory!r}; after the semicolon stands e.g. nprobe=16."
        ) from None
    return "exact" if factory == "Flat" else f"{factory}: approximate"


def _annotator(settings: Any, machine: MachineParams, *, knows_truth: bool) -> str:
    if settings.source == "corpus" and not knows_truth:
        raise ParamsError(
            "this corpus does not know what its backgrounds show; take another source."
        )
    if settings.source in ("corpus", "visual_words"):
        return ""
    if settings.source == "table":
        _require(outside.located(machine.data_folder, settings.path))
        return "it is there, and compared with the crops that are cut here"
    return _looker(settings, machine)


def _looker(settings: Any, machine: MachineParams) -> str:
    """Load a network that names what it sees, unless a part of it is not here."""
    from dejavu.annotators import detectors, names
    from dejavu.params import external_files

    for named in external_files.paths_of(settings):
        path = outside.located(machine.data_folder, named.path)
        if named.path in ("packaged", *names.LIBRARIES) or path.exists():
            continue
        if getattr(settings, "backend", None) == "transformers" and not path.suffix:
            raise Untried(
                f"{path}: no such folder; as a hub name, {named.path!r} is only tried by the run"
            )
        _require(path)
    return f"{len(detectors.load(settings, machine).vocabulary)} names"


def _caption_model(settings: Any, recipe: Any, machine: MachineParams) -> int:
    if settings.source == "trained":
        if not hasattr(recipe, "network"):
            raise ParamsError(f"recipe {settings.recipe!r} is not one of CLIP (method: clip).")
        network = recipe.network
        return int(_embedding_dim(network) if isinstance(network, str) else network.embedding_dim)
    from dejavu.models.clip import embeddings, load

    if settings.source == "embeddings":
        _require(outside.located(machine.data_folder, settings.path))
        return int(
            embeddings.describe(settings, outside.located(machine.data_folder, settings.path))[
                "dim"
            ]
        )
    path = outside.located(machine.data_folder, settings.weights)
    if hub.is_named(settings.weights):
        _require_copy(settings.weights, machine)
    elif not settings.weights.startswith("packaged:") and not path.exists():
        if settings.source == "open_clip":
            _require_tag(settings, path)
        raise Absent(
            f"{path}: no such folder; as a hub name, {settings.weights!r} is only tried by the run."
            f"{fetch_hint(settings.weights)}"
        )
    model = load.opened(settings, machine)
    return int(model.embed_texts(["a photograph"]).shape[1])


def _embedding_dim(name: str) -> int:
    import open_clip

    config = open_clip.get_model_config(name)
    if config is None:
        raise ParamsError(f"network: OpenCLIP has no model {name!r}.")
    return int(config["embed_dim"])


def _require_tag(settings: Any, path: Path) -> None:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(settings.architecture)
    if settings.weights not in tags:
        raise Absent(
            f"{path}: no such file or folder, and OpenCLIP has no tag {settings.weights!r} for "
            f"{settings.architecture!r}, only {', '.join(tags) or 'none'}."
        )
    raise Untried(f"tag {settings.weights!r} is known; OpenCLIP downloads it when the stage runs")


def _objects(settings: Any, machine: MachineParams) -> str:
    if settings.source == "corpus":
        return "as the corpus states them"
    import duckdb

    from dejavu.annotators import objects_table

    if settings.source != "table":
        return _looker(settings, machine)
    _require(outside.located(machine.data_folder, settings.path))
    with duckdb.connect() as database:
        database.execute("CREATE TABLE samples (sample_id BIGINT, sample_name VARCHAR)")
        n_rows, n_samples = objects_table.register(database, settings, machine.data_folder)
    return f"{n_rows} detections of {n_samples} samples"


def _require_copy(weights: str, machine: MachineParams) -> None:
    """Leave what would have to be fetched to the run: a rehearsal connects to no hub."""
    try:
        hub.located(weights, machine.data_folder, may_fetch=False)
    except WeightsError:
        raise Untried(f"{weights}: no copy is here; the run fetches it from the hub") from None


def _require(path: Path) -> None:
    if not path.exists():
        raise Absent(f"{path}: not there.{fetch_hint(path.name)}")
