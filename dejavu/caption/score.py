"""Score what captions bring back: hits and sizes of predicted object sets, per sample and comparison.

Samples stream through in blocks. Memory holds one block and the object sets of the public samples (about
4 bytes per object and 16 per public sample), whatever the number of attacked samples.
"""

import dataclasses
import itertools
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dejavu.caption import agreement, blocks
from dejavu.caption.blocks import Block
from dejavu.caption.comparisons import CaptionComparison, Predictor, plan
from dejavu.caption.object_sets import require_known
from dejavu.caption.outcomes import Outcomes, Setting, head, oracle_outcomes, search_outcomes
from dejavu.params.caption import CaptionModelParams, CaptionScoreParams
from dejavu.roles import ORACLE, PUBLIC
from dejavu.run.progress import say, track
from dejavu.tables import by_sample, parquet
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import CAPTION_SCORES, OBJECT_VOCABULARY, REFERENCE_AGREEMENT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionTables:
    """Where the artifacts of the caption lane lie."""

    samples: Path
    splits: Path
    objects: Path
    vocabulary: Path
    neighbors: Path  # folder; model=<model>/mode=<mode>/part-*.parquet below it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionScoreSettings:
    """Which models are compared, and how."""

    models: Mapping[str, CaptionModelParams]  # section ``caption.models``
    score: CaptionScoreParams  # section ``caption.score``


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionScoreFiles:
    """The tables to write."""

    scores: Path  # `caption_scores`
    agreement: Path  # `reference_agreement`: pairs of references on the same samples


def score(
    *,
    settings: CaptionScoreSettings,
    inputs: CaptionTables,
    out: CaptionScoreFiles,
    block_rows: int = blocks.BLOCK_ROWS,
) -> None:
    """Compare every target with every reference on every attacked sample that shows an object.

    True objects are those that the annotator found in the image. Precision is hits over predicted
    (0 where nothing is predicted: `predicted` = 0 tells), recall hits over true objects (paper,
    equation 2). Samples without any object are left out.

    Args:
        settings: the models, and section ``caption.score``.
        inputs: the artifacts to read.
        out: the tables to write.
        block_rows: attacked samples held in memory; it changes no byte.

    Raises:
        ArtifactError: tables of different splits, or neighbors of different samples.
        ParamsError: a reference has no entry, or more neighbors are asked for than are stored.
    """
    how = settings.score
    comparisons = plan(settings.models, how, knows_truth=_knows_probabilities(inputs.samples))
    pairs, crossings, grid = agreement.pairs(comparisons), agreement.crossings(how), _grid(how)
    folders, stamp = _origins(comparisons, inputs)
    n_vocabulary = OBJECT_VOCABULARY.read(inputs.vocabulary).num_rows
    stream = blocks.blocks(
        folders,
        splits=inputs.splits,
        objects=inputs.objects,
        n_vocabulary=n_vocabulary,
        block_rows=block_rows,
    )
    found = _searched(stream, comparisons, grid, inputs, n_vocabulary)
    scratch = out.scores.with_name(out.scores.name + ".scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    with _Shelf(scratch / "scores") as scores, _Shelf(scratch / "agreement") as agreements:
        for block, outcomes in found:
            scores.add(
                _score_rows(block, comparison, setting, outcomes)
                for comparison, setting in itertools.product(comparisons, grid)
            )
            agreements.add(
                agreement.rows(block, pair, crossing, outcomes)
                for pair, crossing in itertools.product(pairs, crossings)
            )
    n_rows = CAPTION_SCORES.write_stream(scores.rows(), out.scores, inputs=stamp)
    REFERENCE_AGREEMENT.write_stream(agreements.rows(), out.agreement, inputs=stamp)
    shutil.rmtree(scratch, ignore_errors=True)
    say(f"score_objects: {len(comparisons)} comparisons, {n_rows} rows")


def _searched(
    stream: Iterator[Block],
    comparisons: Sequence[CaptionComparison],
    grid: Sequence[Setting],
    inputs: CaptionTables,
    n_vocabulary: int,
) -> Iterator[tuple[Block, Outcomes]]:
    """Yield each block of attacked samples with what every predictor says of it, at every setting."""
    public_ids = by_sample.ids_of_roles(inputs.splits, PUBLIC)
    public = blocks.read_object_sets(inputs.objects, public_ids)
    require_known(public, n_vocabulary, inputs.objects)
    has_oracle = any(comparison.reference == ORACLE for comparison in comparisons)
    for block in track(stream, what="score_objects, blocks"):
        outcomes = search_outcomes(block, public, grid, n_vocabulary)
        if has_oracle:
            known = blocks.known_probabilities(inputs.samples, block.sample_ids, n_vocabulary)
            outcomes |= oracle_outcomes(block, known, grid)
        yield block, outcomes


def _grid(how: CaptionScoreParams) -> list[Setting]:
    return [(k, top) for k in how.k for top in (*how.top, None)]


def _score_rows(
    block: Block, comparison: CaptionComparison, setting: Setting, outcomes: Outcomes
) -> pa.Table:
    target = outcomes[comparison.target_predictor, setting]
    reference = outcomes[comparison.reference_predictor, setting]
    names = {
        "target": comparison.target, "reference": comparison.reference, "mode": comparison.mode,
    }  # fmt: skip
    columns = head(names, {"k": setting[0], "top": setting[1]}, block) | {
        "n_objects": block.n_objects,
        "target_hits": target.n_hits,
        "target_predicted": target.n_predicted,
        "reference_hits": reference.n_hits,
        "reference_predicted": reference.n_predicted,
        "target_precision": target.n_hits / np.maximum(target.n_predicted, 1),
        "reference_precision": reference.n_hits / np.maximum(reference.n_predicted, 1),
        "target_recall": target.n_hits / block.n_objects,
        "reference_recall": reference.n_hits / block.n_objects,
    }
    return pa.table(columns, schema=CAPTION_SCORES.schema)


def _origins(
    comparisons: Sequence[CaptionComparison], tables: CaptionTables
) -> tuple[dict[Predictor, Path], dict[str, str]]:
    """Return the folder of each search that is needed, and the fingerprints of all inputs."""
    searches = {c.target_predictor for c in comparisons}
    searches |= {c.reference_predictor for c in comparisons if c.reference != ORACLE}
    folders = {
        each: tables.neighbors / partition(model=each.model, mode=each.mode)
        for each in sorted(searches)
    }
    made_from = [tables.splits, tables.objects, *folders.values()]
    inputs = parquet.require_common_origin(made_from, "samples", "split")
    inputs["objects"] = parquet.fingerprint(tables.objects)
    for each, folder in folders.items():
        inputs[f"neighbors/{each.model}/{each.mode}"] = parquet.fingerprint(folder)
    return folders, inputs


def _knows_probabilities(samples: Path) -> bool:
    truth = parquet.open_dataset(samples).head(1, columns=["truth"])["truth"]
    return truth.null_count < len(truth) and pc.struct_field(truth, "probabilities").null_count == 0


class _Shelf:
    """One scratch file per comparison and setting, so that blocks can be read back setting by setting."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writers: dict[int, pq.ParquetWriter] = {}

    def __enter__(self) -> "_Shelf":
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self.writers.values():
            writer.close()

    def add(self, block: Iterable[pa.Table]) -> None:
        """Take the rows of a block: one table per comparison and setting, always in the same order."""
        for place, rows in enumerate(block):
            if place not in self.writers:
                path = self.folder / f"{place:06d}.parquet"
                self.writers[place] = pq.ParquetWriter(path, rows.schema, compression="zstd")
            self.writers[place].write_table(rows)

    def rows(self) -> Iterator[pa.Table]:
        for path in sorted(self.folder.glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group)
