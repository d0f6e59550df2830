"""Foreground boxes for images that come without any, or without labels.

GroundingDINO looks for each image's class or for a vocabulary; a tagger names what is in boxes that are
there. Both go into a file that corpus ``image_folder`` reads as its ``boxes``, because splits and crops
need them before any stage could look at images.
"""

import functools
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from dejavu.annotators import detectors, grounded_sam, prompts, tagger
from dejavu.annotators.grounded_sam import GroundedSam
from dejavu.annotators.prompts import Prompt
from dejavu.annotators.tagger import Tagger
from dejavu.corpora.box_files import CORNERS, MADE_BY
from dejavu.corpora.image_folder import ImageFolder
from dejavu.corpora.image_reader import ImageError, ImageReader
from dejavu.corpora.records import Box
from dejavu.corpora.roots import local_root
from dejavu.errors import ParamsError
from dejavu.params.annotators import GroundedSamParams, TaggerParams
from dejavu.params.corpora import ImageFolderParams
from dejavu.params.machine import MachineParams
from dejavu.run import engines, shards
from dejavu.run.progress import say
from dejavu.tables import parquet

IMAGES_PER_SHARD = 1_024
_WNID = re.compile(r"n\d{8}")
_Item = tuple[str, int | None, tuple[float, ...] | None]  # path, number of the class, largest box
Wanted = Literal["label", "vocabulary"]
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),  # relative to the corpus' root
        *((corner, pa.float32()) for corner in CORNERS),  # pixels
        (
            "label",
            pa.string(),
        ),  # the name that was looked for, or that the content of the box was given
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
    """Find and name the foreground of every image, and write the boxes.

    Images that cannot be read have no boxes; the corpus stage drops them with a reason.

    Args:
        settings: an entry of ``image.annotators``. Source ``grounded_sam`` looks for boxes; its own of
            the corpus are not read. Source ``tagger`` names what is in the largest box of each image.
        corpus: section ``image.corpus``, of adapter ``image_folder``.
        wanted: of ``grounded_sam``. ``label``: the name of the image's class, a wnid by its WordNet name;
            ``vocabulary``: the names of `settings`.
        out: the .parquet file to make, relative to the corpus' root.
        machine: how to run.

    Returns:
        The file: columns path, x0, y0, x1, y1, label and score, in the order of the listing, the surest
        box of an image first. A box whose content the tagger does not know has no label.

    Raises:
        ParamsError: annotator or corpus is of another kind, there are no classes to look for or no boxes
            to name, or `out` is no .parquet, or the file of boxes that is read.
    """
    listing = _listing(settings, corpus, machine)
    folder = local_root(machine.data_root, listing.root or "")
    path = folder / out
    if path.suffix != ".parquet":
        raise ParamsError(f"{path}: expected a file that ends in .parquet.")
    if path == listing.box_file:
        raise ParamsError(f"{path}: is the file whose boxes are named. Give another one as --out.")
    look: _Sought | _Named
    if isinstance(settings, TaggerParams):
        look = _Named(tagger.load(settings, machine))
    else:
        looker = grounded_sam.load(settings.model_copy(update={"mask_weights": None}), machine)
        classes = _classes(listing) if wanted == "label" else None
        look = _Sought(looker, _prompts(looker, classes))
    items = _items(listing)
    facts = {"settings": settings.model_dump(), **look.provenance}
    parts = shards.run(
        functools.partial(_write_shard, look, items, folder),
        max(1, -(-len(items) // IMAGES_PER_SHARD)),
        out=path.with_name(path.name + ".parts"),
        stage="detect_boxes",
        facts={**facts, "images": items, **look.asked},
        engine=engines.of(machine, gpus=detectors.gpus_per_worker(machine)),
    )  # fmt: skip
    table = _gather(parts, path, facts)
    named = table.filter(pc.is_valid(table["label"]))
    n_boxed, n_named = (pc.count_distinct(each["path"]).as_py() for each in (table, named))
    say(f"{path}: {table.num_rows} boxes in {n_boxed} of {len(items)} images, {n_named} with a label "
        f"({parquet.fingerprint(path)})")  # fmt: skip
    return path


def _listing(settings: Any, corpus: Any, machine: MachineParams) -> ImageFolder:
    """Return the images to look at; a detector does not read the boxes that they may have."""
    if not isinstance(settings, (GroundedSamParams, TaggerParams)) or not isinstance(
        corpus, ImageFolderParams
    ):
        raise ParamsError(
            "Foreground boxes need an annotator of source grounded_sam, which looks for given names, or of "
            "source tagger, which names boxes, and corpus image_folder, which reads boxes from a file; found "
            f"{settings.source} and {corpus.adapter}."
        )
    if isinstance(settings, GroundedSamParams):
        corpus = corpus.model_copy(update={"boxes": None})
    elif corpus.boxes is None:
        raise ParamsError(
            "A tagger names what is in boxes, and image.corpus.boxes is null. Name a file of boxes, or take "
            "an annotator of source grounded_sam, which looks for them."
        )
    return ImageFolder(corpus, 0, machine.data_root)


def _classes(listing: ImageFolder) -> Sequence[str]:
    if not listing.has_classes:
        raise ParamsError(
            "image.corpus.labels is boxes, so images have no class to look for. Give --wanted vocabulary."
        )
    return listing.labels


def _items(listing: ImageFolder) -> list[_Item]:
    """Return path, number of the class and largest box of each image, as they are there."""
    ids = {
        name: number for number, name in enumerate(listing.labels if listing.has_classes else ())
    }
    return [
        (uri, None if label is None else ids[label], _largest(listing.boxes_of(uri)))
        for uri, label in listing.images()
    ]


def _largest(boxes: Sequence[Box]) -> tuple[float, ...] | None:
    known = [box.corners for box in boxes if all(map(math.isfinite, box.corners))]
    return max(known, key=lambda it: (it[2] - it[0]) * (it[3] - it[1]), default=None)


def _gather(parts: Sequence[Path], path: Path, facts: Mapping[str, Any]) -> pa.Table:
    """Write the shards as one file that says how it was made, and delete them."""
    table = pa.concat_tables([pq.read_table(part) for part in parts])
    table = table.replace_schema_metadata({MADE_BY: json.dumps(facts, sort_keys=True)})
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


class _Sought:
    """What a detector finds of the names that it is asked for."""

    def __init__(self, looker: GroundedSam, prompts_by_class: Sequence[Sequence[Prompt]]) -> None:
        self._looker, self._prompts = looker, prompts_by_class
        self.provenance = looker.provenance
        self.asked = {"prompts": [[prompt.text for prompt in each] for each in prompts_by_class]}

    def __call__(self, image: Image.Image, item: _Item) -> pa.Table:
        prompt = self._prompts[item[1] or 0 if len(self._prompts) > 1 else 0]
        found = self._looker.look_for(image, prompt)
        names = [name.strip() for each in prompt for name in each.text.split(".")[:-1]]
        labels = [names[i] for i in found.name_ids]
        return _rows(item[0], found.boxes, labels, found.scores)


class _Named:
    """What a tagger calls the content of a box."""

    def __init__(self, looker: Tagger) -> None:
        self._looker = looker
        self.provenance = looker.provenance
        self.asked: Mapping[str, Any] = {}

    def __call__(self, image: Image.Image, item: _Item) -> pa.Table:
        if item[2] is None:
            return _SCHEMA.empty_table()
        x0, y0, x1, y1 = item[2]
        left, upper = max(0, round(x0)), max(0, round(y0))
        right, lower = min(image.width, round(x1)), min(image.height, round(y1))
        if left >= right or upper >= lower:
            return _SCHEMA.empty_table()  # stage corpus counts it, where boxes are judged
        (found,) = self._looker.look([image.crop((left, upper, right, lower))])
        is_known = len(found.name_ids) > 0
        label = self._looker.vocabulary[found.name_ids[0]] if is_known else None
        score = found.scores[:1] if is_known else np.array([np.nan])
        return _rows(item[0], np.array([item[2]]), [label], score)


def _write_shard(
    look: Callable[[Image.Image, _Item], pa.Table],
    items: Sequence[_Item],
    folder: Path,
    index: int,
    path: Path,
) -> None:
    shard = items[index * IMAGES_PER_SHARD :][:IMAGES_PER_SHARD]
    tables, n_unreadable = [_SCHEMA.empty_table()], 0
    with ImageReader(folder) as reader:
        for item in shard:
            try:
                image = reader.read(item[0])
            except ImageError:
                n_unreadable += 1
                continue
            tables.append(look(image, item))
    if n_unreadable:
        say(f"detect_boxes: {n_unreadable} of {len(shard)} images cannot be read")
    pq.write_table(pa.concat_tables(tables).combine_chunks(), path)


def _rows(uri: str, boxes: Any, labels: Sequence[str | None], scores: Any) -> pa.Table:
    columns = {
        "path": [uri] * len(labels),
        **{name: np.float32(boxes[:, axis]) for axis, name in enumerate(CORNERS)},
        "label": labels,
        "score": scores.astype(np.float32),
    }
    return pa.table(columns, schema=_SCHEMA)
