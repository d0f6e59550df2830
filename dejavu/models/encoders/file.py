"""Encoder folders that stage ``encoder`` wrote elsewhere."""

from pathlib import Path

from torch import nn

from dejavu.errors import WeightsError
from dejavu.models import encoders, folder
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source, require_layers, write
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.params.released import FileModel
from dejavu.run import outside


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Take over a folder that stage ``encoder`` wrote elsewhere, after checking its hash and keys.

    Raises:
        ArtifactError: there is no such folder.
        WeightsError: its weights are not those of its provenance.
        ParamsError: it lacks a layer asked for.
    """
    entry = settings.entry
    assert isinstance(entry, FileModel)
    path = outside.located(settings.machine.data_folder, entry.weights)
    facts = folder.provenance(path)
    origin = _record(facts, path)
    there = origin.layers or {}
    require_layers(settings, there)
    record = settings.described(
        origin=facts,
        file={"name": path.name, "sha256": facts["weights_sha256"], "kind": "encoder folder"},
        layers={layer: there[layer] for layer in entry.layers},
        preprocessing=origin.preprocessing,
    )
    source = encoders.source_of(origin.source)
    encoders.require_allowed(source, settings)
    if origin.program is not None:
        program = path / Path(origin.program).name
        folder.write_program(out, program, record.as_dict(), libraries=source.libraries)
        return
    if source.opened is not None:
        raise WeightsError(
            f"{path}: its network is code beside the weights. Name the code itself with source: "
            f"{origin.source}."
        )
    made = encoders.network_of(origin)
    folder.load_weights(path, made)
    libraries = source.libraries
    write(settings, out, network=made, record=record, libraries=libraries)


def network(record: Provenance) -> nn.Module:
    """Return the network of an adopted folder, without weights."""
    return encoders.network_of(Provenance.from_dict(record.origin or {}))


def _record(facts: dict[str, object], path: Path) -> Provenance:
    try:
        return Provenance.from_dict(facts)
    except (TypeError, KeyError) as error:
        raise WeightsError(
            f"{path / folder.PROVENANCE}: not the record of an encoder ({error}). A model of the caption "
            "lane is named in caption.models."
        ) from None


SOURCE = Source(make=make, network=network)
