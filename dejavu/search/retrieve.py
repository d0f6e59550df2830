"""Bring back the public samples nearest to each attacked caption."""

import dataclasses
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.params.caption import CaptionModelParams, RetrieveParams
from dejavu.params.machine import MachineParams
from dejavu.run import shards
from dejavu.search.knn import Bank, Search
from dejavu.tables import parquet
from dejavu.tables.schemas import EMBEDDINGS, NEIGHBORS

SHARD_ROWS = 16_384
BANK_VIEW = {"t2i": "public_image", "t2t": "public_caption"}

Block = tuple[np.ndarray, np.ndarray]  # sample ids, vectors


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetrieveShard:
    """Search for one shard of captions; picklable, so that it can run anywhere."""

    queries: Path
    bank: Path
    settings: RetrieveParams
    block_rows: int
    inputs: dict[str, str]

    def __call__(self, index: int, path: Path) -> None:
        """Write the neighbors of shard `index` to `path`."""
        blocks = list(_blocks(self.queries, SHARD_ROWS, skip=index * SHARD_ROWS, stop=SHARD_ROWS))
        if not blocks:
            NEIGHBORS.write(NEIGHBORS.schema.empty_table(), path, inputs=self.inputs)
            return
        ids = np.concatenate([block[0] for block in blocks])
        vectors = np.concatenate([block[1] for block in blocks])
        k = self.settings.k
        found = self._search.nearest(vectors, k=k, margin=self.settings.candidate_margin)
        starts = pa.array(np.arange(len(ids) + 1, dtype=np.int32) * k)
        rows = pa.table(
            {
                "sample_id": ids,
                "neighbor_ids": pa.ListArray.from_arrays(starts, pa.array(found.ids.ravel())),
                "similarities": pa.ListArray.from_arrays(
                    starts, pa.array(found.similarities.ravel().astype(np.float32))
                ),
            },
            schema=NEIGHBORS.schema,
        )
        NEIGHBORS.write(rows, path, inputs=self.inputs)

    @functools.cached_property
    def _search(self) -> Search:
        dim = next(_blocks(self.bank, 1))[1].shape[1]
        bank = Bank(
            blocks=functools.partial(_blocks, self.bank, self.block_rows),
            n_rows=parquet.open_dataset(self.bank).count_rows(),
            dim=dim,
        )
        return Search(bank, metric="cosine", index=self.settings.index)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_search"}


def retrieve(
    name: str,
    model: CaptionModelParams,
    settings: RetrieveParams,
    *,
    embeddings: Path,
    machine: MachineParams,
    out: Path,
) -> None:
    """Write the neighbors of every attacked caption, as ``out/<mode>/part-*.parquet``.

    Vectors have unit length, so the cosine is the inner product. The nearest come first, ties go to
    the smaller sample id; the first K of the stored neighbors are the K nearest for every smaller K.

    Args:
        name: of the model, in ``caption.models``.
        model: its entry.
        settings: section ``caption.retrieve``.
        embeddings: the folder that stage ``embed_captions`` made.
        machine: how much to hold in memory.
        out: the folder to make.

    Raises:
        ParamsError: there are fewer public samples than neighbors asked for.
    """
    shutil.rmtree(out, ignore_errors=True)
    queries = embeddings / "caption"
    n_queries = parquet.open_dataset(queries).count_rows()
    for mode in model.modes:
        bank = embeddings / BANK_VIEW[mode]
        inputs = parquet.require_common_origin([queries, bank], "samples", "split", "weights")
        inputs["embeddings"] = parquet.fingerprint(bank)
        shards.run(
            RetrieveShard(
                queries=queries, bank=bank, settings=settings, block_rows=machine.block_rows,
                inputs=inputs,
            ),
            max(1, -(-n_queries // SHARD_ROWS)),
            out=out / mode,
            stage=f"retrieve@{name} {mode}",
            facts={**inputs, "queries": parquet.fingerprint(queries), **settings.model_dump()},
            engine=machine.engine,
        )  # fmt: skip


def _blocks(folder: Path, rows: int, *, skip: int = 0, stop: int | None = None) -> Iterator[Block]:
    """Stream ids and vectors: `stop` rows (None: all) after the first `skip`."""
    left = stop
    for batch in EMBEDDINGS.batches(folder, batch_rows=rows):
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        part = batch.slice(skip, left)
        skip = 0
        vectors = part["embedding"].flatten().to_numpy()
        yield part["sample_id"].to_numpy(), vectors.reshape(part.num_rows, -1)
        if left is not None:
            left -= part.num_rows
            if left == 0:
                return
