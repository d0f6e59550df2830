"""Encoders under audit: one stage makes their folders, later stages load them.

Each source of networks is a module that loads on use; names load for free.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dejavu.errors import ParamsError, suggestion

if TYPE_CHECKING:
    from torch import nn

    from dejavu.models.encoders.encoder import Encoder
    from dejavu.models.encoders.request import Request

MAKERS = {  # from a Request to a folder
    "trained": "dejavu.models.training.make:make",
    "timm": "dejavu.models.encoders.timm_models:make",
    "torchvision": "dejavu.models.encoders.torchvision_models:make",
    "vicreg": "dejavu.models.encoders.released:make",
    "barlow_twins": "dejavu.models.encoders.released:make",
    "dino": "dejavu.models.encoders.released:make",
    "file": "dejavu.models.encoders.released:adopt",
    "embeddings": "dejavu.models.encoders.imported:make",
}
NETWORKS = {  # from provenance to a network without weights
    "trained": "dejavu.models.encoders.trained:of_provenance",
    "timm": "dejavu.models.encoders.timm_models:of_provenance",
    "torchvision": "dejavu.models.encoders.torchvision_models:of_provenance",
    "vicreg": "dejavu.models.encoders.released:of_provenance",
    "barlow_twins": "dejavu.models.encoders.released:of_provenance",
    "dino": "dejavu.models.encoders.released:of_provenance",
    "file": "dejavu.models.encoders.released:of_origin",
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
        folder.write_facts(out, {**request.described(), "is_empty": True, "weights_sha256": ""})
        return
    make_used(request, out)


def make_used(request: "Request", out: Path) -> None:
    """Do what `make` does, of a lane that has samples."""
    _function(MAKERS, request.settings.source)(request, out)


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

    facts = folders.provenance(folder)
    network = network_of(facts)
    folders.load_weights(folder, network)
    return Encoder(network, facts, device)


def network_of(facts: Mapping[str, Any]) -> "nn.Module":
    """Return the network that a provenance record describes, without weights."""
    made: nn.Module = _function(NETWORKS, facts["source"])(facts)
    return made


def _function(registry: dict[str, str], source: str) -> Any:
    if source not in registry:
        raise ParamsError(f"models: unknown source {source!r}.{suggestion(source, registry)}")
    module, _, name = registry[source].partition(":")
    return getattr(importlib.import_module(module), name)
