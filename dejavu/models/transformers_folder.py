"""Folders of the transformers library, as `save_pretrained` writes them: no hub is asked, no code is run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints

CONFIG = "config.json"
PROCESSOR = "preprocessor_config.json"
WEIGHTS = "model.safetensors"


def config(folder: Path) -> dict[str, Any]:
    """Return what ``config.json`` says.

    Raises:
        WeightsError: it is not there, is another library's, or names code or weights that are not in it.
    """
    found, processor = json_of(folder / CONFIG), folder / PROCESSOR
    named = [found, json_of(processor) if processor.is_file() else {}]
    if any("auto_map" in each for each in named):
        raise WeightsError(
            f"{folder}: has `auto_map`: its network or processor is code of the folder's own, which is never "
            "run here. Make vectors elsewhere and use source: embeddings."
        )
    if found.get("quantization_config") or found.get("use_pretrained_backbone"):
        raise WeightsError(
            f"{folder / CONFIG}: asks for quantized weights or for weights of a hub. Save the model as it "
            "is in memory, dense and whole."
        )
    if not isinstance(found.get("model_type"), str):
        hint = (
            " It is a folder of timm: set source: timm, name: local-dir."
            if "pretrained_cfg" in found
            else ""
        )
        raise WeightsError(
            f"{folder / CONFIG}: no configuration of transformers (model_type).{hint}"
        )
    return found


def weights(folder: Path) -> Path:
    """Return the file of weights, whole and plain.

    Raises:
        WeightsError: it is not there, or damaged.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise WeightsError(
            f"{path}: not there; other files of weights are not read. Save the model with "
            "model.save_pretrained(folder), in one file."
        )
    checkpoints.tensors(checkpoints.read(path), path, what="weights")
    return path


def opened(folder: Path, *, unused: Sequence[str] = ()) -> Any:
    """Let the library load a folder: names of tensors in files are older than those of its modules.

    Args:
        folder: with configuration and weights.
        unused: what names of tensors start with that may be missing, since nothing of theirs is used.

    Raises:
        WeightsError: weights are missing or of other shapes.
    """
    from transformers import AutoModel

    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # of what no weights came with
            loaded: Any = AutoModel.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True,
                output_loading_info=True, attn_implementation="eager", dtype=torch.float32,
            )  # fmt: skip
        model, info = loaded
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OSError,
        RuntimeError,
        ImportError,
    ) as error:
        raise WeightsError(
            f"{folder}: transformers cannot load it ({str(error).splitlines()[0]})."
        ) from None
    missing = [
        name
        for name in sorted(map(str, info["missing_keys"]))
        if not name.startswith(tuple(unused))
    ]
    wrong = missing or sorted(map(str, info["mismatched_keys"]))
    if wrong:
        raise WeightsError(
            f"{folder / WEIGHTS}: the weights do not fit.\n  missing or of another shape: "
            f"{', '.join(wrong[: checkpoints.KEYS_SHOWN])} ({len(wrong)} in all)"
        )
    return model.eval()


def json_of(path: Path) -> dict[str, Any]:
    """Return what a file of a folder holds.

    Raises:
        WeightsError: it is not there, or no mapping in JSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{path}: not there; copy the whole folder.") from None
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: not JSON ({error}). Copy the file anew.") from None
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: no configuration.")
    return content
