"""Configurations of OpenCLIP that name repositories of a hub: opening one of them would connect to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.errors import WeightsError

_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")


def require_tokenizer(config: Mapping[str, Any], folder: Path) -> None:
    """Check that a folder holds the tokenizer that its configuration asks for: OpenCLIP takes no other.

    Raises:
        WeightsError: it does not.
    """
    name = (config.get("text_cfg") or {}).get("hf_tokenizer_name")
    if name and not any((folder / each).is_file() for each in _TOKENIZERS):
        raise WeightsError(
            f"{folder}: its configuration asks for the tokenizer {name!r}, whose files are not there "
            f"({', '.join(_TOKENIZERS)}). Copy the whole folder."
        )


def require_offline(config: Mapping[str, Any], where: object, *, is_folder: bool = False) -> None:
    """Refuse a configuration that would make OpenCLIP connect to a hub.

    Args:
        config: OpenCLIP's ``model_cfg``.
        where: what it is the configuration of, for the message.
        is_folder: it lies in a folder, whose own tokenizer is taken in place of the named one.

    Raises:
        WeightsError: it names what only a hub has.
    """
    named = list(_hub_names(config, is_folder=is_folder))
    if named:
        raise WeightsError(
            f"{where}: OpenCLIP would connect to a hub for {' and '.join(named)}. Set may_download: true in "
            "this entry if it may, or take a copy whose configuration names folders of this machine."
        )


def _hub_names(config: Mapping[str, Any], *, is_folder: bool) -> Iterator[str]:
    text, vision = config.get("text_cfg") or {}, config.get("vision_cfg") or {}
    if (name := text.get("hf_model_name")) and not Path(name).is_dir():
        yield f"the text network {name!r}"
    if not is_folder and (name := text.get("hf_tokenizer_name")) and not Path(name).is_dir():
        yield f"the tokenizer {name!r}"
    if vision.get("timm_model_pretrained"):
        yield f"weights of timm's {vision.get('timm_model_name')!r}"
