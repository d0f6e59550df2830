"""Read the attacked samples of the caption lane block by block, every predictor's neighbors beside them."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int32, Int64

from dejavu.caption.comparisons import Predictor
from dejavu.caption.object_sets import Keys, ObjectSets, keys_of, require_known
from dejavu.errors import ArtifactError, DataError
from dejavu.tables import by_sample
from dejavu.tables.schemas import NEIGHBORS, OBJECTS

BLOCK_ROWS = 16_384
BATCH_ROWS = 65_536  # rows of the objects table decoded at once


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Attacked samples that show at least one object, ascending by id."""

    sample_ids: Int64[np.ndarray, " n"]
    roles: pa.Array
    n_objects: Int32[np.ndarray, " n"]
    truth: Keys
    n_vocabulary: int
    neighbor_ids: Mapping[Predictor, Int64[np.ndarray, "n k"]]


def blocks(
    neighbors: Mapping[Predictor, Path],
    *,
    splits: Path,
    objects: Path,
    n_vocabulary: int,
    block_rows: int,
) -> Iterator[Block]:
    """Yield the attacked samples in id order; those that show no object are left out.

    Raises:
        ArtifactError: two predictors searched for different samples.
    """
    predictors = list(neighbors)
    streams = (_neighbor_blocks(neighbors[each], block_rows) for each in predictors)
    for parts in zip(*streams, strict=True):
        sample_ids = parts[0][0]
        for predictor, (other_ids, _) in zip(predictors, parts, strict=True):
            if not np.array_equal(sample_ids, other_ids):
                raise ArtifactError(
                    f"{neighbors[predictor]}: not the samples of {neighbors[predictors[0]]}. "
                    "Run `dvc repro` to search again."
                )
        rows, exists = by_sample.find(objects, sample_ids, ["object_ids"])
        sets = to_object_sets(rows)
        require_known(sets, n_vocabulary, objects)
        shows_any = np.zeros(len(sample_ids), dtype=bool)
        shows_any[exists] = np.diff(sets.starts) > 0
        kept = sample_ids[shows_any]
        positions = np.arange(len(kept))[:, None]
        truth_rows = sets.rows_of(kept)
        yield Block(
            sample_ids=kept,
            roles=by_sample.require(splits, kept, ["role"])["role"].combine_chunks(),
            n_objects=np.diff(sets.starts)[truth_rows].astype(np.int32),
            truth=keys_of(sets, truth_rows, n_vocabulary),
            n_vocabulary=n_vocabulary,
            neighbor_ids={
                predictor: ids[shows_any] if ids.size else np.zeros((len(positions), 0), np.int64)
                for predictor, (_, ids) in zip(predictors, parts, strict=True)
            },
        )


def to_object_sets(rows: pa.Table) -> ObjectSets:
    """Turn rows of the `objects` table, ascending by id, into compressed rows."""
    lists = rows["object_ids"].combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    return ObjectSets(
        sample_ids=rows["sample_id"].to_numpy().astype(np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        object_ids=lists.flatten().to_numpy().astype(np.int32),
    )


def read_object_sets(objects: Path, sample_ids: Int64[np.ndarray, " n"]) -> ObjectSets:
    """Read the object sets of those of ascending `sample_ids` that are annotated: that have a row."""
    lengths = np.zeros(len(sample_ids), dtype=np.int64)
    is_annotated = np.zeros(len(sample_ids), dtype=bool)
    pieces: list[np.ndarray] = []
    columns = ["sample_id", "object_ids"]
    for batch in OBJECTS.batches(objects, batch_rows=BATCH_ROWS, columns=columns):
        part = to_object_sets(pa.Table.from_batches([batch]))
        places, wanted = by_sample.positions(sample_ids, part.sample_ids)
        sizes = np.diff(part.starts)
        lengths[places[wanted]] = sizes[wanted]
        is_annotated[places[wanted]] = True
        pieces.append(part.object_ids[np.repeat(wanted, sizes)])
    return ObjectSets(
        sample_ids=sample_ids[is_annotated],
        starts=np.concatenate([[0], np.cumsum(lengths[is_annotated])]).astype(np.int64),
        object_ids=np.concatenate([np.zeros(0, np.int32), *pieces]),
    )


def known_probabilities(
    samples: Path, sample_ids: Int64[np.ndarray, " n"], n_vocabulary: int
) -> Float64[np.ndarray, "n n_vocabulary"]:
    """Return P(object | caption) of each sample, columns in object-id order.

    Raises:
        DataError: a sample has no probabilities, or not one per object name.
    """
    truth = by_sample.require(samples, sample_ids, ["truth"])["truth"].combine_chunks()
    lists = truth.field("probabilities")
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    if len(lengths) and not (lengths == n_vocabulary).all():
        raise DataError(
            f"{samples}: the oracle needs one probability for each of the {n_vocabulary} objects of "
            f"the vocabulary, found {np.unique(lengths[lengths == lengths]).tolist()} per sample. "
            "Take `oracle` out of caption.score.references, or annotate with source: corpus."
        )
    return lists.flatten().to_numpy().reshape(len(sample_ids), n_vocabulary)


def _neighbor_blocks(
    folder: Path, block_rows: int
) -> Iterator[tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, "n k"]]]:
    """Yield (ids, neighbor ids) of exactly `block_rows` rows each, whatever the files' parts are."""
    pending: list[pa.RecordBatch] = []
    n_pending = 0
    columns = ["sample_id", "neighbor_ids"]
    for batch in NEIGHBORS.batches(folder, batch_rows=block_rows, columns=columns):
        pending.append(batch)
        n_pending += batch.num_rows
        while n_pending >= block_rows:
            rows = pa.Table.from_batches(pending)
            yield _to_arrays(rows.slice(0, block_rows), folder)
            pending = rows.slice(block_rows).to_batches()
            n_pending -= block_rows
    if n_pending:
        yield _to_arrays(pa.Table.from_batches(pending), folder)


def _to_arrays(
    rows: pa.Table, folder: Path
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, "n k"]]:
    lists = rows["neighbor_ids"].combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    if (lengths != lengths[0]).any():
        raise ArtifactError(f"{folder}: samples with different numbers of neighbors.")
    ids = lists.flatten().to_numpy().astype(np.int64).reshape(len(lengths), int(lengths[0]))
    return rows["sample_id"].to_numpy().astype(np.int64), ids
