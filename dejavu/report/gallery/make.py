"""Choose the samples, read their images, and keep both within the size that a page may have."""

import collections
import contextlib
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from jinja2.utils import htmlsafe_json_dumps

from dejavu.corpora.image_reader import SOURCE, ImageReader
from dejavu.errors import DejavuError
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.gallery import captions as caption_lane
from dejavu.report.gallery import fixed, thumbnails
from dejavu.report.gallery import image as image_lane
from dejavu.report.gallery.lane import Lane
from dejavu.report.gallery.records import CaptionSample, Sample
from dejavu.report.gallery.texts import clean
from dejavu.report.gallery.thumbnails import LEFT_OUT, Thumbnails, Wanted
from dejavu.report.numbers import Node
from dejavu.report.settings import ImageSettings
from dejavu.tables.catalog import Catalog

MAX_BYTES = 9_000_000  # of all that the galleries put into the page
MAX_TEXT_BYTES = 3_000_000  # of them without images
LONGEST_CAPTIONS = (20_000, 2_000, 400)  # characters; the next limit where the text is too large
NO_IMAGES = "none"  # kind of a source: the embeddings came from elsewhere, without images


class Galleries(TypedDict):
    """What the template needs; all values are JSON."""

    notes: list[str]  # what is left out or smaller than asked for, and why
    static: list[Node]  # the first cards of each model, for readers without JavaScript
    data: Node  # everything, for the script


def build(
    opened: Catalog,
    data: Path,
    image: ImageSettings,
    captions: CaptionSettings,
    *,
    data_root: str,
    has_images: bool = True,
) -> Galleries:
    """Return the galleries of both lanes; a lane without scores has no cards.

    Identical tables, images and parameters give identical galleries. Nothing fails because of an
    image: what cannot be read is counted, with its reason.

    Args:
        opened: tables below `data`, with the small tables of the settings. Views that are missing are
            added; ``neighbors`` then holds what the galleries need and no more.
        data: the project's data folder.
        image: parameters of the image part, and of the galleries.
        captions: parameters of the caption part.
        data_root: ``machine.data_root``, where the images of outside corpora lie.
        has_images: False: no image is read, whatever ``report.thumbnails`` says.
    """
    heads = image.heads
    opened.add_views(
        ["neighbors", "tags", "tag_vocabulary"],
        layer={target.layer for target in heads if target.layer},
        metric={target.metric for target in heads if target.metric},
    )
    found = [image_lane.gather(opened, image), caption_lane.gather(opened, captions)]
    lanes, notes = _within([lane for lane in found if lane is not None and lane.cards], image)
    shown = Thumbnails(encoded={}, missing={}, side_px=image.report.gallery.thumbnail_px)
    if lanes and image.report.thumbnails and has_images:
        budget = MAX_BYTES - _size(lanes)
        shown, more = _thumbnails(lanes, data, shown.side_px, budget, data_root)
        notes += more
    elif lanes:
        why = "report.thumbnails is false" if has_images else "this report is made without them"
        notes.append(f"Images are left out: {why}.")
    return _galleries(lanes, shown, notes)


def _galleries(lanes: Sequence[Lane], shown: Thumbnails, notes: list[str]) -> Galleries:
    uris = shown.data_uris()
    static = fixed.cards(lanes, uris, shown.missing)
    elsewhere = {key for card in static for key in card.keys}
    return {
        "notes": notes,
        "static": [card.node() for card in static],
        "data": {
            "lanes": {lane.name: lane.node() for lane in lanes},
            "images": {key: uri for key, uri in uris.items() if key not in elsewhere},
            # what is in neither was left out: thousands of keys need not say so
            "missing": {key: why for key, why in shown.missing.items() if why != LEFT_OUT},
            "has_images": bool(uris or shown.missing),
        },
    }


def _within(lanes: Sequence[Lane], image: ImageSettings) -> tuple[list[Lane], list[str]]:
    """Cut captions, and then lists, until the text fits; say so."""
    wanted = n = image.report.gallery.n_samples
    for longest in LONGEST_CAPTIONS:
        cut = [_with_captions(lane, longest) for lane in lanes]
        if _size(cut) <= MAX_TEXT_BYTES:
            break
    while _size(cut) > MAX_TEXT_BYTES and n > 1:
        n //= 2
        cut = [lane.reduced(n) for lane in cut]
    notes = []
    if longest != LONGEST_CAPTIONS[0]:
        notes.append(f"Captions are cut at {longest:,} characters, to keep the page small.")
    if n != wanted:
        notes.append(
            f"Lists hold {n} samples instead of {wanted} (report.gallery.n_samples), to keep the page small."
        )
    return cut, notes


def _with_captions(lane: Lane, longest: int) -> Lane:
    def cut(sample: Sample) -> Sample:
        if not isinstance(sample, CaptionSample):
            return sample
        return dataclasses.replace(sample, caption=clean(sample.caption, longest))

    samples = {key: cut(sample) for key, sample in lane.samples.items()}
    return dataclasses.replace(lane, samples=samples)


def _size(lanes: Sequence[Lane]) -> int:
    """Return the bytes of lanes as the page holds them."""
    return sum(len(htmlsafe_json_dumps(lane.node())) for lane in lanes)


def _thumbnails(
    lanes: Sequence[Lane], data: Path, side_px: int, budget: int, data_root: str
) -> tuple[Thumbnails, list[str]]:
    notes: list[str] = []
    with contextlib.ExitStack() as stack:
        readers: dict[str, ImageReader] = {}
        for lane in lanes:
            found = _reader(data / lane.name / "images", data_root)
            if isinstance(found, str):
                notes.append(f"Images of the {lane.name} lane are left out: {found}")
            else:
                readers[lane.name] = stack.enter_context(found)
        wanted = sorted(
            (each, lane.name) for lane in lanes if lane.name in readers for each in lane.wanted()
        )
        n_read = thumbnails.most_images(budget)
        read = thumbnails.read(readers, [(lane, each) for each, lane in wanted[:n_read]], side_px)
    late = {each.key: LEFT_OUT for each, _ in wanted[n_read:]}
    found_all = dataclasses.replace(read, missing={**read.missing, **late})
    fitting = thumbnails.fit(found_all, [each for each, _ in wanted], budget)
    return fitting, notes + _notes(fitting, [each for each, _ in wanted], side_px)


def _reader(folder: Path, data_root: str) -> ImageReader | str:
    """Open the images of a lane, or say why not."""
    name = f"data/{folder.parent.name}/images/{SOURCE}"
    try:
        text = (folder / SOURCE).read_text(encoding="utf-8")
        if json.loads(text).get("kind") == NO_IMAGES:
            return "the embeddings were made elsewhere, and no images came with them."
        return ImageReader.open(folder, data_root)
    except OSError:
        return f"{name} is not there."
    except (DejavuError, ValueError, KeyError, AttributeError):
        return f"{name} does not say where they lie."


def _notes(found: Thumbnails, wanted: Sequence[Wanted], side_px: int) -> list[str]:
    notes = []
    reasons = collections.Counter(found.missing.values())
    n_left_out = reasons.pop(LEFT_OUT, 0)
    if reasons:
        told = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items()))
        n_broken = sum(reasons.values())
        notes.append(
            f"{n_broken:,} of {len(wanted):,} images could not be read ({told}); a sign stands in "
            "their place."
            + ("" if found.encoded else " Is the corpus where machine.data_root says?")
        )
    if found.side_px < side_px:
        notes.append(
            f"Images are {found.side_px} px large instead of {side_px} (report.gallery.thumbnail_px), "
            "to keep the page small."
        )
    if n_left_out:
        notes.append(
            f"{n_left_out:,} of {len(wanted):,} images are left out to keep the page small: neighbors "
            "first, from the ends of the lists."
        )
    return notes
