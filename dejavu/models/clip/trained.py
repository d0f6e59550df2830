"""CLIP models that this pipeline trains on their role, and their folders."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import torch
from PIL import Image
from pydantic import TypeAdapter
from torch import Tensor

from dejavu.errors import ParamsError
from dejavu.models import devices
from dejavu.models import folder as folders
from dejavu.models.clip import network
from dejavu.models.clip.model import CaptionModel, of_network
from dejavu.models.clip.source import CaptionSettings, Source
from dejavu.models.clip.train import TrainingSet, train
from dejavu.models.pixels import TrainingImages, resized
from dejavu.models.source import TrainingInputs
from dejavu.models.training.augment import MEAN, STD, normalized
from dejavu.params.caption import ClipRecipe, SmallClip, TrainedClipParams
from dejavu.params.machine import MachineParams
from dejavu.run import shards
from dejavu.run.progress import say
from dejavu.tables import by_sample, parquet

LIBRARIES = ("open_clip_torch", "torch")


def make(settings: CaptionSettings, inputs: TrainingInputs, out: Path) -> None:
    """Train a CLIP network on its role and write its folder (see `dejavu.models.clip.make`).

    Raises:
        ParamsError: the recipe is not one of CLIP.
        TrainingError: the network did not train.
    """
    name, entry, recipe = settings.model, settings.entry, settings.recipe
    assert isinstance(entry, TrainedClipParams)
    if not isinstance(recipe, ClipRecipe):
        raise ParamsError(f"caption.models.{name}: recipe {entry.recipe!r} is not one of CLIP.")
    data = _training_set(settings.machine, inputs, entry.trained_on, recipe)
    stamps = {
        "samples": parquet.fingerprint(inputs.samples),
        "split": parquet.fingerprint(inputs.splits),
    }
    decides = {
        "settings": entry.model_dump(),
        "recipe": recipe.model_dump(),
        "seed": settings.seed,
        **stamps,
    }
    work = shards.work_folder(f"clip@{name}", decides, module=__name__)
    device = devices.choose(settings.machine.device)
    trained = train(recipe, data, name=name, seed=settings.seed, device=device, work=work)
    say(f"clip {name}: {trained.sanity}")
    facts = {
        "model": name,
        "is_empty": False,
        **entry.model_dump(mode="json"),
        "network": recipe.model_dump(mode="json")["network"],
        "epochs": recipe.epochs,
        "n_training_samples": len(data),
        "dim": trained.dim,
        "preprocessing": {
            "resize": "squash", "image_px": network.image_px(recipe.network), "mean": MEAN, "std": STD,
        },
        "retrieval_of_training_images": trained.sanity,
        "losses": [round(loss, 6) for loss in trained.losses],
        "inputs": stamps,
    }  # fmt: skip
    folders.write(out, trained.model, facts, libraries=LIBRARIES)
    shutil.rmtree(work)


def _training_set(
    machine: MachineParams, inputs: TrainingInputs, role: str, recipe: ClipRecipe
) -> TrainingSet:
    ids = by_sample.ids_of_roles(inputs.splits, role)
    rows = by_sample.require(inputs.samples, ids, ["uri", "caption", "truth"])
    planted = pc.struct_field(rows["truth"], "is_planted").fill_null(False)
    return TrainingSet(
        images=TrainingImages(
            rows["uri"].to_pylist(), images=inputs.images, data_root=machine.data_root,
            size_px=network.image_px(recipe.network), workers=machine.workers,
        ),
        captions=rows["caption"].to_pylist(),
        is_planted=planted.to_numpy().astype(bool),
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
