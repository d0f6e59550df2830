"""Make a model of the caption lane: train it on its role, or verify that the released one loads."""

import shutil
from pathlib import Path

import pyarrow.compute as pc

from dejavu.errors import ParamsError
from dejavu.models import devices, folder
from dejavu.models.clip import imported, load, network
from dejavu.models.clip.train import TrainingSet, train
from dejavu.models.pixels import TrainingImages
from dejavu.models.training.augment import MEAN, STD
from dejavu.params.caption import (
    CaptionEmbeddingsParams,
    CaptionModelParams,
    ClipRecipe,
    NoRecipe,
    TrainedClipParams,
)
from dejavu.params.machine import MachineParams
from dejavu.run import shards
from dejavu.run.progress import say
from dejavu.tables import by_sample, parquet

LIBRARIES = {  # distributions that a network of a source is built with
    "trained": ("open_clip_torch", "torch"),
    "open_clip": ("open_clip_torch", "timm", "torch"),
    "sentence_transformers": ("sentence-transformers", "torch", "transformers"),
}


def make(
    name: str,
    settings: CaptionModelParams,
    recipe: ClipRecipe | NoRecipe,
    *,
    seed: int,
    samples: Path,
    images: Path,
    splits: Path,
    machine: MachineParams,
    out: Path,
) -> None:
    """Write a model's folder: ``provenance.json`` and, if it is trained here, ``weights.safetensors``.

    On an empty lane nothing is trained or verified, and the provenance says so.

    Args:
        name: of the model, in ``caption.models``.
        settings: its entry.
        recipe: its recipe; empty for a released model.
        seed: the run's seed.
        samples: the samples table.
        images: the images folder.
        splits: the splits table.
        machine: where to train.
        out: the folder to make.

    Raises:
        TrainingError: the network did not train.
        WeightsError: the released weights are not what the entry says.
        DataError: vectors that were made elsewhere are missing, or of different lengths.
    """
    if parquet.is_empty(samples):
        folder.write_facts(out, {"model": name, "source": settings.source, "is_empty": True})
        return
    if isinstance(settings, CaptionEmbeddingsParams):
        facts = imported.describe(settings, machine.data_folder / settings.path)
        folder.write_facts(
            out, {"model": name, "is_empty": False, **settings.model_dump(), **facts}
        )
        return
    if not isinstance(settings, TrainedClipParams):
        versions = folder.versions(LIBRARIES[settings.source])
        facts = {**load.released(settings, machine).facts, "versions": versions}
        folder.write_facts(
            out, {"model": name, "is_empty": False, **settings.model_dump(), **facts}
        )
        return
    if not isinstance(recipe, ClipRecipe):
        raise ParamsError(f"caption.models.{name}: recipe {settings.recipe!r} is not one of CLIP.")
    data = _training_set(settings, recipe, samples, images, splits, machine)
    inputs = {
        "samples": parquet.fingerprint(samples), "split": parquet.fingerprint(splits),
    }  # fmt: skip
    decides = {
        "settings": settings.model_dump(),
        "recipe": recipe.model_dump(),
        "seed": seed,
        **inputs,
    }
    work = shards.work_folder(f"clip@{name}", decides, module=__name__)
    device = devices.choose(machine.device)
    trained = train(recipe, data, name=name, seed=seed, device=device, work=work)
    say(f"clip {name}: {trained.sanity}")
    facts = {
        "model": name,
        "is_empty": False,
        **settings.model_dump(mode="json"),
        "network": recipe.model_dump(mode="json")["network"],
        "epochs": recipe.epochs,
        "n_training_samples": len(data),
        "dim": trained.dim,
        "preprocessing": {
            "resize": "squash", "image_px": network.image_px(recipe.network), "mean": MEAN, "std": STD,
        },
        "retrieval_of_training_images": trained.sanity,
        "losses": [round(loss, 6) for loss in trained.losses],
        "inputs": inputs,
    }  # fmt: skip
    folder.write(out, trained.model, facts, libraries=LIBRARIES[settings.source])
    shutil.rmtree(work)


def _training_set(
    settings: TrainedClipParams,
    recipe: ClipRecipe,
    samples: Path,
    images: Path,
    splits: Path,
    machine: MachineParams,
) -> TrainingSet:
    ids = by_sample.ids_of_roles(splits, settings.trained_on)
    rows = by_sample.require(samples, ids, ["uri", "caption", "truth"])
    planted = pc.struct_field(rows["truth"], "is_planted").fill_null(False)
    return TrainingSet(
        images=TrainingImages(
            rows["uri"].to_pylist(), images=images, data_root=machine.data_root,
            size_px=network.image_px(recipe.network), workers=machine.workers,
        ),
        captions=rows["caption"].to_pylist(),
        is_planted=planted.to_numpy().astype(bool),
    )  # fmt: skip
