"""What tests of CLIP models that were trained elsewhere share."""

import torch

from dejavu.models.clip import open_clip as released
from dejavu.params.caption import OpenClipParams

CAPTIONS = ["a photo of a dog", "", "two cats on a red mat"]


def settings(architecture, weights):
    return OpenClipParams(
        source="open_clip", recipe="released", architecture=architecture, weights=weights,
        trained_on="target", second_model=None, modes=["t2i", "t2t"],
    )  # fmt: skip


def opened(architecture, path):
    return released.open_released(
        settings(architecture, path.name), path.parent, device=torch.device("cpu")
    )
