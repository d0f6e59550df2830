"""Networks of two towers of the transformers library, from a folder or the hub: CLIP and SigLIP.

No code of the folder runs. Images and captions are prepared by the library's own
processor and tokenizer, as the folder's files say; captions are padded as each kind was trained.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dejavu.errors import WeightsError
from dejavu.models import devices, embedding, hub, transformers_folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.clip.model import CaptionModel
from dejavu.models.clip.source import released
from dejavu.params.caption import TransformersClipParams
from dejavu.params.machine import MachineParams

# What fills captions up to the longest, by kind of network; SigLIP saw no mask in training
_PADDING: dict[str, bool | str] = {"clip": True, "siglip": "max_length"}


def opened(settings: TransformersClipParams, machine: MachineParams) -> CaptionModel:
    """Open the folder that a ``transformers`` entry names.

    Raises:
        WeightsError: a file is missing or damaged, the folder names code, weights do not fit, or the network
            has no two towers.
    """
    folder = hub.located(settings.weights, machine.data_folder)
    config = transformers_folder.config(folder)
    kind = config["model_type"]
    if kind not in _PADDING:
        raise WeightsError(
            f"{folder}: is a {kind!r}, expected one of {', '.join(_PADDING)}: networks of an image and a "
            "text tower. Of others, make vectors elsewhere and use source: embeddings."
        )
    file = transformers_folder.weights(folder)
    device = devices.choose(machine.device)
    model = transformers_folder.opened(folder).to(device)
    tokenize, prepare = _tokenizer(folder, kind, config), _processor(folder)

    @torch.inference_mode()
    def embed_texts(captions: list[str]) -> np.ndarray:
        tokens = {name: value.to(device) for name, value in tokenize(captions).items()}
        return _unit(model.get_text_features(**tokens))

    @torch.inference_mode()
    def embed_images(images: list[Image.Image]) -> np.ndarray:
        pixels = embedding.pinned(prepare(images), device).to(device)
        return _unit(model.get_image_features(pixel_values=pixels))

    facts = {
        "weights_sha256": checkpoints.sha256(file),
        "checkpoint": f"transformers folder ({kind})",
        "preprocessing": str(transformers_folder.json_of(folder / transformers_folder.PROCESSOR)),
        "dim": config.get("projection_dim"),
    }
    return CaptionModel(embed_texts=embed_texts, embed_images=embed_images, facts=facts)


def _unit(found: Any) -> np.ndarray:
    vectors: Tensor = found if isinstance(found, Tensor) else found.pooler_output
    unit: np.ndarray = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()
    return unit


def _tokenizer(folder: Path, kind: str, config: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    longest = (config.get("text_config") or {}).get("max_position_embeddings")
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except (ValueError, TypeError, KeyError, AttributeError, OSError, ImportError) as error:
        raise WeightsError(
            f"{folder}: has no tokenizer that transformers can read ({str(error).splitlines()[0]}). Save it "
            "with tokenizer.save_pretrained(folder)."
        ) from None
    options: dict[str, Any] = {
        "padding": _PADDING[kind], "truncation": True, "return_tensors": "pt",
        "max_length": longest or tokenizer.model_max_length,
    }  # fmt: skip
    return lambda captions: tokenizer(captions, **options)


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    try:
        processor: Any = AutoImageProcessor.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, backend="pil"
        )
    except (ValueError, TypeError, KeyError, AttributeError, OSError, ImportError) as error:
        raise WeightsError(
            f"{folder}: has no image processor that transformers can read ({str(error).splitlines()[0]}). "
            "Save it with processor.save_pretrained(folder)."
        ) from None
    return lambda images: processor(images, return_tensors="pt")["pixel_values"]


SOURCE = released(opened, libraries=("torch", "transformers"))
