"""Train the network that params.yaml describes, on the images of its role, into a folder."""

import dataclasses
import shutil
from pathlib import Path

import pyarrow.compute as pc
import torch
from jaxtyping import Int
from torch import Tensor

from dejavu.errors import DataError, ParamsError
from dejavu.models import devices
from dejavu.models.encoders import networks, preprocessing, source, trained_network
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.trained_network import EncoderNetwork
from dejavu.models.pixels import MEMORY_BYTES, TrainingImages
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.models.training import decoded, health, loop, methods, published, team, views
from dejavu.params.encoders import ReleasedRecipe, TrainedModel, TrainingRecipe
from dejavu.run import processes, seeds, shards
from dejavu.tables.parquet import fingerprint, inputs_of
from dejavu.tables.schemas import SAMPLES, SPLITS

CHECKED_IMAGES = 2_048  # whose vectors are looked at after the training


@dataclasses.dataclass(frozen=True, slots=True)
class Role:
    """The training images: uris in the order of sample ids, and how often each occurs."""

    uris: list[str]
    repeats: Int[Tensor, " n"]
    n_planted: int


def make(settings: EncoderSettings, inputs: TrainingInputs, out: Path) -> None:
    """Train a network and write its folder (see `dejavu.encoders.make`).

    A training that was killed goes on from its last checkpoint; it ends with the weights that an
    uninterrupted one would have had. Where `machine.launch` starts several processes, they do the work
    and the first of them writes the folder.

    Raises:
        ParamsError: the recipe is for released models, or a layer is not one of the network's.
        DataError: the role has too few images to train on.
        TrainingError: the network diverged, collapsed or learned nothing.
    """
    entry, recipe = settings.entry, settings.recipe
    assert isinstance(entry, TrainedModel)
    if isinstance(recipe, ReleasedRecipe):
        raise ParamsError(
            f"image.models.{settings.model}: source trained needs a recipe with a method; "
            f"recipes.{entry.recipe} is empty."
        )
    device = devices.choose(settings.machine.device)
    if processes.start(settings.machine.launch, n_devices=devices.count(device)):
        return
    role = read_role(inputs.samples, inputs.splits, entry.trained_on, recipe.planted_repeats)
    record = _record(settings, inputs)
    work = shards.work_folder(f"encoder/{settings.model}", record.as_dict(), module=__name__)
    trained = _train(settings, inputs, role, work)
    if trained is None:
        return
    network, curve = trained
    record = dataclasses.replace(
        record, layers=network.layers, n_images=len(role.uris), n_planted=role.n_planted
    )
    source.write(
        settings, out, network=network, record=record, libraries=trained_network.LIBRARIES,
        files={"loss.csv": _csv(curve)},
    )  # fmt: skip
    shutil.rmtree(work)


def _train(
    settings: EncoderSettings, inputs: TrainingInputs, role: Role, work: Path
) -> tuple[EncoderNetwork, list[loop.Epoch]] | None:
    """Return the trained network, its vectors looked at, and how the loss fell.

    None: another process of the team returns them.
    """
    entry, recipe = settings.entry, settings.recipe
    assert isinstance(entry, TrainedModel)
    assert not isinstance(recipe, ReleasedRecipe)

    def seed_of(purpose: str) -> int:
        name = f"train.{settings.model}.{entry.trained_on}.{purpose}"
        return seeds.number(settings.seed, name)

    with devices.all_cores():
        mine = team.join(settings.machine)
        images = _images(settings, inputs, role, mine)
        method = networks.seeded(seed_of("init"), lambda: methods.build(recipe))
        assert isinstance(method, methods.Method)
        course = loop.Course(
            model=settings.model, recipe=recipe, repeats=role.repeats, seed_of=seed_of, team=mine,
            work=work,
        )  # fmt: skip
        drawn: views.Views = views.SmallViews(images, method.views(), mine)
        if recipe.views == "published":
            drawn = _published(settings, inputs, role, mine)
        curve = loop.train(method, drawn, course)
        if not mine.is_first:
            return None
        network = method.kept().eval()
        _check(settings.model, network, images, recipe, mine.device)
    return network, curve


def _images(
    settings: EncoderSettings, inputs: TrainingInputs, role: Role, mine: team.Team
) -> TrainingImages:
    """Return squares of the images; the processes share the memory that may hold them."""
    recipe = settings.recipe
    assert not isinstance(recipe, ReleasedRecipe)
    return TrainingImages(
        role.uris, images=inputs.images, data_root=settings.machine.data_root,
        size_px=recipe.image_px, workers=settings.machine.workers,
        memory_bytes=MEMORY_BYTES // mine.part.size if recipe.views == "small" else 0,
    )  # fmt: skip


def _published(
    settings: EncoderSettings, inputs: TrainingInputs, role: Role, mine: team.Team
) -> decoded.PublishedViews:
    recipe = settings.recipe
    assert not isinstance(recipe, ReleasedRecipe)
    source = decoded.Source(
        uris=role.uris, images=inputs.images, data_root=settings.machine.data_root,
        transforms=published.of_recipe(recipe),
    )  # fmt: skip
    return decoded.PublishedViews(source, workers=settings.machine.workers, team=mine)


def read_role(samples: Path, splits: Path, role: str, planted_repeats: int) -> Role:
    """Return the images of `role`; planted ones occur `planted_repeats` times in an epoch.

    Raises:
        DataError: there are fewer than two.
    """
    ids = SPLITS.read(splits, columns=["sample_id", "role"])
    ids = ids.filter(pc.equal(ids["role"], role)).select(["sample_id"])
    rows = SAMPLES.read(samples, columns=["sample_id", "uri", "truth"])
    planted = pc.fill_null(pc.struct_field(rows["truth"], "is_planted"), False)  # unknown: no
    rows = rows.drop_columns("truth").append_column("is_planted", planted)
    rows = ids.join(rows, "sample_id", join_type="inner").sort_by("sample_id")
    if len(rows) < 2:
        raise DataError(
            f"{splits}: role {role!r} has {len(rows)} images, at least 2 are needed to train on. "
            "Raise its share in image.split.shares."
        )
    is_planted = torch.from_numpy(rows["is_planted"].to_numpy())
    return Role(
        rows["uri"].to_pylist(),
        torch.where(is_planted, planted_repeats, 1),
        int(is_planted.sum()),
    )


def _record(settings: EncoderSettings, inputs: TrainingInputs) -> Provenance:
    """Return everything that decides the weights."""
    recipe = settings.recipe
    assert not isinstance(recipe, ReleasedRecipe)
    return settings.described(
        seed=settings.seed,
        preprocessing=preprocessing.of_recipe(recipe),
        inputs={
            **inputs_of(inputs.splits),
            "split": fingerprint(inputs.splits),
            "images": fingerprint(inputs.images),
        },
    )


def _check(
    model: str,
    network: EncoderNetwork,
    images: TrainingImages,
    recipe: TrainingRecipe,
    device: torch.device,
) -> None:
    """Look at the vectors of training images, seen as the network will see them."""
    seen, view_px = preprocessing.of_recipe(recipe), recipe.view_px
    vectors: dict[str, list[Tensor]] = {layer: [] for layer in network.layers}
    some = torch.arange(min(len(images), CHECKED_IMAGES))
    with torch.inference_mode():
        for batch in images.batches(some, 256):
            small = torch.nn.functional.interpolate(
                seen.normalized(batch.to(device)), size=(view_px, view_px),
                mode="bilinear", antialias=True,
            )  # fmt: skip
            for layer, values in network(small).items():
                vectors[layer].append(values.float())
    for layer, parts in vectors.items():
        health.check_vectors(model, layer, torch.cat(parts))


def _csv(curve: list[loop.Epoch]) -> str:
    names = [field.name for field in dataclasses.fields(loop.Epoch)]
    lines = [",".join(str(value) for value in dataclasses.astuple(record)) for record in curve]
    return "\n".join([",".join(names), *lines]) + "\n"
