"""Models of the caption lane: CLIP, text models, and vectors of either that were made elsewhere.

A source is the module of its name in this package, as in `dejavu.models.encoders`: an entry of
``caption.models`` with ``source: open_clip`` gets the `SOURCE` of `dejavu.models.clip.open_clip`.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dejavu.models.clip.source import CaptionRequest, Source


def make(request: "CaptionRequest", out: Path) -> None:
    """Write a model's folder: ``provenance.json`` and, if it is trained here, ``weights.safetensors``.

    On an empty lane nothing is trained or verified, and the provenance says so.

    Args:
        request: which model, from which tables.
        out: the folder to make.

    Raises:
        TrainingError: the network did not train.
        WeightsError: the released weights are not what the entry says.
        DataError: vectors that were made elsewhere are missing, or of different lengths.
    """
    from dejavu.models import folder
    from dejavu.tables import parquet

    source = request.settings.source
    if parquet.is_empty(request.samples):
        folder.write_facts(out, {"model": request.model, "source": source, "is_empty": True})
        return
    source_of(source).make(request, out)


def source_of(name: str) -> "Source":
    """Return what the module of a source states; `name` is the checked `source` of an entry."""
    found: Source = importlib.import_module(f"dejavu.models.clip.{name}").SOURCE
    return found
