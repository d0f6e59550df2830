"""What a person sees better than any limit: images with boxes and crop drawn, captions with their objects."""

import base64
import collections
import dataclasses
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from dejavu.annotators import tables
from dejavu.check.roles import Lane, label_ids
from dejavu.corpora.image_reader import ImageError, ImageReader, decode
from dejavu.corpora.records import Record
from dejavu.corpora.roots import external_root
from dejavu.image import crop
from dejavu.image.draw_boxes import outlined
from dejavu.params.caption import TableObjectsParams
from dejavu.params.machine import MachineParams
from dejavu.roles import ROLES, TARGET, UNUSED
from dejavu.run import outside
from dejavu.tables import brought

IMAGES = 24
CAPTIONS = 12
LABELS = 50  # shown at most, most samples first
_SIDE_PX = 240


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One image of the contact sheet."""

    name: str
    label: str  # empty where there is none
    source: str  # data URI; empty where the image cannot be shown
    text: str  # how many boxes, and what became of the crop


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionCard:
    """One caption with what its image shows."""

    name: str
    caption: str
    objects: str  # names; or that nobody said


def cards(known: Lane, values: Mapping[str, Any], machine: MachineParams) -> list[Card]:
    """Return images that were opened as the run will see them: the oddest boxes first, then evenly spread.

    Args:
        known: what the rehearsal found.
        values: sections by name.
        machine: where corpora lie.
    """
    usable = known.usable
    odd = (
        usable.slice(0, 0)
        if known.odd is None
        else known.odd.filter(pc.is_null(known.odd["problem"]))
    )
    others = usable.filter(pc.invert(pc.is_in(usable["uri"], odd["uri"].combine_chunks())))
    spread = others.take(_spread(others.num_rows, IMAGES - odd.num_rows))
    rows = pa.concat_tables([odd, spread])
    crops: list[Any] = [None] * rows.num_rows
    if known.name == "image" and "image.crop" in values and rows.num_rows:
        roles = pa.repeat(pa.scalar(TARGET), rows.num_rows)
        crops = crop.find(rows.append_column("role", roles), values["image.crop"]).to_pylist()
    by_name = {record.name: record for record in known.listed}
    root = getattr(values[f"{known.name}.corpus"].root, "root", None)
    folder = Path() if root is None else external_root(machine.data_root, root)
    with ImageReader(folder) as reader:
        return [
            _card(known, row, by_name, reader, place, is_odd=number < odd.num_rows)
            for number, (row, place) in enumerate(zip(rows.to_pylist(), crops, strict=True))
        ]


def _card(
    known: Lane,
    row: Mapping[str, Any],
    by_name: Mapping[str, Record],
    reader: ImageReader,
    place: Mapping[str, Any] | None,
    *,
    is_odd: bool,
) -> Card:
    record = by_name[row["sample_name"]]
    n_boxes, source = len(row["boxes"]), ""
    text = f"{n_boxes} box{'es' * (n_boxes != 1)}"
    if place is not None:
        text += ", crop kept" if place["is_kept"] else f", {place['drop_reason']}"
    if is_odd:
        text += "; boxes least like the others'"
    try:
        image = decode(record.image) if record.image else reader.read(record.uri or "")
        source = _encoded(outlined(image, row["boxes"], place))
    except ImageError as error:
        text += f", {error.reason}"
    label = "" if record.label_id is None else known.labels[record.label_id]
    return Card(name=record.name, label=label, source=source, text=text)


def _encoded(image: Image.Image) -> str:
    image.thumbnail((_SIDE_PX, _SIDE_PX))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def captions(known: Lane, values: Mapping[str, Any], machine: MachineParams) -> list[CaptionCard]:
    """Return captions, evenly spread, with the objects that are known of their images."""
    chosen = [known.listed[place] for place in _spread(len(known.listed), CAPTIONS)]
    objects = values.get("caption.objects")
    if isinstance(objects, TableObjectsParams):
        path = outside.located(machine.data_folder, objects.path)
        stated = _stated(path, {record.name for record in chosen}, objects.min_score)
    elif getattr(objects, "source", None) == "corpus":
        stated = {
            r.name: ", ".join(sorted({b.label for b in r.boxes if b.label})) or "nothing"
            for r in chosen
            if r.problem is None
        }
    else:
        return [_caption(record, "found by a network, in the run") for record in chosen]
    return [_caption(r, stated.get(r.name, "nobody said what the image shows")) for r in chosen]


def _caption(record: Record, objects: str) -> CaptionCard:
    return CaptionCard(
        name=record.name, caption=record.caption or f"none ({record.problem})", objects=objects
    )


def _stated(path: Path, names: set[str], min_score: float) -> dict[str, str]:
    """Return what a table says of a few samples that it names."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    parts = brought.batches(path, tables.COLUMNS, named_by="caption.objects.path")
    for batch in parts:
        if "sample_name" not in batch.schema.names:
            return {}
        rows = batch.filter(pc.is_in(batch["sample_name"], pa.array(sorted(names))))
        for row in rows.to_pylist():
            name = row.get("tag") or row.get("object")
            found[row["sample_name"]] |= (
                {name} if name and row["score"] >= min_score and row["score"] > 0 else set()
            )
    return {name: ", ".join(sorted(objects)) or "nothing" for name, objects in found.items()}


def counts(known: Lane) -> Iterator[tuple[str, list[int]]]:
    """Yield labels and how many samples of each role they have; those with most samples first."""
    if known.role_of is None or not known.labels:
        return
    labels = label_ids(known.listed)
    is_labeled = labels >= 0
    matrix = np.zeros((len(known.labels), len(ROLES) + 1), dtype=np.int64)
    for column, role in enumerate((*ROLES, UNUSED)):
        members = labels[is_labeled & (known.role_of == role)]
        matrix[:, column] = np.bincount(members, minlength=len(known.labels))
    order = np.argsort(-matrix.sum(axis=1), kind="stable")[:LABELS]
    for label in order.tolist():
        yield known.labels[label], matrix[label].tolist()


def _spread(n: int, wanted: int) -> list[int]:
    return (
        sorted(set(np.linspace(0, n - 1, min(n, wanted)).round().astype(int).tolist())) if n else []
    )
