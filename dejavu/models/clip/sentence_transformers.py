"""Text embedding models of sentence-transformers: the reference of the one-model test."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models import devices, packaged
from dejavu.models.checkpoints.load import sha256
from dejavu.models.clip.model import CaptionModel
from dejavu.models.clip.source import released
from dejavu.params.caption import SentenceTransformerParams
from dejavu.params.machine import MachineParams
from dejavu.run import outside

_PACKAGED = {packaged.MINILM.package: packaged.MINILM}
_PREFIX = "packaged:"
_TRUSTED = "sentence_transformers."  # modules of a folder must be the library's own
# Those that take no class from a file beside them. WordEmbeddings (a tokenizer's class) and Router (its
# modules' classes) do, and version 5 imports what they name, out of the folder too.
_MODULES = frozenset({
    "Transformer", "Pooling", "Dense", "Normalize", "LayerNorm", "Dropout", "WeightedLayerPooling",
    "WordWeights", "BoW", "CNN", "LSTM", "StaticEmbedding",
})  # fmt: skip
_ELSEWHERE = (
    "Code of a model's folder is never run here; embed the captions elsewhere and use "
    "source: embeddings."
)
_KERNELS = ("attn_implementation", "_attn_implementation")  # "owner/name": native code of a hub


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
    if is_local:
        check_folder(folder)
    try:
        model = SentenceTransformer(
            str(folder) if is_local else settings.weights, device=str(devices.choose(machine.device)),
            local_files_only=is_local, trust_remote_code=False,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001  # each of a folder's files has a parser of its own
        where = f"{folder}" if is_local else f"{settings.weights}: no folder at {folder}, and"
        raise WeightsError(
            f"{where}: not loadable as a sentence-transformers model ({_brief(error)})."
        ) from None

    model.default_prompt_name = None  # the prompt is the one of params.yaml; "" means none

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
        return outside.located(data_folder, weights)
    package = weights.removeprefix(_PREFIX)
    if package not in _PACKAGED:
        raise ParamsError(
            f"caption.models: no packaged text model {package!r}.{suggestion(package, _PACKAGED)}"
        )
    return packaged.locate(_PACKAGED[package]).parent


def check_folder(folder: Path) -> None:
    """Refuse a folder that the library would read in another way than its author meant, or run code of.

    Raises:
        WeightsError: the folder has no list of modules, or one that names modules of somebody else; a
            module's folder is missing; or a configuration names code.
    """
    modules = _json(folder / "modules.json")
    if not isinstance(modules, list) or not modules:
        raise WeightsError(
            f"{folder}: no modules.json, so how its words become one vector (pooling) is not known, and a "
            "guess would give other vectors. Save the model with SentenceTransformer(…).save(folder)."
        )
    for module in modules:
        kind = module.get("type") if isinstance(module, dict) else None
        if not isinstance(kind, str) or not kind.startswith(_TRUSTED):
            raise WeightsError(
                f"{folder / 'modules.json'}: names module {kind!r}, which is not one of "
                "sentence_transformers' own. Code of a model's folder is never run here."
            )
        if kind.rpartition(".")[2] not in _MODULES:
            raise WeightsError(
                f"{folder / 'modules.json'}: names module {kind!r}, which is none of "
                f"{', '.join(sorted(_MODULES))}; others take code that a file names. {_ELSEWHERE}"
            )
        _check_module(folder, module, kind)


def _check_configuration(path: Path) -> dict[str, Any]:
    """Return what a file of settings says, if it is there; refuse one that names code."""
    content = _json(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: no configuration, but {type(content).__name__}.")
    if "auto_map" in content:
        raise WeightsError(
            f"{path}: has `auto_map`: the network is code of the folder's own. {_ELSEWHERE}"
        )
    for settings in (content, *(value for value in content.values() if isinstance(value, dict))):
        for kernel in (settings.get(name) for name in _KERNELS):
            if kernel is not None and not str(kernel).isidentifier():
                raise WeightsError(
                    f"{path}: attn_implementation {kernel!r} is code of a hub. {_ELSEWHERE}"
                )
    return content


def _check_module(folder: Path, module: dict[str, Any], kind: str) -> None:
    """A module's configuration lies in a folder inside the model's; Normalize has none."""
    path = module.get("path")
    inside = (folder / str(path or "")).resolve()
    if not isinstance(path, str) or not inside.is_relative_to(folder.resolve()):
        raise WeightsError(
            f"{folder / 'modules.json'}: module {kind} lies at {path!r}, expected a folder inside."
        )
    for name in ("sentence_bert_config.json", "tokenizer_config.json"):
        _check_configuration(inside / name)
    activation = _check_configuration(inside / "config.json").get(
        "activation_function", "torch.nn."
    )
    if not str(activation).startswith("torch.nn."):
        raise WeightsError(
            f"{inside / 'config.json'}: activation_function {activation!r} is not one of torch.nn. Code that "
            "a model's folder names is never run here."
        )
    if kind.endswith(".Pooling") and not (inside / "config.json").is_file():
        raise WeightsError(
            f"{inside / 'config.json'}: not there, so the way of pooling is not known. "
            "Copy the whole folder."
        )


def _brief(error: Exception) -> str:
    """Say what stopped the library; torch's own words on pickles advise to read them without limits."""
    if isinstance(error, pickle.UnpicklingError):
        return "its weights hold more than tensors, and nothing else of a pickle is read"
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no word why'}"


def _json(path: Path) -> Any:
    """Return what a JSON file holds, or None if it is not there."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: not JSON ({error}). Copy the file anew.") from None


SOURCE = released(load_text_model, libraries=("sentence-transformers", "torch", "transformers"))
