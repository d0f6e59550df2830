"""How long the vectors of captions are before they are scaled to 1, which `load` never shows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from pydantic import TypeAdapter

from dejavu.models import devices
from dejavu.models import folder as folders
from dejavu.models.clip import network
from dejavu.models.clip.open_clip import open_released
from dejavu.params.caption import CaptionNetworkParams, OpenClipParams, SmallClip, TrainedClipParams
from dejavu.params.machine import MachineParams

Lengths = Callable[[list[str]], Float64[np.ndarray, " n"]]


def of_texts(folder: Path, entry: CaptionNetworkParams, machine: MachineParams) -> Lengths | None:
    """Return what gives the length of each caption's vector; None for models that are no CLIP network.

    Args:
        folder: what stage ``clip`` made of the model.
        entry: of the model, whose weights `load.load` has compared with those that were verified.
        machine: where it runs.
    """
    device = devices.choose(machine.device)
    if isinstance(entry, TrainedClipParams):
        stated = folders.provenance(folder)["network"]
        sizes: str | SmallClip = TypeAdapter(str | SmallClip).validate_python(stated)
        model, tokenize = network.build(sizes), network.tokenizer(sizes)
        folders.load_weights(folder, model)
    elif isinstance(entry, OpenClipParams):
        opened = open_released(entry, machine.data_folder, device=device)
        model, tokenize = opened.model, opened.tokenize
    else:
        return None
    model.to(device).eval()

    @torch.inference_mode()
    def lengths(captions: list[str]) -> np.ndarray:
        tokens = tokenize(captions).to(device)
        vectors = model.encode_text(tokens, normalize=False)  # type: ignore[operator]  # a Module's attributes have no type
        found: np.ndarray = vectors.double().norm(dim=1).cpu().numpy()
        return found

    return lengths
