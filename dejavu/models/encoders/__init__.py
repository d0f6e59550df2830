"""Encoders under audit: one stage makes their folders, later stages load them.

Each source of networks is a module that loads on use; names load for free.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from dejavu.errors import ParamsError, suggestion

if TYPE_CHECKING:
    from torch import nn

    from dejavu.models.encoders.encoder import Encoder
    from dejavu.models.encoders.request import Request
    from dejavu.models.encoders.source import Source
    from dejavu.models.provenance import Provenance

# `source` of an entry of params.yaml: the `Source` of its module. The code of other sources is no part of
# what an entry's results depend on, so that a new one reruns nothing.
SOURCES = {
    "trained": "dejavu.models.training.make:SOURCE",
    "untrained": "dejavu.models.encoders.untrained:SOURCE",
    "timm": "dejavu.models.encoders.timm_models:SOURCE",
    "torchvision": "dejavu.models.encoders.torchvision_models:SOURCE",
    "vicreg": "dejavu.models.encoders.vicreg:SOURCE",
    "barlow_twins": "dejavu.models.encoders.barlow_twins:SOURCE",
    "dino": "dejavu.models.encoders.dino:SOURCE",
    "file": "dejavu.models.encoders.adopted:SOURCE",
    "embeddings": "dejavu.models.encoders.imported:SOURCE",
}


def make(request: "Request", out: Path) -> None:
    """Train a network or verify a released one, and write its folder.

    Of a lane without samples nothing is trained or verified, and the provenance says so.

    Args:
        request: which network, from which tables.
        out: the folder to make.

    Raises:
        TrainingError: it diverged, collapsed or learned nothing.
        WeightsError: a released file is not what its entry in params.yaml says.
    """
    from dejavu.models import folder
    from dejavu.tables import parquet

    if parquet.is_empty(request.samples):
        record = request.described(is_empty=True, weights_sha256="")
        folder.write_facts(out, record.as_dict())
        return
    make_used(request, out)


def make_used(request: "Request", out: Path) -> None:
    """Do what `make` does, of a lane that has samples."""
    source_of(request.settings.source).make(request, out)


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
    if name not in SOURCES:
        raise ParamsError(f"image.models: unknown source {name!r}.{suggestion(name, SOURCES)}")
    module, _, attribute = SOURCES[name].partition(":")
    found: Source = getattr(importlib.import_module(module), attribute)
    return found
