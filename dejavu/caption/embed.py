"""Embed what the searches need: public images, public captions, and the captions that are attacked."""

import dataclasses
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.corpora.image_reader import ImageReader
from dejavu.models import devices, embedding, folder
from dejavu.models.clip import embeddings, load
from dejavu.models.clip.model import CaptionModel
from dejavu.params.caption import (
    CaptionEmbeddingsParams,
    CaptionModelParams,
    CaptionNetworkParams,
)
from dejavu.params.machine import MachineParams
from dejavu.roles import is_paired
from dejavu.run import engines, outside, shards
from dejavu.tables import by_sample, parquet
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import EMBEDDINGS
from dejavu.tables.views import REFERENCE_CAPTION, VIEWS, views_of

SHARD_ROWS = 65_536


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionEmbedSettings:
    """Which model embeds, and where."""

    model: str
    entry: CaptionModelParams  # ``caption.models.<model>``
    machine: MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionEmbedInputs:
    """What is embedded, and the model."""

    samples: Path
    images: Path
    splits: Path
    weights: Path  # the folder that stage ``clip`` made

    def origin(self) -> dict[str, str]:
        """Return the fingerprints of what is embedded, and of the model."""
        return {
            "samples": parquet.fingerprint(self.samples),
            "split": parquet.fingerprint(self.splits),
            "weights": parquet.fingerprint(self.weights),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbedShard:
    """Embed one shard of one view; picklable, so that it can run anywhere."""

    view: str
    entry: CaptionNetworkParams
    machine: MachineParams
    inputs: CaptionEmbedInputs
    stamp: dict[str, str]

    def __call__(self, index: int, path: Path) -> None:
        """Write the embeddings of shard `index` to `path`."""
        ids = self._ids[index * SHARD_ROWS : (index + 1) * SHARD_ROWS]
        if len(ids) == 0:
            EMBEDDINGS.write(EMBEDDINGS.schema.empty_table(), path, inputs=self.stamp)
            return
        device = devices.choose(self.machine.device)
        with embedding.computing_in(self.entry, device):
            vectors = np.concatenate(list(self._vectors(ids)))
        rows = pa.table(
            {
                "sample_id": ids,
                "embedding": pa.FixedSizeListArray.from_arrays(
                    pa.array(vectors.ravel()), vectors.shape[1]
                ),
            }
        )
        EMBEDDINGS.write(rows, path, inputs=self.stamp)

    def _vectors(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        model = self._loaded
        rows = by_sample.require(self.inputs.samples, ids, ["uri", "caption", "content_hash"])
        size = self.machine.batch_images
        if self.view != "public_image":
            captions = rows["caption"].to_pylist()
            for start in range(0, len(ids), size):
                yield model.embed_texts(captions[start : start + size])
            return
        assert model.embed_images is not None
        uris = rows["uri"].to_pylist()
        with ImageReader.open(self.inputs.images, self.machine.data_root) as reader:
            reader.expect(rows)
            batches = (uris[start : start + size] for start in range(0, len(ids), size))
            for images in embedding.ahead(batches, reader.read, workers=self.machine.workers):
                yield model.embed_images(images)

    @functools.cached_property
    def _loaded(self) -> CaptionModel:
        return load.load(self.inputs.weights, self.entry, self.machine)

    @functools.cached_property
    def _ids(self) -> np.ndarray:
        """The samples of all shards, ascending: read once."""
        return by_sample.ids_of_roles(self.inputs.splits, *VIEWS[self.view])

    def __getstate__(self) -> dict[str, Any]:
        kept = {field.name for field in dataclasses.fields(self)}
        return {name: value for name, value in self.__dict__.items() if name in kept}


def embed(*, settings: CaptionEmbedSettings, inputs: CaptionEmbedInputs, out: Path) -> None:
    """Write the views of one model that its modes need, as ``out/view=<view>/part-*.parquet``.

    Of a pair that is trained here, the view ``reference_caption`` holds the captions of the role reference.

    Raises:
        ArtifactError: the tables come from different runs.
        DataError: an image cannot be read, or vectors made elsewhere do not fit these samples.
    """
    stamp = inputs.origin()
    entry, machine = settings.entry, settings.machine
    shutil.rmtree(out, ignore_errors=True)
    if isinstance(entry, CaptionEmbeddingsParams):
        embeddings.write(
            entry, outside.located(machine.data_folder, entry.path),
            provenance=inputs.weights / folder.PROVENANCE,
            samples=inputs.samples, splits=inputs.splits, inputs=stamp, out=out,
        )  # fmt: skip
        return
    for view in [*views_of(entry.modes), *([REFERENCE_CAPTION] if is_paired(entry) else [])]:
        _embed_view(view, settings, entry, inputs, out)


def _embed_view(
    view: str,
    settings: CaptionEmbedSettings,
    entry: CaptionNetworkParams,
    inputs: CaptionEmbedInputs,
    out: Path,
) -> None:
    machine, stamp = settings.machine, inputs.origin() | embedding.stamp_of(entry)
    n = len(by_sample.ids_of_roles(inputs.splits, *VIEWS[view]))
    shards.run(
        EmbedShard(
            view=view,
            entry=entry,
            machine=machine,
            inputs=inputs,
            stamp=stamp,
        ),
        max(1, -(-n // SHARD_ROWS)),
        out=out / partition(view=view),
        stage=f"embed_captions@{settings.model} {view}",
        facts={**stamp, "view": view, "settings": entry.model_dump()},
        engine=engines.of(machine, gpus=devices.gpus_per_worker(machine.device)),
    )
