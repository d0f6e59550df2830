"""Vectors that were made elsewhere, in the place of an encoder: provenance, and no network."""

from collections.abc import Iterator
from pathlib import Path

from dejavu.errors import DataError
from dejavu.models import folder, imported_vectors, vector_files
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.source import TrainingInputs
from dejavu.models.vector_files import View
from dejavu.params.released import EmbeddingsModel
from dejavu.run import outside

VIEWS = ("public_image", "crop")
KIND = "precomputed embeddings"


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Find the files of every layer and note their SHA-256 and the lengths of their vectors.

    Raises:
        DataError: a file is missing, or the views of a layer have vectors of different lengths.
    """
    entry = settings.entry
    assert isinstance(entry, EmbeddingsModel)
    root = outside.located(settings.machine.data_folder, entry.path)
    dims = {layer: _dimension(root, layer) for layer in entry.layers}
    described = imported_vectors.describe(views_of(entry, root), root=root)
    files = described["files"]
    digest = described["weights_sha256"]
    record = settings.described(
        file={"name": root.name, "sha256": digest, "kind": KIND},
        files=tuple(files),
        layers=dims,
        weights_sha256=digest,
    )
    folder.write_facts(out, record.as_dict())


def views_of(entry: EmbeddingsModel, root: Path) -> Iterator[View]:
    """Yield the files of every layer and view."""
    for layer in entry.layers:
        for view in VIEWS:
            yield imported_vectors.find(imported_vectors.layer_folder(root, layer), view)


def _dimension(root: Path, layer: str) -> int:
    place = imported_vectors.layer_folder(root, layer)
    dims = {v: vector_files.dimension(imported_vectors.find(place, v)) for v in VIEWS}
    if len(set(dims.values())) > 1:
        listed = ", ".join(f"{view}: {dim}" for view, dim in dims.items())
        raise DataError(f"{place}: vectors of different lengths ({listed}), expected one.")
    return dims[VIEWS[0]]


SOURCE = Source(make=make, network=None, libraries=())
