"""Tags from a classifier of timm: its most probable classes, by name."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import timm
import torch
from jaxtyping import Float64
from PIL import Image
from torch import Tensor, nn

from dejavu.annotators import names
from dejavu.annotators.detections import Found, ranked
from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models import devices
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.timm import PACKAGED, by_order, packaged_file, preprocessing_of
from dejavu.models.pixels import resized
from dejavu.params.annotators import TaggerParams
from dejavu.params.machine import MachineParams
from dejavu.run import outside

_CPU_BATCH = (
    8  # images; more at once cost memory and time on a CPU, see dejavu.models.encoders.encoder
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tagger:
    """A classifier in evaluation mode, with its preprocessing and the names of its classes."""

    network: nn.Module
    preprocessing: Preprocessing
    settings: TaggerParams
    vocabulary: Sequence[str]
    provenance: Mapping[str, str]
    device: str
    batch_images: int

    def look(self, images: Iterable[Image.Image]) -> Iterator[Found]:
        """Yield the classes of each image that score at least ``min_score``, without boxes."""
        images = iter(images)
        while batch := list(itertools.islice(images, self.batch_images)):
            for scores in self.scores(batch):
                name_ids = np.flatnonzero(scores >= self.settings.min_score)
                yield ranked(
                    name_ids=name_ids,
                    scores=scores[name_ids],
                    max_names=self.settings.max_tags,
                )[0]

    @torch.inference_mode()
    def scores(self, images: Sequence[Image.Image]) -> Float64[np.ndarray, "n classes"]:
        """Return the probability of each class in each RGB image.

        Raises:
            WeightsError: the network gives NaN or infinity.
        """
        how = self.preprocessing
        squares = [
            resized(
                image, how.size_px, how.resize, shorter_px=how.shorter_px, resample=how.resample
            )
            for image in images
        ]
        pixels = torch.from_numpy(np.stack(squares)).to(self.device)
        logits = self.network(how.normalized(pixels)).double().cpu()
        if not logits.isfinite().all():
            raise WeightsError(f"{self.settings.name}: the network gives NaN or infinity.")
        scores = logits.softmax(dim=1) if self.settings.scores == "softmax" else logits.sigmoid()
        return scores.numpy()


def load(settings: TaggerParams, machine: MachineParams) -> Tagger:
    """Load a classifier, every key of its file accounted for.

    Raises:
        ParamsError: timm has no such network.
        WeightsError: the file does not fit the network, or has another number of classes than there
            are names.
        DataError: the names cannot be read.
    """
    if not timm.is_model(settings.name):
        raise ParamsError(
            f"timm has no model {settings.name!r}.{suggestion(settings.name, timm.list_models())}"
        )
    is_packaged = settings.weights == PACKAGED
    folder = machine.data_folder
    path = (
        packaged_file(settings.name) if is_packaged else outside.located(folder, settings.weights)
    )
    labels = names.read(settings.labels, folder)
    state = checkpoints.tensors(checkpoints.read(path), path, what="a state dict of tensors")
    if is_packaged:
        state = by_order(state, timm.create_model(settings.name, pretrained=False), path)
    network: Any = timm.create_model(settings.name, pretrained=False, num_classes=len(labels))
    _require_classes(state, network, len(labels), settings, path)
    checkpoints.load_exactly(network, state, path, contents=state)
    device = devices.choose(machine.device)
    return Tagger(
        network=network.to(device).eval(),
        preprocessing=_seen_by(network, settings.resize),
        settings=settings,
        vocabulary=names.distinct(labels),
        provenance={
            "weights": checkpoints.sha256(path)[:16],
            "labels": names.fingerprint(labels),
        },
        device=str(device),
        batch_images=min(machine.batch_images, _CPU_BATCH)
        if device.type == "cpu"
        else machine.batch_images,
    )


def _require_classes(
    state: Mapping[str, Tensor], network: Any, n_labels: int, settings: TaggerParams, path: Path
) -> None:
    classifier = network.pretrained_cfg["classifier"]
    first = classifier if isinstance(classifier, str) else classifier[0]
    weight = state.get(f"{first}.weight")
    if weight is None:
        raise WeightsError(
            f"{path}: has no classifier ({first}.weight), so it has nothing to say about names."
            f"{checkpoints.guess(state)}"
        )
    if len(weight) != n_labels:
        raise WeightsError(
            f"{path}: its classifier has {len(weight)} classes, but labels: {settings.labels} has "
            f"{n_labels} names. Name each class once, in the order it was trained with."
        )


def _seen_by(network: Any, resize: Literal["squash", "center"]) -> Preprocessing:
    """Return timm's preprocessing of a network, or with all of an image squashed into what it sees."""
    own = preprocessing_of(network)
    if resize == "center":
        return own
    return dataclasses.replace(own, resize="squash", shorter_px=own.size_px)
