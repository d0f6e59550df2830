"""CLIP models that this pipeline trains on their role, and their folders."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch
from PIL import Image
from pydantic import TypeAdapter
from torch import Tensor

from dejavu.errors import ParamsError
from dejavu.models import devices
from dejavu.models import folder as folders
from dejavu.models.clip import captions as clip_captions
from dejavu.models.clip import network
from dejavu.models.clip.batches import TrainingSet, shards_of
from dejavu.models.clip.captions import Texts
from dejavu.models.clip.model import CaptionModel, of_network
from dejavu.models.clip.source import CaptionSettings, Source
from dejavu.models.clip.train import Course, Trained, train
from dejavu.models.pixels import MEMORY_BYTES, TrainingImages, resized
from dejavu.models.source import TrainingInputs
from dejavu.models.training import decoded, published, team
from dejavu.models.training.augment import MEAN, STD, normalized
from dejavu.params.caption import ClipRecipe, SmallClip, TrainedClipParams
from dejavu.params.machine import MachineParams
from dejavu.run import processes, shards
from dejavu.run.progress import say
from dejavu.tables import by_sample, parquet

LIBRARIES = ("open_clip_torch", "torch")


def make(settings: CaptionSettings, inputs: TrainingInputs, out: Path) -> None:
    """Train a CLIP network on its role and write its folder (see `dejavu.models.clip.make`).

    Where `machine.launch` starts several processes, they do the work and the first of them writes.

    Raises:
        ParamsError: the recipe is not one of CLIP.
        TrainingError: the network did not train.
    """
    name, entry, recipe = settings.model, settings.entry, settings.recipe
    assert isinstance(entry, TrainedClipParams)
    if not isinstance(recipe, ClipRecipe):
        raise ParamsError(f"caption.models.{name}: recipe {entry.recipe!r} is not one of CLIP.")
    machine = settings.machine
    device = devices.choose(machine.device)
    if processes.start(machine.launch, n_devices=devices.count(device)):
        return
    mine = team.join(machine)
    data = _training_set(settings, mine, inputs)
    stamps = {
        "samples": parquet.fingerprint(inputs.samples),
        "split": parquet.fingerprint(inputs.splits),
    }
    if data.further is not None:
        stamps["further_captions"] = data.further.digest
    decides = {
        "settings": entry.model_dump(),
        "recipe": recipe.model_dump(),
        "seed": settings.seed,
        **stamps,
    }
    work = shards.work_folder(f"clip@{name}", decides, module=__name__)
    course = Course(
        name=name, seed=settings.seed, team=mine, work=work,
        recomputes=machine.gradient_checkpointing,
    )  # fmt: skip
    trained = train(recipe, data, course)
    if trained is None:
        return
    say(f"clip {name}: {trained.sanity}")
    facts = _facts(settings, trained, n_samples=len(data), stamps=stamps)
    folders.write(out, trained.model, facts, libraries=LIBRARIES)
    shutil.rmtree(work)


def _facts(
    settings: CaptionSettings, trained: Trained, *, n_samples: int, stamps: Mapping[str, str]
) -> dict[str, Any]:
    """Return what provenance says of a trained network."""
    entry, recipe = settings.entry, settings.recipe
    assert isinstance(recipe, ClipRecipe)
    return {
        "model": settings.model,
        "is_empty": False,
        **entry.model_dump(mode="json"),
        "network": recipe.model_dump(mode="json")["network"],
        "epochs": recipe.epochs,
        "n_training_samples": n_samples,
        "dim": trained.dim,
        "preprocessing": {
            "resize": "squash", "image_px": network.image_px(recipe.network), "mean": MEAN, "std": STD,
        },
        "retrieval_of_training_images": trained.sanity,
        "losses": [round(loss, 6) for loss in trained.losses],
        "inputs": dict(stamps),
    }  # fmt: skip


def _training_set(
    settings: CaptionSettings, mine: team.Team, inputs: TrainingInputs
) -> TrainingSet:
    machine, entry, recipe = settings.machine, settings.entry, settings.recipe
    assert isinstance(entry, TrainedClipParams)
    assert isinstance(recipe, ClipRecipe)
    ids = by_sample.ids_of_roles(inputs.splits, entry.trained_on)
    names = ["sample_name", "uri", "caption", "truth"]
    rows = by_sample.require(inputs.samples, ids, names)
    planted = pc.struct_field(rows["truth"], "is_planted").fill_null(False)
    own, uris, size_px = (
        Texts(rows["caption"]),
        Texts(rows["uri"]),
        network.image_px(recipe.network),
    )
    is_small = recipe.views == "small"
    source = decoded.Source(
        uris=uris, images=inputs.images, data_root=machine.data_root,
        transforms=published.of_clip(size_px),
    )  # fmt: skip
    return TrainingSet(
        images=TrainingImages(
            uris, images=inputs.images, data_root=machine.data_root, size_px=size_px,
            workers=machine.workers, memory_bytes=MEMORY_BYTES // mine.part.size if is_small else 0,
        ),
        views=None if is_small else decoded.PublishedViews(source, workers=machine.workers, team=mine),
        captions=own,
        is_planted=planted.to_numpy().astype(bool),
        shards=shards_of(rows["uri"]) if recipe.mixed_shards else None,
        further=None if entry.further_captions is None else clip_captions.read(
            machine.data_folder / entry.further_captions, rows, own, model=settings.model
        ),
    )  # fmt: skip


def opened(settings: TrainedClipParams, machine: MachineParams, folder: Path) -> CaptionModel:  # noqa: ARG001 - as sources are opened
    """Load the network that `make` put into `folder`."""
    device = devices.choose(machine.device)
    facts = folders.provenance(folder)
    sizes: str | SmallClip = TypeAdapter(str | SmallClip).validate_python(facts["network"])
    model = network.build(sizes)
    folders.load_weights(folder, model)
    side = network.image_px(sizes)

    def prepare(images: list[Image.Image]) -> Tensor:
        squares = np.stack([resized(image, side, "squash") for image in images])
        return normalized(torch.from_numpy(squares))

    return of_network(
        model.to(device), network.tokenizer(sizes), prepare, device=device,
        facts={"weights_sha256": facts["weights_sha256"]},
    )  # fmt: skip


SOURCE = Source(make=make, network=opened, libraries=LIBRARIES)
