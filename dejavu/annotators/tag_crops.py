"""Annotators by source: what tags the background crops that Naive Bayes learns from and guesses for.

An annotator is prepared once (it may look at the crops of the reference role, never at attacked ones) and
then tags the crops shard by shard.
"""

import collections
import dataclasses
import functools
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from dejavu.annotators.source import CropSource
from dejavu.corpora.plausibility import NOTES, RULES, UNANNOTATED
from dejavu.errors import DataError, ParamsError, suggestion
from dejavu.params.machine import MachineParams
from dejavu.params.references import AnnotatorSource
from dejavu.roles import ATTACKED, REFERENCE
from dejavu.run import engines, shards
from dejavu.run.progress import say
from dejavu.tables import by_sample
from dejavu.tables.parquet import is_empty
from dejavu.tables.schemas import TAG_VOCABULARY, TAGS

ANNOTATORS = {
    "corpus": "dejavu.annotators.corpus:prepare",
    "visual_words": "dejavu.annotators.visual_words:prepare",
    "table": "dejavu.annotators.tags_table:prepare",
    "tagger": "dejavu.annotators.detectors:prepare",
    "grounded_sam": "dejavu.annotators.detectors:prepare",
    "detic": "dejavu.annotators.detectors:prepare",
}


@runtime_checkable
class Annotator(Protocol):
    """Tags crops; ready to use, and picklable, so that shards can be tagged elsewhere."""

    vocabulary: Sequence[str]  # the position of a tag is its tag_id
    columns: Sequence[str]  # of table ``samples``, that `tag` needs beside the crop
    provenance: Mapping[str, str]  # fingerprint of every file outside the pipeline that it uses
    crops_per_shard: int  # a stage that is killed loses the work on one shard
    num_gpus: float  # that one Ray worker asks for
    known: np.ndarray | None  # samples whose crops it can say anything about, ascending; None: all

    def tag(self, crops: pa.Table) -> tuple[list[list[int]], list[list[float]]]:
        """Return the distinct tag ids of each crop, best first, and their scores."""


def prepare(
    settings: AnnotatorSource, source: CropSource, *, seed: int, machine: MachineParams
) -> Annotator:
    """Return an annotator that is ready to tag.

    Raises:
        ParamsError: the source is unknown.
    """
    if settings.source not in ANNOTATORS:
        raise ParamsError(
            f"Unknown annotator source {settings.source!r}.{suggestion(settings.source, ANNOTATORS)}"
        )
    module, _, name = ANNOTATORS[settings.source].partition(":")
    make: Callable[..., Annotator] = getattr(importlib.import_module(module), name)
    return make(settings, source, seed=seed, machine=machine)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TagSettings:
    """Which annotator tags, and how it runs."""

    name: str  # of the annotator, for the scratch folder and progress
    entry: AnnotatorSource  # ``image.annotators.<name>``
    seed: int
    limit: float  # ``limits.unannotated``: share of the crops that may have no annotation
    machine: MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TagTables:
    """What is written."""

    tags: Path  # folder for table ``tags``, one part per shard
    vocabulary: Path  # table ``tag_vocabulary``


def tag_crops(*, settings: TagSettings, inputs: CropSource, out: TagTables) -> None:
    """Tag the kept crops of the roles reference, target and control, a shard at a time.

    A crop that the annotator does not know has no row: it is not a crop without tags. Of a lane without
    samples nothing is prepared or tagged.

    Raises:
        DataError: the annotator does not know more of the crops than the limit.
    """
    stamp = inputs.origin()
    if is_empty(inputs.samples):
        TAGS.write(TAGS.schema.empty_table(), out.tags / "part-00000.parquet", inputs=stamp)
        TAG_VOCABULARY.write(TAG_VOCABULARY.schema.empty_table(), out.vocabulary, inputs=stamp)
        return
    annotator = prepare(settings.entry, inputs, seed=settings.seed, machine=settings.machine)
    stamp |= dict(annotator.provenance)
    crops = inputs.kept((REFERENCE, *ATTACKED), columns=annotator.columns)
    crops, notes = _annotated(crops, annotator, settings)
    parts = shards.run(
        functools.partial(_write_shard, annotator, crops, stamp, notes),
        max(1, -(-crops.num_rows // annotator.crops_per_shard)),
        out=out.tags,
        stage=f"tag_crops/{settings.name}",
        facts={
            "settings": settings.entry.model_dump(),
            "seed": settings.seed,
            "notes": notes,
            **stamp,
        },
        engine=engines.of(settings.machine, gpus=annotator.num_gpus),
    )
    words = {"tag_id": range(len(annotator.vocabulary)), "tag": list(annotator.vocabulary)}
    vocabulary = pa.table(words, schema=TAG_VOCABULARY.schema)
    TAG_VOCABULARY.write(vocabulary, out.vocabulary, inputs=stamp)
    say(
        f"{settings.name}: {len(annotator.vocabulary)} tags for {crops.num_rows} crops in "
        f"{len(parts)} parts"
    )


def _annotated(
    crops: pa.Table, annotator: Annotator, settings: TagSettings
) -> tuple[pa.Table, dict[str, dict[str, str]]]:
    """Return the crops that the annotator knows, and notes about the others.

    Raises:
        DataError: it does not know more than the limit; the message counts them by role.
    """
    if annotator.known is None:
        return crops, {}
    _, is_known = by_sample.positions(annotator.known, crops["sample_id"].to_numpy())
    others = collections.Counter(crops.filter(pa.array(~is_known))["role"].to_pylist())
    n, n_all = others.total(), crops.num_rows
    if not n:
        return crops, {}
    told = (
        f"annotator {settings.name}: {n} of {n_all} kept crops are not annotated "
        f"({', '.join(f'{count} {role}' for role, count in sorted(others.items()))})"
    )
    if n > settings.limit * n_all:
        raise DataError(
            f"{told}: {n / n_all:.1%}, expected at most limits.unannotated = {settings.limit:.1%}. "
            "Nothing is learned from them, and attacked ones are guessed from P(t) alone; nobody knows "
            "whether the rest is like them. Annotate more, or raise the limit; the report then says so."
        )
    say(f"{told}; nothing is learned from them, and attacked ones are guessed from P(t) alone")
    is_raised = n > RULES["unannotated"].default * n_all
    crossed = {"unannotated": json.dumps([n, n_all])} if is_raised else {}
    notes = {NOTES: crossed, UNANNOTATED: {role: str(count) for role, count in others.items()}}
    return crops.filter(pa.array(is_known)), notes


def _write_shard(
    annotator: Annotator,
    crops: pa.Table,
    inputs: dict[str, str],
    notes: dict[str, dict[str, str]],
    index: int,
    path: Path,
) -> None:
    step = annotator.crops_per_shard
    shard = crops.slice(index * step, step)
    tag_ids, scores = annotator.tag(shard)
    rows = {"sample_id": shard["sample_id"], "tag_ids": tag_ids, "scores": scores}
    TAGS.write(pa.table(rows, schema=TAGS.schema), path, inputs=inputs, notes=notes)
