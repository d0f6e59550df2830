"""Vectors of images and captions that were made elsewhere, in the place of a model."""

import json
from pathlib import Path
from typing import Any

from dejavu.errors import DataError, WeightsError
from dejavu.models import imported_vectors, vector_files
from dejavu.models.clip.source import CaptionSettings, Source
from dejavu.models.source import TrainingInputs
from dejavu.models.vector_files import View
from dejavu.params.caption import CaptionEmbeddingsParams
from dejavu.run import outside
from dejavu.tables import by_sample
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import EMBEDDINGS
from dejavu.tables.views import VIEWS, views_of

KIND = "precomputed embeddings"


def make(settings: CaptionSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Find the files that the modes need, and note their SHA-256 and the length of their vectors."""
    entry = settings.entry
    assert isinstance(entry, CaptionEmbeddingsParams)
    settings.write_facts(
        out, describe(entry, outside.located(settings.machine.data_folder, entry.path))
    )


def describe(settings: CaptionEmbeddingsParams, root: Path) -> dict[str, Any]:
    """Return what provenance says: the files with their SHA-256, and the length of the vectors.

    Raises:
        DataError: a file that the modes need is missing, or views have vectors of different lengths.
    """
    found = _files(settings, root)
    dims = {view.name: vector_files.dimension(view) for view in found}
    if len(set(dims.values())) > 1:
        listed = ", ".join(f"{view}: {dim}" for view, dim in dims.items())
        raise DataError(f"{root}: vectors of different lengths ({listed}), expected one.")
    facts = imported_vectors.describe(found, root=root)
    return {**facts, "checkpoint": KIND, "dim": dims[found[0].name]}


def write(
    settings: CaptionEmbeddingsParams,
    root: Path,
    *,
    provenance: Path,
    samples: Path,
    splits: Path,
    inputs: dict[str, str],
    out: Path,
) -> None:
    """Write every view that the modes need, after checking that the files are those that were verified.

    Raises:
        WeightsError: they changed since stage ``clip`` read them.
        DataError: they do not fit these samples.
    """
    facts = json.loads(provenance.read_text(encoding="utf-8"))
    if facts["is_empty"]:
        for name in views_of(settings.modes):
            EMBEDDINGS.write(
                EMBEDDINGS.schema.empty_table(),
                out / partition(view=name) / "part-00000.parquet",
                inputs=inputs,
            )
        return
    found = _files(settings, root)
    if imported_vectors.describe(found, root=root)["weights_sha256"] != facts["weights_sha256"]:
        raise WeightsError(f"{root}: changed since stage clip read it. Run `dvc repro` again.")
    for view in found:
        ids = by_sample.ids_of_roles(splits, *VIEWS[view.name])
        wanted = by_sample.require(samples, ids, ["sample_name"])
        imported_vectors.write(view, wanted, out / partition(view=view.name), inputs=inputs)


def _files(settings: CaptionEmbeddingsParams, root: Path) -> list[View]:
    return [imported_vectors.find(root, view) for view in views_of(settings.modes)]


SOURCE = Source(make=make, network=None, libraries=())
