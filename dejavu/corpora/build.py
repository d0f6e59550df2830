"""Corpora by adapter name, and the one function that turns a corpus into tables.

An adapter only lists samples. `build` opens every image once, judges it, and writes the tables;
nothing a corpus contains is left out silently: an unusable sample is a row with its problem.
"""

import collections
import contextlib
import dataclasses
import importlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dejavu.corpora.box_files import found_by
from dejavu.corpora.boxes import of_record
from dejavu.corpora.embedded import PART, Store
from dejavu.corpora.image_reader import SOURCE, ImageReader
from dejavu.corpora.inspection import Inspection, inspect, measure, take_over
from dejavu.corpora.plausibility import NOTES, judge
from dejavu.corpora.records import NOT_ANNOTATED, Corpus, Record
from dejavu.corpora.roots import external_root
from dejavu.corpora.tallies import Tally, turned
from dejavu.errors import DataError, ParamsError, suggestion
from dejavu.files.remote import AnyPath, local_copy
from dejavu.params.corpora import (
    AnyCorpus,
    ImageFolderParams,
    ImageNetParams,
    SamplesTableParams,
)
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import MachineParams
from dejavu.run.progress import say, track
from dejavu.tables.schemas import LABELS, SAMPLES

BOX_REPAIRS = ("clamped", "dropped", "rescaled", "swapped")
BROKEN_TEXT = "\ufffd"  # what stands for bytes that are no text
_RECORDS_AT_ONCE = 2_000
_BOX_FIELDS = ("x0", "y0", "x1", "y1", "label")
_ADAPTERS = {
    "none": "dejavu.corpora.nothing:Nothing",
    "captions_table": "dejavu.corpora.captions_table:CaptionsTable",
    "coco": "dejavu.corpora.coco:Coco",
    "glyph_scenes": "dejavu.corpora.glyph_scenes:GlyphScenes",
    "webdataset": "dejavu.corpora.webdataset:WebDataset",
    "glyphs": "dejavu.corpora.glyphs:Glyphs",
    "imagenet": "dejavu.corpora.imagenet:ImageNet",
    "image_folder": "dejavu.corpora.image_folder:ImageFolder",
    "samples_table": "dejavu.corpora.samples_table:SamplesTable",
    "tiny_imagenet": "dejavu.corpora.tiny_imagenet:TinyImageNet",
}


def adapter(name: str) -> Any:
    """Return the class of adapter `name`; it is called with (settings, seed, data_root)."""
    if name not in _ADAPTERS:
        raise ParamsError(f"corpus: unknown adapter {name!r}.{suggestion(name, _ADAPTERS)}")
    module, _, attribute = _ADAPTERS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """Which corpus is listed, and how much of it may be odd."""

    lane: str  # ``image`` or ``caption``; in the latter a sample without a caption is unusable
    corpus: AnyCorpus  # section ``<lane>.corpus``
    limits: LimitsParams
    seed: int  # of generated corpora
    machine: MachineParams  # how many threads open images, and where corpora lie


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CorpusTables:
    """What a corpus becomes."""

    samples: Path
    labels: Path  # without rows where samples have no label
    images: Path  # folder, for `ImageReader.open`; holds the images of a generated corpus


def build(*, settings: BuildSettings, out: CorpusTables) -> None:
    """List a corpus and write its samples, labels and, if it is generated, its images.

    Args:
        settings: the corpus, which lies outside the graph: this stage has no other inputs.
        out: the tables and the folder to make.

    Raises:
        DataError: there is no sample, two share a name, more than ``max_dropped_share`` of
            them are unusable, or boxes or images exceed a limit.
    """
    section, lane, machine = settings.corpus, settings.lane, settings.machine
    corpus: Corpus = adapter(section.adapter)(section, settings.seed, machine.data_root)
    tally = Tally()
    shutil.rmtree(out.images, ignore_errors=True)
    out.images.mkdir(parents=True)
    source = _source_of(corpus.root, section)
    root = external_root(machine.data_root, source["root"]) if "root" in source else out.images
    with contextlib.ExitStack() as opened:
        store = None
        if source["kind"] == "embedded":
            store = opened.enter_context(Store(out.images / PART))
        reader = ImageReader(root, max_bytes=None if store else settings.limits.image_bytes)
        opened.enter_context(reader)
        look = inspector(section, reader, settings.limits.image_px)
        records = track(corpus.records(), what=f"{lane} corpus")
        tables = list(_listed(lane, records, look, store, workers=machine.workers, tally=tally))
    if section.adapter == "none":
        tables.append(SAMPLES.schema.empty_table())
    if not tables:
        raise DataError(f"{root}: the corpus lists no sample (adapter {section.adapter!r}).")
    rows = pa.concat_tables(tables)
    require_unique_names(rows["sample_name"])
    notes = judge(tally, settings.limits, where=f"{lane}.corpus ({section.adapter})")
    if section.adapter != "none":
        require_usable(rows, section.max_dropped_share)
    SAMPLES.write_stream(
        tables, out.samples, inputs={}, notes={NOTES: notes}
    )  # in order of their ids
    names = pa.table(
        {"label_id": range(len(corpus.labels)), "label": list(corpus.labels)}, schema=LABELS.schema
    )
    LABELS.write(names, out.labels, inputs={})
    if isinstance(section, ImageFolderParams) and section.labels == "boxes":
        source["labels"] = _found_labels(root / str(section.boxes), rows)
    _write_source(out.images / SOURCE, source, tally)
    _tell(lane, rows, tally)


def _listed(
    lane: str,
    records: Iterator[Record],
    look: Callable[[Record], Inspection],
    store: Store | None,
    *,
    workers: int,
    tally: Tally,
) -> Iterator[pa.Table]:
    """Yield a row per sample, every image looked at; those of an embedded corpus go into `store`."""
    n_before = 0
    with ThreadPoolExecutor(workers) as pool:
        for chunk in _chunks(records, _RECORDS_AT_ONCE):
            facts = list(pool.map(look, chunk))
            yield rows_of(lane, chunk, facts, n_before=n_before, tally=tally)
            if store:
                store.write(chunk)
            n_before += len(chunk)


def _source_of(root: str | None, settings: AnyCorpus) -> dict[str, Any]:
    """Return where the images are, as `ImageReader.open` reads it."""
    if isinstance(settings, SamplesTableParams):
        return {"kind": "none"}
    if root is not None:
        return {"kind": "external", "root": root}
    return {"kind": "embedded"}


def inspector(
    settings: AnyCorpus, reader: ImageReader, max_pixels: int
) -> Callable[[Record], Inspection]:
    """Return what notes the facts about an image: all of them, or only its size."""
    if isinstance(settings, SamplesTableParams):
        return take_over
    if isinstance(settings, ImageNetParams) and not settings.hash_images:
        root = reader.root
        assert isinstance(root, Path)  # this adapter reads no object store
        return lambda record: measure(record, root, max_pixels=max_pixels)
    return lambda record: inspect(record, reader.read_bytes, max_pixels=max_pixels)


def _chunks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while chunk := list(itertools.islice(records, size)):
        yield chunk


def rows_of(
    lane: str,
    records: list[Record],
    facts: list[Inspection],
    *,
    n_before: int,
    tally: Tally,
) -> pa.Table:
    """Return rows of the samples table; `tally` is told what was odd, ids go on from `n_before`."""
    rows = []
    for number, (record, fact) in enumerate(zip(records, facts, strict=True), start=n_before):
        problem = fact.problem
        if problem is None and lane == "caption" and not (record.caption or "").strip():
            problem = "no_caption"
        if problem is None and lane == "image" and fact.width_px is None:
            problem = "no_size"
        if problem is None and BROKEN_TEXT in (record.caption or ""):
            problem = "broken_caption"  # bytes or half characters that are no text
        boxes = of_record(record, fact.width_px, fact.height_px, tally)
        is_known = record.knows_objects and len(boxes) == len(record.boxes)
        if problem is None and lane == "caption" and not is_known:
            problem = (
                NOT_ANNOTATED  # an object whose box is lost is not an object that is not there
            )
        _count(record, fact, problem, tally)
        rows.append(
            {
                "sample_id": number,
                "sample_name": record.name,
                "uri": record.uri if record.uri is not None else f"{PART}#{number}",
                "n_bytes": fact.n_bytes,
                "width_px": fact.width_px,
                "height_px": fact.height_px,
                "label_id": record.label_id,
                "caption": record.caption,
                "boxes": [{name: getattr(box, name) for name in _BOX_FIELDS} for box in boxes],
                "truth": dataclasses.asdict(record.truth) if record.truth else None,
                "content_hash": fact.content_hash,
                "perceptual_hash": fact.perceptual_hash,
                "problem": problem,
            }
        )
    return pa.Table.from_pylist(rows, schema=SAMPLES.schema)


def _count(record: Record, fact: Inspection, problem: str | None, tally: Tally) -> None:
    tally.totals["samples"] += 1
    if problem == NOT_ANNOTATED:
        tally.add("unannotated", record.name)
    if problem is None:
        tally.totals["images"] += 1
        if fact.is_turned and record.boxes:
            tally.add("turned_images", record.name)
        if fact.is_one_color:
            tally.add("one_color_images", record.name)


def require_unique_names(names: pa.ChunkedArray) -> None:
    """Raise DataError if two samples share a name."""
    counts = pc.value_counts(names.combine_chunks())
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(repeated):
        raise DataError(
            f"{len(repeated)} sample names occur more than once, expected each once; the first: "
            f"{min(repeated.to_pylist())!r}. Rename the files, or list each only once."
        )


def require_usable(rows: pa.Table, max_dropped_share: float) -> None:
    """Raise DataError if more than this share of the rows of a samples table has a problem."""
    # Samples that nobody annotated have a limit of their own.
    is_bad = pc.and_(pc.is_valid(rows["problem"]), pc.not_equal(rows["problem"], NOT_ANNOTATED))
    bad = rows.filter(is_bad)
    share = bad.num_rows / rows.num_rows
    if share <= max_dropped_share:
        return
    counts = collections.Counter(bad["problem"].to_pylist())
    first = bad.slice(0, 5)
    examples = zip(first["uri"].to_pylist(), first["problem"].to_pylist(), strict=True)
    raise DataError(
        f"{bad.num_rows} of {rows.num_rows} samples ({share:.1%}) are unusable, expected at most "
        f"corpus.max_dropped_share = {max_dropped_share:.1%}.\n"
        f"  by reason: {', '.join(f'{n} {reason}' for reason, n in sorted(counts.items()))}\n"
        f"  the first: {', '.join(f'{uri} ({reason})' for uri, reason in examples)}\n"
        "Repair or remove these images, or raise corpus.max_dropped_share."
    )


def _found_labels(box_file: AnyPath, rows: pa.Table) -> dict[str, Any]:
    """Return how labels that no person gave came about, and of how many images."""
    with local_copy(box_file) as here:
        by = found_by(here)
    return {
        "file": box_file.name,
        "found_by": by,
        "n_labeled": rows.num_rows - rows["label_id"].null_count,
        "n_images": rows.num_rows,
    }


def _write_source(path: Path, source: dict[str, Any], tally: Tally) -> None:
    source["box_repairs"] = {kind: tally.counts[f"{kind}_boxes"] for kind in BOX_REPAIRS}
    path.write_text(json.dumps(source, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _tell(lane: str, rows: pa.Table, tally: Tally) -> None:
    n_bad = rows.num_rows - rows["problem"].null_count
    counts = {kind: tally.counts[f"{kind}_boxes"] for kind in BOX_REPAIRS}
    fixed = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n) or "none to repair"
    say(f"{lane} corpus: {rows.num_rows} samples, {n_bad} unusable; boxes: {fixed}")
    if told := turned(tally):
        say(f"{lane} corpus: {told}")
