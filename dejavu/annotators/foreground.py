"""Foreground boxes for class folders that come without any: GroundingDINO looks for each image's class.

The boxes go into a file that corpus ``image_folder`` reads as its ``boxes``, because splits and crops need
them before any stage could look at images.
"""

import functools
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dejavu.annotators import detectors, grounded_sam, prompts
from dejavu.annotators.detections import Found
from dejavu.annotators.grounded_sam import GroundedSam
from dejavu.annotators.prompts import Prompt
from dejavu.corpora.image_folder import ImageFolder
from dejavu.corpora.image_reader import ImageError, ImageReader
from dejavu.errors import ParamsError
from dejavu.params.annotators import GroundedSamParams
from dejavu.params.corpora import ImageFolderParams
from dejavu.params.machine import MachineParams
from dejavu.run import shards
from dejavu.run.progress import say
from dejavu.tables import parquet

IMAGES_PER_SHARD = 1_024
_WNID = re.compile(r"n\d{8}")
Wanted = Literal["label", "vocabulary"]
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),  # relative to the corpus' root
        *((corner, pa.float32()) for corner in ("x0", "y0", "x1", "y1")),  # pixels
        ("label", pa.string()),  # the name that was looked for
        ("score", pa.float32()),
    ]
)


def detect(
    settings: Any,
    corpus: Any,
    *,
    wanted: Wanted,
    out: str,
    machine: MachineParams,
) -> Path:
    """Look for the class of every image, or for a vocabulary, and write the boxes.

    Images that cannot be read have no boxes; the corpus stage drops them with a reason.

    Args:
        settings: an entry of ``image.annotators``, of source ``grounded_sam``.
        corpus: section ``image.corpus``, of adapter ``image_folder``; its boxes are not read.
        wanted: ``label``: the name of the image's class, a wnid by its WordNet name; ``vocabulary``:
            the names of `settings`.
        out: the .parquet file to make, relative to the corpus' root.
        machine: how to run.

    Returns:
        The file: columns path, x0, y0, x1, y1, label and score, in the order of the listing.

    Raises:
        ParamsError: annotator or corpus is of another kind, or `out` no .parquet.
    """
    listing = _listing(settings, corpus, machine)
    path = listing.folder / out
    if path.suffix != ".parquet":
        raise ParamsError(f"{path}: expected a file that ends in .parquet.")
    # every image lies in a class folder
    records = [(str(record.uri), int(record.label_id or 0)) for record in listing.records()]
    looker = grounded_sam.load(settings.model_copy(update={"mask_weights": None}), machine)
    asked = _prompts(looker, listing.labels if wanted == "label" else None)
    facts = {"settings": settings.model_dump(), **looker.provenance}
    parts = shards.run(
        functools.partial(_write_shard, looker, asked, records, listing.folder),
        max(1, -(-len(records) // IMAGES_PER_SHARD)),
        out=path.with_name(path.name + ".parts"),
        stage="detect_boxes",
        facts={**facts, "images": records,
               "prompts": [[prompt.text for prompt in each] for each in asked]},
        engine=machine.engine,
        num_gpus=detectors.gpus_per_task(machine),
    )  # fmt: skip
    table = _gather(parts, path, facts)
    n_boxed = pc.count_distinct(table["path"]).as_py()
    say(f"{path}: {table.num_rows} boxes in {n_boxed} of {len(records)} images "
        f"({parquet.fingerprint(path)})")  # fmt: skip
    return path


def _listing(settings: Any, corpus: Any, machine: MachineParams) -> ImageFolder:
    """Return the images to look at, without the boxes that they may have."""
    if not isinstance(settings, GroundedSamParams) or not isinstance(corpus, ImageFolderParams):
        raise ParamsError(
            "Foreground boxes need an annotator of source grounded_sam, which looks for given names, and "
            f"corpus image_folder, which reads boxes from a file; found {settings.source} and "
            f"{corpus.adapter}."
        )
    return ImageFolder(corpus.model_copy(update={"boxes": None}), 0, machine.data_root)


def _gather(parts: Sequence[Path], path: Path, facts: Mapping[str, Any]) -> pa.Table:
    """Write the shards as one file that says how it was made, and delete them."""
    table = pa.concat_tables([pq.read_table(part) for part in parts])
    table = table.replace_schema_metadata(
        {"dejavu.detect_boxes": json.dumps(facts, sort_keys=True)}
    )
    scratch = path.with_name(path.name + ".part")
    pq.write_table(table, scratch, compression="zstd")
    scratch.replace(path)
    shutil.rmtree(parts[0].parent)
    return table


def class_name(label: str) -> str:
    """Return what to look for in images of a class: its folder's name, or a wnid's first name.

    >>> class_name("n02012849"), class_name("garden_hose")
    ('crane', 'garden_hose')
    """
    name = _names_of_wnids().get(label) if _WNID.fullmatch(label) else None
    return label if name is None else name.split(",")[0]


@functools.cache
def _names_of_wnids() -> dict[str, str]:
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-22k")
    return {wnid: info.label_name_to_description(wnid) for wnid in info.label_names()}


def _prompts(looker: GroundedSam, labels: Sequence[str] | None) -> list[Sequence[Prompt]]:
    """Return the prompts for images of each label; without labels, the same for all."""
    if labels is None:
        return [looker.prompts]
    backend = looker.backend
    return [
        prompts.cut(
            prompts.cleaned([class_name(label)]), backend.tokenize, max_tokens=backend.max_tokens
        )
        for label in labels
    ]


def _write_shard(
    looker: GroundedSam,
    asked: Sequence[Sequence[Prompt]],
    records: Sequence[tuple[str, int]],
    folder: Path,
    index: int,
    path: Path,
) -> None:
    shard = records[index * IMAGES_PER_SHARD :][:IMAGES_PER_SHARD]
    tables, n_unreadable = [_SCHEMA.empty_table()], 0
    with ImageReader(folder) as reader:
        for uri, label_id in shard:
            prompt = asked[label_id if len(asked) > 1 else 0]
            try:
                found = looker.look_for(reader.read(uri), prompt)
            except ImageError:
                n_unreadable += 1
                continue
            names = _names(prompt)
            tables.append(_rows(uri, found, names))
    if n_unreadable:
        say(f"detect_boxes: {n_unreadable} of {len(shard)} images cannot be read")
    pq.write_table(pa.concat_tables(tables).combine_chunks(), path)


def _names(asked: Sequence[Prompt]) -> list[str]:
    return [name.strip() for prompt in asked for name in prompt.text.split(".")[:-1]]


def _rows(uri: str, found: Found, names: Sequence[str]) -> pa.Table:
    columns = {
        "path": [uri] * len(found.name_ids),
        **{name: found.boxes[:, axis] for axis, name in enumerate(("x0", "y0", "x1", "y1"))},
        "label": [names[i] for i in found.name_ids],
        "score": found.scores.astype(np.float32),
    }
    return pa.table(columns, schema=_SCHEMA)
