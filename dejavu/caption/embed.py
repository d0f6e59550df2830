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
from dejavu.models import devices, folder
from dejavu.models.clip import imported, load
from dejavu.models.clip.model import CaptionModel
from dejavu.params.caption import (
    CaptionEmbeddingsParams,
    CaptionModelParams,
    CaptionNetworkParams,
)
from dejavu.params.machine import MachineParams
from dejavu.run import shards
from dejavu.tables import by_sample, parquet
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import EMBEDDINGS
from dejavu.tables.views import VIEWS, views_of

SHARD_ROWS = 65_536


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbedShard:
    """Embed one shard of one view; picklable, so that it can run anywhere."""

    view: str
    model: Path
    settings: CaptionNetworkParams
    samples: Path
    images: Path
    splits: Path
    machine: MachineParams
    inputs: dict[str, str]

    def __call__(self, index: int, path: Path) -> None:
        """Write the embeddings of shard `index` to `path`."""
        ids = by_sample.ids_of_roles(self.splits, *VIEWS[self.view])
        ids = ids[index * SHARD_ROWS : (index + 1) * SHARD_ROWS]
        if len(ids) == 0:
            EMBEDDINGS.write(EMBEDDINGS.schema.empty_table(), path, inputs=self.inputs)
            return
        vectors = np.concatenate(list(self._vectors(ids)))
        rows = pa.table(
            {
                "sample_id": ids,
                "embedding": pa.FixedSizeListArray.from_arrays(
                    pa.array(vectors.ravel()), vectors.shape[1]
                ),
            }
        )
        EMBEDDINGS.write(rows, path, inputs=self.inputs)

    def _vectors(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        model = self._loaded
        rows = by_sample.require(self.samples, ids, ["uri", "caption", "content_hash"])
        size = self.machine.batch_images
        if self.view != "public_image":
            captions = rows["caption"].to_pylist()
            for start in range(0, len(ids), size):
                yield model.embed_texts(captions[start : start + size])
            return
        assert model.embed_images is not None
        uris = rows["uri"].to_pylist()
        with ImageReader.open(self.images, self.machine.data_root) as reader:
            reader.expect(rows)
            for start in range(0, len(ids), size):
                yield model.embed_images([reader.read(uri) for uri in uris[start : start + size]])

    @functools.cached_property
    def _loaded(self) -> CaptionModel:
        return load.load(self.model, self.settings, self.machine)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_loaded"}


def embed(
    name: str,
    settings: CaptionModelParams,
    *,
    samples: Path,
    images: Path,
    splits: Path,
    model: Path,
    machine: MachineParams,
    out: Path,
) -> None:
    """Write the views of one model that its modes need, as ``out/view=<view>/part-*.parquet``.

    Args:
        name: of the model, in ``caption.models``.
        settings: its entry.
        samples: the samples table.
        images: the images folder.
        splits: the splits table.
        model: the folder that stage ``clip`` made.
        machine: where to compute.
        out: the folder to make.
    """
    inputs = {
        "samples": parquet.fingerprint(samples),
        "split": parquet.fingerprint(splits),
        "weights": parquet.fingerprint(model),
    }
    shutil.rmtree(out, ignore_errors=True)
    if isinstance(settings, CaptionEmbeddingsParams):
        imported.write(
            settings, machine.data_folder / settings.path, provenance=model / folder.PROVENANCE,
            samples=samples, splits=splits, inputs=inputs, out=out,
        )  # fmt: skip
        return
    for view in views_of(settings.modes):
        n = len(by_sample.ids_of_roles(splits, *VIEWS[view]))
        shards.run(
            EmbedShard(
                view=view, model=model, settings=settings, samples=samples, images=images,
                splits=splits, machine=machine, inputs=inputs,
            ),
            max(1, -(-n // SHARD_ROWS)),
            out=out / partition(view=view),
            stage=f"embed_captions@{name} {view}",
            facts={**inputs, "view": view, "settings": settings.model_dump()},
            engine=machine.engine,
            num_gpus=0.0 if devices.choose(machine.device).type == "cpu" else 1.0,
        )  # fmt: skip
