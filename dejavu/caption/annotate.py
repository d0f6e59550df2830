"""Which objects each image shows, from an annotator's detections: the truth of the caption lane."""

import collections
import dataclasses
import functools
import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int32

from dejavu.annotators import detectors
from dejavu.annotators.detectors import Looker
from dejavu.annotators.source import decoded
from dejavu.caption import object_bank, object_rows
from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.plausibility import NOTES, RULES
from dejavu.errors import DataError
from dejavu.params.caption import CorpusObjectsParams, ObjectsParams, TableObjectsParams
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import MachineParams
from dejavu.roles import ATTACKED, PUBLIC, REFERENCE
from dejavu.run import engines, shards
from dejavu.run.progress import say
from dejavu.tables import parquet
from dejavu.tables.schemas import (
    LABELS,
    OBJECT_VOCABULARY,
    OBJECTS,
    SAMPLES,
    SPLITS,
    UNANNOTATED,
)

ANNOTATED_ROLES = (*ATTACKED, PUBLIC)  # whose objects every run needs
# whose objects are noted: the crossover reads those of the reference role, as far as they are known
NOTED_ROLES = (*ANNOTATED_ROLES, REFERENCE)
IMAGES_PER_SHARD = 2_048  # minutes of work for a large network on a GPU
# A source that knows all detections makes two views in the database: `annotated` (sample_id) and
# `detections` (sample_id, object, score, x0, y0, x1, y1, mask_area_px). It finds the view `samples` of
# samples.parquet, and is given the folder that its paths are relative to.
Register = Callable[[duckdb.DuckDBPyConnection, ObjectsParams, Path], object]
_ANNOTATORS = {
    "corpus": "dejavu.annotators.objects_corpus:register",
    "table": "dejavu.annotators.objects_table:register",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The caption lane's tables, and its images."""

    samples: Path
    images: Path  # folder that stage ``corpus`` wrote
    labels: Path  # may be empty
    splits: Path  # made from `samples`

    def origin(self) -> dict[str, str]:
        """Return the fingerprints that a table made from them carries."""
        return {
            "samples": parquet.fingerprint(self.samples),
            "split": parquet.fingerprint(self.splits),
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ObjectTables:
    """The tables to make."""

    objects: Path  # folder
    vocabulary: Path
    unannotated: Path  # samples of which nobody said what they show


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateSettings:
    """What says which objects an image shows, and where it runs."""

    entry: ObjectsParams  # section ``caption.objects``
    limits: LimitsParams  # section ``limits``
    machine: MachineParams


def annotate(*, settings: AnnotateSettings, inputs: Images, out: ObjectTables) -> None:
    """Write the objects of every target, control, public and reference sample, and the vocabulary.

    An object counts once per sample, with its best detection. Object ids follow the names in
    alphabetical order; the vocabulary holds every name of the labels and every one that was detected
    or, by a network, looked for. Samples without annotation show an unknown number of objects, not none:
    they are listed, and neither searched nor scored. Of the reference role, which only the crossover reads,
    those without annotation are left out.

    Raises:
        DataError: samples of another role have no annotation and that is not allowed, or more than the limit
            of them have none; attacked samples show only objects that no public image shows; or the
            annotations break their format.
        WeightsError: a network is not what its entry says.
    """
    if isinstance(settings.entry, CorpusObjectsParams | TableObjectsParams):
        _import(settings.entry, settings, inputs, out)
    else:
        _look(detectors.load(settings.entry, settings.machine), settings, inputs, out)


def _look(looker: Looker, settings: AnnotateSettings, inputs: Images, out: ObjectTables) -> None:
    """Let a network look at the images, a shard at a time."""
    machine = settings.machine
    stamp = inputs.origin() | dict(looker.provenance)
    names = sorted({*looker.vocabulary, *LABELS.read(inputs.labels)["label"].to_pylist()})
    id_of = {name: object_id for object_id, name in enumerate(names)}
    roles = SPLITS.read(inputs.splits, columns=["role"])["role"]
    wanted = SAMPLES.read(inputs.samples, columns=["sample_id", "uri"])
    wanted = wanted.filter(pc.is_in(roles, pa.array(NOTED_ROLES)))
    write = functools.partial(
        _write_shard, looker, np.array([id_of[name] for name in looker.vocabulary], np.int32),
        wanted, inputs.images, machine, stamp,
    )  # fmt: skip
    parts = shards.run(
        write,
        max(1, -(-wanted.num_rows // IMAGES_PER_SHARD)),
        out=out.objects,
        stage="annotate_objects",
        facts={"settings": settings.entry.model_dump(), **stamp},
        engine=engines.of(machine, gpus=detectors.gpus_per_worker(machine)),
    )
    rows = pa.table({"object_id": range(len(names)), "object": names}, OBJECT_VOCABULARY.schema)
    OBJECT_VOCABULARY.write(rows, out.vocabulary, inputs=stamp)
    with duckdb.connect() as database:
        _register_wanted(database, inputs)
        database.read_parquet(
            [str(part) for part in sorted(out.objects.glob("*.parquet"))]
        ).create_view("objects")
        database.execute(
            "CREATE VIEW shown AS SELECT sample_id, unnest(object_ids)::VARCHAR AS object FROM objects"
        )
        told, notes = object_bank.judge(database, settings.limits.labels_without_bank)
    nobody = UNANNOTATED.schema.empty_table()
    UNANNOTATED.write(nobody, out.unannotated, inputs=stamp, notes={NOTES: notes})
    say(
        f"annotate_objects: {wanted.num_rows} samples in {len(parts)} parts, {len(names)} object "
        f"names; {told}"
    )


def _write_shard(
    looker: Looker,
    object_ids: Int32[np.ndarray, " names"],
    wanted: pa.Table,
    images: Path,
    machine: MachineParams,
    stamp: dict[str, str],
    index: int,
    path: Path,
) -> None:
    shard = wanted.slice(index * IMAGES_PER_SHARD, IMAGES_PER_SHARD)
    with ImageReader.open(images, machine.data_root) as reader:
        found = list(looker.look(decoded(shard, reader, workers=machine.workers)))
    rows = object_rows.of_found(shard["sample_id"].to_numpy(), found, object_ids)
    OBJECTS.write(object_rows.grouped(rows), path, inputs=stamp)


def _import(
    entry: CorpusObjectsParams | TableObjectsParams,
    settings: AnnotateSettings,
    inputs: Images,
    out: ObjectTables,
) -> None:
    """Take detections that are known already."""
    module, _, name = _ANNOTATORS[entry.source].partition(":")
    register: Register = getattr(importlib.import_module(module), name)
    stamp = inputs.origin()
    scratch = out.objects.with_name(out.objects.name + ".scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    with duckdb.connect() as database:
        database.execute("SET temp_directory = ?", [str(scratch / "spill")])
        _register_wanted(database, inputs)
        register(database, entry, settings.machine.data_folder)
        allow_missing = getattr(entry, "allow_missing", False)
        missing, notes = unannotated(
            database, allow_missing=allow_missing, limit=settings.limits.unannotated
        )
        database.execute("CREATE VIEW shown AS SELECT sample_id, object FROM detections")
        told, crossed = object_bank.judge(database, settings.limits.labels_without_bank)
        UNANNOTATED.write(missing, out.unannotated, inputs=stamp, notes={NOTES: notes | crossed})
        names = _vocabulary(database, LABELS.read(inputs.labels)["label"].to_pylist())
        OBJECT_VOCABULARY.write(names, out.vocabulary, inputs=stamp)
        database.register("vocabulary", names)
        database.execute(_SORTED.format(path=scratch / "sorted.parquet"))
    shutil.rmtree(out.objects, ignore_errors=True)
    rows = object_rows.by_sample(scratch / "sorted.parquet")
    n_rows = OBJECTS.write_stream(rows, out.objects / "part-00000.parquet", inputs=stamp)
    shutil.rmtree(scratch)
    say(f"annotate_objects: {n_rows} samples, {names.num_rows} object names; {told}")


def _register_wanted(database: duckdb.DuckDBPyConnection, inputs: Images) -> None:
    """Make the views `samples`, `splits`, and `wanted` of those that some later stage reads."""
    for view, path in (("samples", inputs.samples), ("splits", inputs.splits)):
        database.read_parquet(str(path)).create_view(view)
    roles = ", ".join(f"'{role}'" for role in NOTED_ROLES)
    database.execute(
        f"CREATE VIEW wanted AS SELECT sample_id, sample_name, role FROM samples JOIN splits "  # noqa: S608  # fixed names
        f"USING (sample_id) WHERE role IN ({roles})"
    )


_SORTED = """
COPY (
    SELECT sample_id, object_id, score::FLOAT AS score, x0::FLOAT AS x0, y0::FLOAT AS y0,
        x1::FLOAT AS x1, y1::FLOAT AS y1, mask_area_px::BIGINT AS mask_area_px
    FROM wanted SEMI JOIN annotated USING (sample_id)
    LEFT JOIN (detections JOIN vocabulary USING (object)) USING (sample_id)
    ORDER BY sample_id, object_id, score DESC, x0, y0, x1, y1, mask_area_px
) TO '{path}' (FORMAT parquet)
"""


def unannotated(
    database: duckdb.DuckDBPyConnection, *, allow_missing: bool, limit: float
) -> tuple[pa.Table, dict[str, str]]:
    """Return table ``unannotated``, and the note where a limit raised on purpose is crossed.

    Args:
        database: has the views `wanted` (sample_id, sample_name, role; the reference role may be among
            them and need not be annotated) and `annotated` (sample_id).
        allow_missing: whether any may lack an annotation.
        limit: share of those wanted that may, at most.

    Raises:
        DataError: more do; the message counts them by role.
    """
    needed = f"FROM wanted WHERE role <> '{REFERENCE}'"
    rows = database.sql(
        f"SELECT sample_id, role, sample_name FROM ({needed}) ANTI JOIN annotated USING (sample_id) "  # noqa: S608  # fixed names
        "ORDER BY sample_id"
    ).to_arrow_table()
    n, n_all = len(rows), len(database.sql(needed))
    counts = collections.Counter(rows["role"].to_pylist())
    told = (
        f"{n} of {n_all} target, control or public samples have no annotation "
        f"({', '.join(f'{count} {role}' for role, count in sorted(counts.items()))})"
    )
    examples = ", ".join(rows["sample_name"][:5].to_pylist())
    if n and not allow_missing:
        raise DataError(
            f"{told}, e.g. {examples}. An image without objects needs a row whose object is empty. "
            "Annotate the rest, or set caption.objects.allow_missing to true to leave them out."
        )
    if n > limit * n_all:
        raise DataError(
            f"{told}: {n / n_all:.1%}, expected at most limits.unannotated = {limit:.1%}; e.g. {examples}. "
            "They are left out, and nobody knows whether the rest is like them. Annotate more, or raise the "
            "limit; the report then says so."
        )
    if n:
        say(f"annotate_objects: {told}; they are neither searched nor scored")
    is_raised = n > RULES["unannotated"].default * n_all
    notes = {"unannotated": json.dumps([n, n_all])} if is_raised else {}
    return rows.select(UNANNOTATED.schema.names).cast(UNANNOTATED.schema), notes


def _vocabulary(database: duckdb.DuckDBPyConnection, labels: list[str]) -> pa.Table:
    found = database.sql(
        "SELECT DISTINCT object FROM detections SEMI JOIN wanted USING (sample_id)"
    ).fetchall()
    names = sorted({name for (name,) in found} | set(labels))
    return pa.table(
        {"object_id": range(len(names)), "object": names}, schema=OBJECT_VOCABULARY.schema
    )
