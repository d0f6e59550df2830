"""Load the models of the caption lane behind one interface: unit vectors of images and of captions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from pydantic import TypeAdapter
from torch import Tensor

from dejavu.errors import WeightsError
from dejavu.models import devices
from dejavu.models import folder as folders
from dejavu.models.clip import network
from dejavu.models.clip.model import CaptionModel
from dejavu.models.clip.released import open_released
from dejavu.models.pixels import resized
from dejavu.models.training.augment import normalized
from dejavu.params.caption import (
    CaptionNetworkParams,
    OpenClipParams,
    SentenceTransformerParams,
    SmallClip,
)
from dejavu.params.machine import MachineParams


def load(folder: Path, settings: CaptionNetworkParams, machine: MachineParams) -> CaptionModel:
    """Load the model that stage ``clip`` put into `folder`.

    Raises:
        WeightsError: the weights are damaged, missing, or no longer those that were verified.
    """
    device = devices.choose(machine.device)
    if settings.source == "trained":
        return _trained(folder, device)
    verified = folders.read_facts(folder).get("weights_sha256")
    model = released(settings, machine)
    if model.facts.get("weights_sha256") != verified:
        raise WeightsError(
            f"{settings.weights}: not the file that was verified (SHA-256 {verified}). "
            "Run `dvc repro` after replacing weights."
        )
    return model


def released(
    settings: OpenClipParams | SentenceTransformerParams, machine: MachineParams
) -> CaptionModel:
    """Load a model that was trained elsewhere.

    Raises:
        ParamsError: OpenCLIP has no such architecture.
        WeightsError: the weights are missing, do not fit, or were trained with another activation.
    """
    if isinstance(settings, SentenceTransformerParams):
        from dejavu.models.clip.sentence_encoder import load_text_model

        return load_text_model(settings, machine)
    device = devices.choose(machine.device)
    opened = open_released(settings, machine.data_folder, device=device)

    def prepare(images: list[Image.Image]) -> Tensor:
        return torch.stack([opened.preprocess(image) for image in images])

    return _of_network(opened.model, opened.tokenize, prepare, device=device, facts=opened.facts)


def _trained(folder: Path, device: torch.device) -> CaptionModel:
    provenance = folders.provenance(folder)
    sizes: str | SmallClip = TypeAdapter(str | SmallClip).validate_python(provenance["network"])
    model = network.build(sizes)
    folders.load_weights(folder, model)
    side = network.image_px(sizes)

    def prepare(images: list[Image.Image]) -> Tensor:
        squares = np.stack([resized(image, side, "squash") for image in images])
        return normalized(torch.from_numpy(squares))

    return _of_network(
        model.to(device), network.tokenizer(sizes), prepare, device=device,
        facts={"weights_sha256": provenance["weights_sha256"]},
    )  # fmt: skip


def _of_network(
    model: torch.nn.Module,
    tokenize: network.Tokenizer,
    prepare: Callable[[list[Image.Image]], Tensor],
    *,
    device: torch.device,
    facts: dict[str, Any],
) -> CaptionModel:
    model.eval()

    @torch.inference_mode()
    def embed_texts(captions: list[str]) -> np.ndarray:
        vectors = model.encode_text(tokenize(captions).to(device), normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        return vectors.float().cpu().numpy()

    @torch.inference_mode()
    def embed_images(images: list[Image.Image]) -> np.ndarray:
        vectors = model.encode_image(prepare(images).to(device), normalize=True)  # type: ignore[operator]  # a Module's attributes have no type
        return vectors.float().cpu().numpy()

    return CaptionModel(embed_texts=embed_texts, embed_images=embed_images, facts=facts)
