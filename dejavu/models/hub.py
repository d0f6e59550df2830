"""Folders of the Hugging Face hub, named in an entry: ``hf-hub:owner/name``, or with ``@revision`` behind it.

Asking for one is what such a name is for; nothing else here connects to a hub. The library keeps copies in a
cache of its own (``HF_HOME``), and with ``HF_HUB_OFFLINE=1`` takes nothing but those. Only configurations,
tokenizers and plain weights are fetched: no code, and no pickles where safetensors are wanted.
"""

import re
from pathlib import Path

from dejavu.errors import ParamsError, WeightsError
from dejavu.run import outside

PREFIX = "hf-hub:"
_NAME = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")
_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")


def is_named(weights: str | None) -> bool:
    """Return whether an entry's weights lie on the hub."""
    return weights is not None and weights.startswith(PREFIX)


def located(weights: str, data_folder: Path, *, may_fetch: bool = True) -> Path:
    """Return where the weights of an entry lie, fetched from the hub if it names that.

    Args:
        weights: of the entry: a path below `data_folder`, a place of an object store, or a name of the hub.
        data_folder: the folder that paths are relative to.
        may_fetch: whether the hub may be asked; False: only its local copy counts.

    Raises:
        ParamsError: no name of the hub follows the prefix.
        WeightsError: the hub has no such folder, or cannot be reached and there is no copy.
    """
    if not is_named(weights):
        return outside.located(data_folder, weights)
    match = _NAME.fullmatch(weights.removeprefix(PREFIX))
    if match is None:
        raise ParamsError(
            f"weights: {weights!r}, expected {PREFIX}owner/name or {PREFIX}owner/name@revision."
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                match["repo"], revision=match["revision"], allow_patterns=list(_FILES),
                local_files_only=not may_fetch,
            )
        )  # fmt: skip
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise WeightsError(
            f"{weights}: cannot be had ({str(error).strip().splitlines()[0]}). Offline, put the folder below "
            "machine.data_root and set weights to its path."
        ) from None
