"""Encoders under audit: one stage makes their folders, later stages load them.

A source is the module of its name in this package: an entry of ``image.models`` with ``source: timm`` gets
the `SOURCE` of `dejavu.models.encoders.timm`, loaded on use. What entries may name are the sections of
`dejavu.params.encoders`; nothing else lists them. The code of other sources is no part of what an entry's
results depend on, so that a new one reruns nothing.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from dejavu.errors import ParamsError, suggestion

if TYPE_CHECKING:
    from torch import nn

    from dejavu.models.encoders.encoder import Encoder
    from dejavu.models.encoders.settings import EncoderSettings
    from dejavu.models.encoders.source import Source
    from dejavu.models.provenance import Provenance
    from dejavu.models.source import TrainingInputs


def make(*, settings: "EncoderSettings", inputs: "TrainingInputs", out: Path) -> None:
    """Train a network or verify a released one, and write its folder.

    Of a lane without samples nothing is trained or verified, and the provenance says so.

    Args:
        settings: which network.
        inputs: the tables that it is trained on, if it is trained here.
        out: the folder to make.

    Raises:
        TrainingError: it diverged, collapsed or learned nothing.
        WeightsError: a released file is not what its entry in params.yaml says.
    """
    from dejavu.models import folder
    from dejavu.tables import parquet

    if parquet.is_empty(inputs.samples):
        record = settings.described(is_empty=True, weights_sha256="")
        folder.write_facts(out, record.as_dict())
        return
    make_used(settings=settings, inputs=inputs, out=out)


def make_used(*, settings: "EncoderSettings", inputs: "TrainingInputs", out: Path) -> None:
    """Do what `make` does, of a lane that has samples."""
    source = source_of(settings.entry.source)
    require_allowed(source, settings)
    source.make(settings, inputs, out)


def require_allowed(source: "Source", settings: "EncoderSettings") -> None:
    """Refuse a source that runs code of the model's author, unless params.yaml allows it.

    Raises:
        ParamsError: it does not.
    """
    if source.runs_code and not settings.machine.run_code_of_models:
        raise ParamsError(
            f"image.models.{settings.model}: its source runs code of the model's author on this machine, "
            "with all your rights. If you trust that code, set machine.run_code_of_models: true."
        )


def load(folder: Path, *, device: str = "cpu") -> "Encoder":
    """Load what `make` wrote.

    Args:
        folder: the encoder's folder.
        device: where it runs, as torch names it.

    Raises:
        ArtifactError: the folder is not there.
        WeightsError: its weights are not those that its provenance describes.
    """
    from dejavu.models import folder as folders
    from dejavu.models.encoders.encoder import Encoder
    from dejavu.models.provenance import Provenance

    record = Provenance.from_dict(folders.provenance(folder))
    origin = Provenance.from_dict(record.origin) if record.origin else record
    opened = source_of(origin.source).opened
    if opened is not None:
        return Encoder(opened(folder, record), record, device)
    network = network_of(record)
    folders.load_weights(folder, network)
    return Encoder(network, record, device)


def network_of(record: "Provenance") -> "nn.Module":
    """Return the network that a provenance record describes, without weights.

    Raises:
        ParamsError: its source is unknown.
        WeightsError: there is no network, only vectors.
    """
    from dejavu.errors import WeightsError

    build = source_of(record.source).network
    if build is None:
        raise WeightsError(f"{record.model}: vectors made elsewhere come without a network.")
    return build(record)


def source_of(name: str) -> "Source":
    """Return what the module of a source states.

    Raises:
        ParamsError: there is no such source.
    """
    from dejavu.params.base import tags_of
    from dejavu.params.encoders import ModelParams

    known = tags_of(ModelParams)
    if name not in known:
        raise ParamsError(f"image.models: unknown source {name!r}.{suggestion(name, known)}")
    found: Source = importlib.import_module(f"dejavu.models.encoders.{name}").SOURCE
    return found
