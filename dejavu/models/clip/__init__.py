"""Models of the caption lane: CLIP, text models, and vectors of either that were made elsewhere.

A source is the module of its name in this package, as in `dejavu.models.encoders`: an entry of
``caption.models`` with ``source: open_clip`` gets the `SOURCE` of `dejavu.models.clip.open_clip`.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dejavu.models.clip.source import CaptionSettings, Source
    from dejavu.models.source import TrainingInputs


def make(*, settings: "CaptionSettings", inputs: "TrainingInputs", out: Path) -> None:
    """Write a model's folder: ``provenance.json`` and, if it is trained here, ``weights.safetensors``.

    On an empty lane nothing is trained or verified, and the provenance says so.

    Args:
        settings: which model.
        inputs: the tables that it is trained on, if it is trained here.
        out: the folder to make.

    Raises:
        TrainingError: the network did not train.
        WeightsError: the released weights are not what the entry says.
        DataError: vectors that were made elsewhere are missing, or of different lengths.
    """
    from dejavu.models import folder
    from dejavu.tables import parquet

    source = settings.entry.source
    if parquet.is_empty(inputs.samples):
        folder.write_facts(out, {"model": settings.model, "source": source, "is_empty": True})
        return
    source_of(source).make(settings, inputs, out)


def source_of(name: str) -> "Source":
    """Return what the module of a source states; `name` is the checked `source` of an entry."""
    found: Source = importlib.import_module(f"dejavu.models.clip.{name}").SOURCE
    return found
