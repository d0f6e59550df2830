"""Read ImageNet's boxes: one XML file per annotated image, in any of the folders they come in.

An XML file states boxes in the size that its annotators saw, which is not always the image's.
"""

import math
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

from dejavu.corpora.records import Box

MAX_XML_BYTES = 16_000_000  # the largest published one has 20,000
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def annotation_folders(folder: Path, part: str, wnid: str | None) -> list[Path]:
    """Return where the XML files of a class, or of unsorted images, may lie below `folder`.

    Args:
        folder: what was unpacked: ``Annotation/<wnid>``, ``<wnid>``, ``<part>/<wnid>``, ``<part>``, or
            ``Annotations/CLS-LOC/<part>`` with or without ``<wnid>`` below it.
        part: ``train`` or ``val``.
        wnid: of the class; None: its images are not sorted by class.
    """
    places = [folder / part, folder / "Annotations/CLS-LOC" / part]
    if wnid is not None:
        places = [
            folder / "Annotation" / wnid, folder / wnid, *(place / wnid for place in places), *places,
        ]  # fmt: skip
    return [place for place in places if place.is_dir()]


def read_annotation(path: Path) -> tuple[tuple[Box, ...], tuple[int, int] | None] | None:
    """Return all boxes of an XML file, whatever they show, and the width and height they refer to.

    Corners are taken as written (x1 and y1 excluded), swapped or outside as they may be. An object
    without four numbers has NaN corners, and so has the one box of a file that is damaged: that the
    image shows something is known, where is not. The size is None where it is missing or 0.
    ``filename`` is not looked at: in some files it says "%s".

    Returns:
        None if `path` is not there.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_XML_BYTES:
            raise ValueError("no file, or no annotation")
        root = ET.fromstring(path.read_bytes())  # noqa: S314  # expat itself stops bombs
    except FileNotFoundError:
        return None
    except (OSError, ET.ParseError, ValueError, LookupError):
        return (Box(math.nan, math.nan, math.nan, math.nan),), None
    boxes = []
    for entry in root.iter("object"):
        x0, y0, x1, y1 = (_number(entry, f"bndbox/{name}") for name in _CORNERS)
        boxes.append(Box(x0, y0, x1, y1, entry.findtext("name")))
    width, height = _number(root, "size/width"), _number(root, "size/height")
    is_stated = width >= 1 and height >= 1
    return tuple(boxes), (int(width), int(height)) if is_stated else None


def _number(element: ET.Element, place: str) -> float | int:
    """Return a number as written; NaN if there is none."""
    try:
        number = float(element.findtext(place) or "")
    except ValueError:
        return math.nan
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
