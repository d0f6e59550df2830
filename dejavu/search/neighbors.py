"""Nearest public images of every attacked crop, as tables, in every layer and metric."""

import dataclasses
import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from dejavu.params.encoders import NeighborsParams
from dejavu.params.machine import MachineParams
from dejavu.run import shards
from dejavu.search.knn import EXACT, Bank, Block, Search, recall
from dejavu.search.similarity import Metric
from dejavu.tables import parquet
from dejavu.tables.parquet import fingerprint, inputs_of, require_common_origin
from dejavu.tables.schemas import EMBEDDINGS, NEIGHBORS
from dejavu.tables.views import CROP, PUBLIC_IMAGE

RECALL_QUERIES = 1_000  # crops, evenly spread, on which an approximate index is measured
RECALL = "recall.json"


def find(
    embeddings: Path,
    out: Path,
    *,
    model: str,
    layers: tuple[str, ...],
    settings: NeighborsParams,
    machine: MachineParams,
) -> None:
    """Write ``<layer>-<metric>/part-*.parquet`` (table ``neighbors``) and ``recall.json``.

    Memory holds one block of the public vectors, one part of the crops and their candidates.
    ``recall.json`` says per folder which share of the exact neighbors the index found: 1 for Flat,
    measured on up to `RECALL_QUERIES` crops for any other.

    Raises:
        ArtifactError: public images and crops were embedded by different networks or splits.
        ParamsError: there are fewer than k public images, or FAISS cannot build the index.
    """
    shutil.rmtree(out, ignore_errors=True)
    recalls = {}
    for layer in layers:
        for metric in settings.metrics:
            folder = f"{layer}-{metric}"
            recalls[folder] = _find(
                embeddings / layer, out / folder, metric,
                stage=f"neighbors {model} {folder}", settings=settings, machine=machine,
            )  # fmt: skip
    text = json.dumps({"k": settings.k, "index": settings.index, "recall": recalls}, indent=1)
    (out / RECALL).write_text(text + "\n", encoding="utf-8")


def _find(
    layer: Path,
    out: Path,
    metric: Metric,
    *,
    stage: str,
    settings: NeighborsParams,
    machine: MachineParams,
) -> float:
    """Write the neighbors of one layer and metric; return the recall of the index."""
    public, crops = layer / PUBLIC_IMAGE, layer / CROP
    require_common_origin([public, crops], "samples", "split", "weights", "preprocessing")
    if n_rows(public) == n_rows(crops) == 0:  # the lane is not used
        rows = NEIGHBORS.schema.empty_table()
        NEIGHBORS.write(rows, out / "part-00000.parquet", inputs=inputs_of(crops))
        return 1.0
    bank = bank_of(public, machine.block_rows)
    facts = {
        "public": fingerprint(public),
        "crops": fingerprint(crops),
        "metric": metric,
        "settings": settings.model_dump(),
    }
    parts = sorted(crops.glob("*.parquet"))  # a part of crops becomes a part of neighbors
    shard = NeighborsShard(
        public=public, parts=parts, metric=metric, settings=settings, block_rows=machine.block_rows
    )
    shards.run(shard, len(parts), out=out, stage=stage, facts=facts, engine=machine.engine)
    if settings.index == EXACT:
        return 1.0
    return _measured_recall(bank, crops, out, metric, settings)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighborsShard:
    """Search for one part of the crops; picklable, so that it can run anywhere."""

    public: Path
    parts: list[Path]
    metric: Metric
    settings: NeighborsParams
    block_rows: int

    def __call__(self, index: int, path: Path) -> None:
        """Write the neighbors of part `index` to `path`."""
        rows, k = EMBEDDINGS.read(self.parts[index]), self.settings.k
        found = self._search.nearest(vectors_of(rows), k=k, margin=self.settings.candidate_margin)
        offsets = np.arange(len(rows) + 1, dtype=np.int32) * k
        table = pa.table(
            {
                "sample_id": rows["sample_id"],
                "neighbor_ids": pa.ListArray.from_arrays(offsets, found.ids.ravel()),
                "similarities": pa.ListArray.from_arrays(
                    offsets, found.similarities.ravel().astype(np.float32)
                ),
            }
        )
        NEIGHBORS.write(table, path, inputs=inputs_of(self.parts[index]))

    @functools.cached_property
    def _search(self) -> Search:
        bank = bank_of(self.public, self.block_rows)
        return Search(bank, metric=self.metric, index=self.settings.index)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_search"}


def _measured_recall(
    bank: Bank, crops: Path, found: Path, metric: Metric, settings: NeighborsParams
) -> float:
    """Compare the written neighbors with the exact ones on evenly spread crops."""
    last = n_rows(crops) - 1
    chosen = np.unique(np.linspace(0, last, RECALL_QUERIES).round().astype(np.int64))
    queries, start = [], 0
    for _, vectors in bank_of(crops, RECALL_QUERIES).blocks():
        inside = chosen[(chosen >= start) & (chosen < start + len(vectors))]
        queries.append(vectors[inside - start])
        start += len(vectors)
    exact = Search(bank, metric=metric, index=EXACT).nearest(
        np.concatenate(queries), k=settings.k, margin=settings.candidate_margin
    )
    ids = NEIGHBORS.read(found, columns=["neighbor_ids"])["neighbor_ids"].combine_chunks()
    written = ids.flatten().to_numpy().reshape(-1, settings.k)
    return recall(written[chosen], exact.ids)


def bank_of(embeddings: Path, block_rows: int) -> Bank:
    """Return a table of embeddings as a bank that streams `block_rows` rows at a time."""

    def blocks() -> Iterator[Block]:
        for batch in EMBEDDINGS.batches(embeddings, batch_rows=block_rows):
            rows = pa.Table.from_batches([batch])
            yield rows["sample_id"].to_numpy(), vectors_of(rows)

    first = pq.read_schema(sorted(embeddings.glob("*.parquet"))[0])
    return Bank(
        blocks=blocks, n_rows=n_rows(embeddings), dim=first.field("embedding").type.list_size
    )


def n_rows(embeddings: Path) -> int:
    """Return how many vectors a table of embeddings holds."""
    return int(parquet.open_dataset(embeddings).count_rows())


def vectors_of(rows: pa.Table) -> Float32[np.ndarray, "n dim"]:
    """Return column ``embedding`` as a matrix."""
    column = rows["embedding"].combine_chunks()
    values: np.ndarray = column.flatten().to_numpy()
    return values.reshape(len(rows), -1) if len(rows) else np.empty((0, 1), np.float32)
