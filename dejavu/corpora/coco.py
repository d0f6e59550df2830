"""Corpus ``coco``: images with about five captions each, and instances that are the objects."""

import collections
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dejavu.corpora.image_reader import external_root
from dejavu.corpora.records import Box, Record
from dejavu.errors import DataError
from dejavu.params.caption_corpora import CocoParams


class Coco:
    """Lists the images by id, each with one of its captions; a sample is named by its file's stem."""

    def __init__(self, settings: CocoParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.settings = settings
        self.root: str | None = settings.root
        folder = external_root(data_root, settings.root)
        self._captions_path = folder / settings.captions
        captions = _read(self._captions_path, "images", "annotations")
        self._images = sorted(captions["images"], key=lambda image: image["id"])
        self._captions: dict[int, list[str]] = collections.defaultdict(list)
        for each in sorted(captions["annotations"], key=lambda annotation: annotation["id"]):
            self._captions[each["image_id"]].append(str(each["caption"]).strip())
        self._boxes: dict[int, list[Box]] = collections.defaultdict(list)
        self.labels: tuple[str, ...] = ()
        if settings.instances is not None:
            self._read_instances(folder / settings.instances)

    def records(self) -> Iterator[Record]:
        """Yield one record per image, in id order; an image without captions has none."""
        for image in self._images:
            captions = [caption for caption in self._captions[image["id"]] if caption]
            if self.settings.caption_choice == "longest":
                captions.sort(key=len, reverse=True)  # stable: the first of the longest
            yield Record(
                name=Path(image["file_name"]).stem,
                uri=image["file_name"],
                caption=captions[0] if captions else None,
                boxes=tuple(self._boxes[image["id"]]),
            )

    def _read_instances(self, path: Path) -> None:
        instances = _read(path, "annotations", "categories")
        names = {category["id"]: str(category["name"]) for category in instances["categories"]}
        self.labels = tuple(sorted(set(names.values())))
        for each in sorted(instances["annotations"], key=lambda annotation: annotation["id"]):
            if each["category_id"] not in names:
                raise DataError(
                    f"{path}: annotation {each['id']} has category_id {each['category_id']}, which is not "
                    f"among its {len(names)} categories."
                )
            x, y, width, height = each["bbox"]
            box = Box(
                round(x), round(y), round(x + width), round(y + height), names[each["category_id"]]
            )
            self._boxes[each["image_id"]].append(box)


def _read(path: Path, *keys: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}; caption.corpus names it relative to root."
        ) from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not valid JSON: {error}") from None
    if missing := [key for key in keys if not isinstance(value, dict) or key not in value]:
        raise DataError(f"{path}: not a COCO file: it lacks {', '.join(missing)}.")
    return dict(value)
