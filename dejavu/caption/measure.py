"""What else is measured of every attacked caption, with each target model (docs/method.md, ours)."""

import dataclasses
import functools
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu import measures
from dejavu.caption.comparisons import headline_mode, target_names
from dejavu.corpora.image_reader import ImageReader
from dejavu.measures import Attacked, Neighbors
from dejavu.params.caption import CaptionEmbeddingsParams, CaptionModelParams, CaptionNetworkParams
from dejavu.params.machine import MachineParams
from dejavu.params.report import CaptionHeadline
from dejavu.run import engines, shards
from dejavu.search.stored_vectors import vectors_of
from dejavu.statistics.measure_rows import rows_of
from dejavu.tables import by_sample, parquet
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import MEASURES, NEIGHBORS

ROWS_PER_PART = 16_384  # fixed, so that no setting of the machine changes the files


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionMeasureSettings:
    """What is measured, and where it runs."""

    models: Mapping[str, CaptionModelParams]  # section ``caption.models``
    headline: CaptionHeadline | None  # its mode is where neighbors come from; None: no lane
    names: tuple[str, ...]  # ``measures.caption``
    temperature: float  # ``measures.temperature``
    machine: MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionMeasureInputs:
    """The artifacts that are read."""

    samples: Path
    images: Path
    splits: Path
    weights: Path  # folder with what stage ``clip`` made of each model
    embeddings: Path  # folder with ``model=<model>/view=<view>``
    neighbors: Path  # folder with ``model=<model>/mode=<mode>``


def measure(*, settings: CaptionMeasureSettings, inputs: CaptionMeasureInputs, out: Path) -> None:
    """Write the table ``measures``: each target model at the headline's mode, or its own first one.

    The images of attacked samples are embedded for it, with the models that are at hand.

    Raises:
        ArtifactError: the tables come from different runs.
        DataError: an image cannot be read.
    """
    stamp = {name: parquet.fingerprint(getattr(inputs, name)) for name in ("samples", "splits")}
    targets = sorted(target_names(settings.models)) if settings.headline else []
    MEASURES.write_stream(
        (part for target in targets for part in _measured(target, settings, inputs, stamp, out)),
        out,
        inputs=stamp,
    )


def _measured(
    target: str,
    settings: CaptionMeasureSettings,
    inputs: CaptionMeasureInputs,
    stamp: Mapping[str, str],
    out: Path,
) -> Iterator[pa.Table]:
    from dejavu.models import devices  # torch, which the image lane measures without

    assert settings.headline is not None
    mode = headline_mode(settings.models[target], settings.headline)
    near = inputs.neighbors / partition(model=target, mode=mode)
    vectors = inputs.embeddings / partition(model=target, view="caption")
    parquet.require_common_origin([near, vectors], "samples", "split", "weights")
    scratch, machine = out.with_name(f"{out.name}.parts"), settings.machine
    parts = shards.run(
        MeasureShard(target=target, near=near, vectors=vectors, settings=settings, inputs=inputs),
        max(1, -(-NEIGHBORS.count(near) // ROWS_PER_PART)),
        out=scratch,
        stage=f"measure@{target}",
        facts={
            **stamp, "near": parquet.fingerprint(near), "vectors": parquet.fingerprint(vectors),
            "names": settings.names, "temperature": settings.temperature,
            "settings": settings.models[target].model_dump(),
        },
        engine=engines.of(machine, gpus=devices.gpus_per_worker(machine.device)),
    )  # fmt: skip
    for name in sorted(settings.names):
        for part in parts:
            rows = MEASURES.read(part)
            yield rows.filter(pc.equal(rows["measure"], name))
    shutil.rmtree(scratch)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasureShard:
    """Measure one part of the attacked captions; picklable, so that it can run anywhere."""

    target: str
    near: Path
    vectors: Path
    settings: CaptionMeasureSettings
    inputs: CaptionMeasureInputs

    def __call__(self, index: int, path: Path) -> None:
        """Write the rows of part `index` to `path`."""
        rows = NEIGHBORS.rows(self.near, index * ROWS_PER_PART, ROWS_PER_PART)
        if not rows.num_rows:
            MEASURES.write(MEASURES.schema.empty_table(), path, inputs={})
            return
        ids = rows["sample_id"].to_numpy()
        near = rows["similarities"].combine_chunks().flatten().to_numpy().astype(np.float64)
        images, lengths = self._seen(ids)
        attacked = Attacked(
            vectors=vectors_of(by_sample.require(self.vectors, ids, ["embedding"])),
            neighbors=Neighbors(
                similarities=near.reshape(len(ids), -1), metric="cosine", spread=1.0,
                temperature=self.settings.temperature,
            ),
            images=images,
            lengths=lengths,
        )  # fmt: skip
        found = {name: measures.load(name).of(attacked) for name in self.settings.names}
        values = {name: each for name, each in found.items() if each is not None}
        role = by_sample.require(self.inputs.splits, ids, ["role"])["role"].combine_chunks()
        MEASURES.write(rows_of(self.target, ids, role, values), path, inputs={})

    def _seen(self, ids: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return vectors of the samples' own images, and lengths of the captions' vectors, where possible."""
        entry, machine = self.settings.models[self.target], self.settings.machine
        if isinstance(entry, CaptionEmbeddingsParams):
            return None, None  # no model at hand, and the vectors are as they were given
        embed_images, lengths_of = self._model(entry)
        rows = by_sample.require(self.inputs.samples, ids, ["uri", "caption", "content_hash"])
        uris, captions = rows["uri"].to_pylist(), rows["caption"].to_pylist()
        images, lengths = [], []
        with ImageReader.open(self.inputs.images, machine.data_root) as reader:
            reader.expect(rows)
            for start in range(0, len(ids), machine.batch_images):
                part = slice(start, start + machine.batch_images)
                if embed_images is not None:
                    images.append(embed_images([reader.read(uri) for uri in uris[part]]))
                if lengths_of is not None:
                    lengths.append(lengths_of(captions[part]))
        return (
            np.concatenate(images) if images else None,
            np.concatenate(lengths) if lengths else None,
        )

    def _model(self, entry: CaptionNetworkParams) -> tuple[Any, Any]:
        """Return what embeds images, and what tells the lengths of captions' vectors."""
        return _opened(self.inputs.weights / self.target, entry, self.settings.machine)


@functools.lru_cache(maxsize=1)
def _opened(folder: Path, entry: CaptionNetworkParams, machine: MachineParams) -> tuple[Any, Any]:
    from dejavu.models.clip import lengths, load  # torch, only where a model is at hand

    embed_images = load.load(folder, entry, machine).embed_images
    return embed_images, lengths.of_texts(folder, entry, machine)
