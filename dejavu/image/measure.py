"""What else is measured of every attacked crop, with each target model (docs/method.md, ours)."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu import measures
from dejavu.image.labels import labeled
from dejavu.image.targets import Target
from dejavu.measures import Attacked, Measure, Neighbors
from dejavu.roles import ATTACKED
from dejavu.search.similarity import Metric
from dejavu.search.stored_vectors import bank_of, vectors_of
from dejavu.statistics.measure_rows import rows_of
from dejavu.tables import by_sample, parquet
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import MEASURES, NEIGHBORS
from dejavu.tables.views import CROP, PUBLIC_IMAGE

BLOCK_ROWS = 16_384  # attacked samples in memory at once


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSettings:
    """What is measured."""

    targets: Sequence[Target]
    metrics: tuple[Metric, ...]  # ``image.neighbors.metrics``
    names: tuple[str, ...]  # ``measures.image``
    temperature: float  # ``measures.temperature``


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MeasureInputs:
    """The artifacts that are read."""

    samples: Path  # has the label of every sample
    splits: Path
    embeddings: Path  # folder with ``model=<model>/layer=<layer>/view=<view>``
    neighbors: Path  # folder with ``model=<model>/layer=<layer>/metric=<metric>``


def measure(*, settings: MeasureSettings, inputs: MeasureInputs, out: Path) -> None:
    """Write the table ``measures``: each target model in each layer and metric.

    What does not depend on the metric stands once, at the first. Guesses made elsewhere come without vectors
    and have no rows.

    Raises:
        ArtifactError: the tables come from different runs.
    """
    known = labeled(inputs.samples, inputs.splits, ATTACKED)
    stamp = {name: parquet.fingerprint(getattr(inputs, name)) for name in ("samples", "splits")}
    ordered = sorted(settings.targets, key=lambda each: each.name) if known.num_rows else []
    rows = (part for target in ordered for part in _measured(target, settings, inputs, known))
    MEASURES.write_stream(rows, out, inputs=stamp)


def _measured(
    target: Target, settings: MeasureSettings, inputs: MeasureInputs, known: pa.Table
) -> Iterator[pa.Table]:
    if target.layer is None or target.metric is None:
        return
    own = inputs.embeddings / partition(model=target.model, layer=target.layer)
    near = inputs.neighbors / partition(
        model=target.model, layer=target.layer, metric=target.metric
    )
    parquet.require_common_origin([own / partition(view=CROP), near], "samples", "split", "crops")
    chosen: dict[str, Measure] = {name: measures.load(name) for name in settings.names}
    if target.metric != settings.metrics[0]:
        chosen = {name: each for name, each in chosen.items() if each.is_by_metric}
    metric: Metric = "cosine" if target.metric == "cosine" else "l2"
    spread = 1.0 if metric == "cosine" else _spread(own / partition(view=PUBLIC_IMAGE))
    ids, roles, values = [], [], dict[str, list[np.ndarray]]()
    for block in _blocks(own / partition(view=CROP), near, known, metric, spread, settings):
        ids.append(block.sample_id)
        roles.append(block.role)
        for name, each in chosen.items():
            if (found := each.of(block.attacked)) is not None:
                values.setdefault(name, []).append(found)
    if ids:
        whole: Mapping[str, np.ndarray] = {name: np.concatenate(v) for name, v in values.items()}
        yield rows_of(target.name, np.concatenate(ids), pa.concat_arrays(roles), whole)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    sample_id: np.ndarray
    role: pa.Array
    attacked: Attacked


def _blocks(
    crops: Path,
    neighbors: Path,
    known: pa.Table,
    metric: Metric,
    spread: float,
    settings: MeasureSettings,
) -> Iterator[_Block]:
    """Yield the attacked samples in id order, with their vectors and what is near them."""
    all_ids, label = (known[name].to_numpy() for name in ("sample_id", "label_id"))
    for batch in NEIGHBORS.batches(neighbors, batch_rows=BLOCK_ROWS):
        ids = batch["sample_id"].to_numpy()
        n, near = len(ids), batch["neighbor_ids"].flatten().to_numpy()
        places, _ = by_sample.positions(all_ids, ids)
        yield _Block(
            sample_id=ids,
            role=pc.take(known["role"], pa.array(places)).combine_chunks(),
            attacked=Attacked(
                vectors=vectors_of(by_sample.require(crops, ids, ["embedding"])),
                neighbors=Neighbors(
                    similarities=batch["similarities"].flatten().to_numpy().astype(np.float64).reshape(n, -1),
                    metric=metric, spread=spread, temperature=settings.temperature,
                    labels=label[by_sample.positions(all_ids, near)[0]].astype(np.int64).reshape(n, -1),
                ),
                labels=label[places].astype(np.int64),
            ),
        )  # fmt: skip


def _spread(bank: Path) -> float:
    """Return the mean squared distance of the public vectors from their mean, in one pass."""
    n, total, squares = 0, np.zeros(1), 0.0
    for _, vectors in bank_of(bank, BLOCK_ROWS).blocks():
        exact = vectors.astype(np.float64)
        n, total, squares = (
            n + len(exact),
            total + exact.sum(axis=0),
            squares + float((exact**2).sum()),
        )
    mean = total / n
    return max(squares / n - float(mean @ mean), np.finfo(np.float64).tiny)
