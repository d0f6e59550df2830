"""The classifier reference: a network that guesses the hidden label from the crop (paper, section 3.2).

It is trained on kept crops of the reference role, of which a share is held out to say how good it is; nothing
is chosen on attacked crops. Confidence is minus the entropy of its softmax.
"""

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float64, Int, Int32

from dejavu.errors import TrainingError
from dejavu.image.kept_crops import (
    kept_crops,
    origin,
    read_labels,
)
from dejavu.image.predictions import columns_of, most_probable, predictions_table
from dejavu.image.references.classifier_training import Classifier, Course, label_entropy, train
from dejavu.image.references.crop_dataset import CropSquares
from dejavu.models import devices
from dejavu.models.encoders import networks
from dejavu.models.training.augment import normalized
from dejavu.params.machine import MachineParams
from dejavu.params.references import ClassifierParams
from dejavu.roles import ATTACKED, REFERENCE
from dejavu.run import seeds, shards
from dejavu.run.progress import say
from dejavu.tables.parquet import is_empty
from dejavu.tables.schemas import PREDICTIONS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierSettings:
    """Which classifier to train, and how."""

    name: str  # of the entry in ``image.classifiers``; also the predictor
    entry: ClassifierParams
    seed: int
    machine: MachineParams

    def seed_of(self, purpose: str) -> int:
        """Return the integer seed of a purpose of this classifier."""
        return seeds.number(self.seed, f"classifier.{self.name}.{purpose}")

    def squares(self, crops: pa.Table, images: Path) -> CropSquares:
        """Return the pixels of some crops."""
        return CropSquares(
            crops,
            images=images,
            data_root=self.machine.data_root,
            size_px=self.entry.image_px,
            resize=self.entry.resize,
            workers=self.machine.workers,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierInputs:
    """What it is trained on, and what it guesses."""

    samples: Path
    labels: Path
    crops: Path
    images: Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierFiles:
    """What is written."""

    predictions: Path  # table ``predictions``
    history: Path  # JSON: losses, how many crops, held-out accuracy beside that of the most frequent label


def write_predictions(
    *, settings: ClassifierSettings, inputs: ClassifierInputs, out: ClassifierFiles
) -> None:
    """Train the classifier and let it guess for every attacked crop.

    Raises:
        TrainingError: there is nothing to learn from, or the network learned nothing.
    """
    stamp = origin(inputs.samples, inputs.crops)
    if is_empty(inputs.samples):
        PREDICTIONS.write(PREDICTIONS.schema.empty_table(), out.predictions, inputs=stamp)
        _write_json({"is_empty": True}, out.history)
        return
    label_ids = read_labels(inputs.labels)["label_id"].to_numpy()
    crops = kept_crops(inputs.samples, inputs.crops, roles=[REFERENCE], columns=["uri"])
    is_held_out = held_out(crops["sample_id"].to_numpy(), settings)
    learned_from = crops.filter(pa.array(~is_held_out))
    spared = crops.filter(pa.array(is_held_out))
    _require_crops(settings.name, learned_from, spared)
    facts = {"settings": settings.entry.model_dump(), "seed": settings.seed, **stamp}
    work = shards.work_folder(f"classifier/{settings.name}", facts, module=__name__)
    images = inputs.images
    with devices.all_cores():
        network, losses = _train(settings, learned_from, images, label_ids, work)
        report = _report(settings, network, learned_from, spared, label_ids, images)
        attacked = kept_crops(inputs.samples, inputs.crops, roles=ATTACKED, columns=["uri"])
        tables = [
            predictions_table(
                settings.name,
                sample_id=block["sample_id"].to_numpy(),
                role=block["role"],
                label_id=block["label_id"].to_numpy(),
                probabilities=probabilities,
                label_ids=label_ids,
            )
            for block, probabilities in _guess(settings, network, attacked, images)
        ]
    rows = pa.concat_tables(tables) if tables else PREDICTIONS.schema.empty_table()
    PREDICTIONS.write(rows, out.predictions, inputs=stamp)
    _write_json({**report, "losses": losses}, out.history)
    shutil.rmtree(work)


def _write_json(facts: Mapping[str, object], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def held_out(
    sample_id: Int[np.ndarray, " n"], settings: ClassifierSettings
) -> Bool[np.ndarray, " n"]:
    """Mark the crops to spare: each with probability ``held_out_share``, whatever the others are."""
    names = [str(number) for number in sample_id.tolist()]
    draws = seeds.uniforms(settings.seed, f"classifier.{settings.name}.held_out", names)
    return draws < settings.entry.held_out_share


def _train(
    settings: ClassifierSettings,
    crops: pa.Table,
    images: Path,
    label_ids: Int32[np.ndarray, " labels"],
    work: Path,
) -> tuple[Classifier, list[float]]:
    entry = settings.entry
    network = networks.seeded(
        settings.seed_of("init"),
        lambda: Classifier(entry.architecture, entry.width, len(label_ids)),
    )
    assert isinstance(network, Classifier)
    column = columns_of(crops["label_id"].to_numpy(), label_ids, what=settings.name)
    course = Course(
        name=settings.name,
        settings=entry,
        seed_of=settings.seed_of,
        device=devices.choose(settings.machine.device),
        work=work,
    )
    losses = train(network, settings.squares(crops, images), torch.from_numpy(column), course)
    return network.eval(), losses


def _guess(
    settings: ClassifierSettings, network: Classifier, crops: pa.Table, images: Path
) -> Iterator[tuple[pa.Table, Float64[np.ndarray, "n labels"]]]:
    """Yield blocks of crops with their softmax, from the whole square, without augmentation."""
    device = next(network.parameters()).device
    batch = settings.machine.batch_images
    batches = settings.squares(crops, images).batches(torch.arange(crops.num_rows), batch)
    for number, pixels in enumerate(batches):
        with torch.inference_mode():
            views = normalized(pixels.to(device)).contiguous(memory_format=torch.channels_last)
            probabilities = network(views).double().softmax(dim=1).cpu().numpy()
        yield crops.slice(number * batch, batch), probabilities


def _report(
    settings: ClassifierSettings,
    network: Classifier,
    learned_from: pa.Table,
    spared: pa.Table,
    label_ids: Int32[np.ndarray, " labels"],
    images: Path,
) -> dict[str, str | int | float]:
    """Say how the classifier does on crops it has not seen."""
    guesses = np.concatenate(
        [
            most_probable(shares, label_ids)
            for _, shares in _guess(settings, network, spared, images)
        ]
    )
    truth = spared["label_id"].to_numpy()
    learned = learned_from["label_id"].to_numpy()
    accuracy = float((guesses == truth).mean())
    majority = float((truth == np.bincount(learned).argmax()).mean())
    if accuracy <= majority:
        say(
            f"{settings.name}: held-out accuracy {accuracy:.3f} (n = {len(truth)}) does not exceed that "
            f"of the most frequent label, {majority:.3f}: the crops tell it little about the label"
        )
    return {
        "classifier": settings.name,
        "n_trained": learned_from.num_rows,
        "n_held_out": spared.num_rows,
        "label_entropy": label_entropy(learned),
        "held_out_accuracy": accuracy,
        "held_out_majority_accuracy": majority,
    }


def _require_crops(name: str, learned_from: pa.Table, spared: pa.Table) -> None:
    n_labels = len(np.unique(learned_from["label_id"].to_numpy()))
    if n_labels < 2 or spared.num_rows == 0:
        raise TrainingError(
            f"{name}: role {REFERENCE!r} has {learned_from.num_rows} kept crops of {n_labels} labels "
            f"to train on and {spared.num_rows} to hold out, expected at least 2 labels and 1 crop. "
            "Give the role a larger share in image.split.shares, or lower image.crop.min_side_px "
            "(min_crop_px in Python)."
        )
