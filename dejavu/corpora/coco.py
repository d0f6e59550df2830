"""Corpus ``coco``: images with about five captions each, and instances that are the objects."""

import collections
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from dejavu.corpora import coco_json
from dejavu.corpora.records import NOT_ANNOTATED, Box, Record
from dejavu.corpora.roots import local_root
from dejavu.errors import DataError
from dejavu.params.caption_corpora import CocoParams
from dejavu.tables import brought


class Coco:
    """Lists the images by id, each with one of its captions; a sample is named by its file's stem."""

    def __init__(self, settings: CocoParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.settings = settings
        self.root: str | None = settings.root
        folder = local_root(data_root, settings.root)
        self._captions_path = folder / settings.captions
        captions = coco_json.read(
            self._captions_path, "images", "annotations", named_by="caption.corpus.captions"
        )
        self._images = sorted(
            captions["images"], key=lambda image: (str(type(image["id"])), image["id"])
        )
        known = {image["id"] for image in self._images}
        self._captions: dict[coco_json.Id, list[Any]] = collections.defaultdict(list)
        for _, each in coco_json.by_id(captions["annotations"]):
            self._captions[_owner(each, known, self._captions_path)].append(each.get("caption"))
        self._boxes: dict[coco_json.Id, list[Box]] = collections.defaultdict(list)
        self._sizes: dict[coco_json.Id, tuple[int, int] | None] = {}
        self._annotated: set[coco_json.Id] | None = None  # None: nobody says which are
        self.labels: tuple[str, ...] = ()
        if settings.instances is not None:
            self._read_instances(folder / settings.instances)

    def records(self) -> Iterator[Record]:
        """Yield one record per image, in id order; an image without captions has none.

        An image that the instances do not list was not annotated: that is its problem.
        """
        for image in self._images:
            stated = self._captions[image["id"]]
            captions = [text.strip() for text in stated if isinstance(text, str) and text.strip()]
            if self.settings.caption_choice == "longest":
                captions.sort(key=len, reverse=True)  # stable: the first of the longest
            problem = None
            if self._annotated is not None and image["id"] not in self._annotated:
                problem = NOT_ANNOTATED
            yield Record(
                name=Path(image["file_name"]).stem,
                uri=image["file_name"],
                caption=captions[0] if captions else None,
                boxes=tuple(self._boxes[image["id"]]),
                boxes_px=self._sizes.get(image["id"]),
                boxes_from=self.settings.instances,
                problem=problem,
            )

    def _read_instances(self, path: Path) -> None:
        instances = coco_json.read(
            path, "images", "annotations", "categories", named_by="caption.corpus.instances"
        )
        names = {category["id"]: category["name"] for category in instances["categories"]}
        self.labels = tuple(sorted(set(names.values())))
        self._annotated = {image["id"] for image in instances["images"]}
        self._sizes = {image["id"]: coco_json.size_of(image) for image in instances["images"]}
        self._require_same_files(path, instances["images"])
        for row, each in coco_json.by_id(instances["annotations"]):
            category = each.get("category_id")
            if not isinstance(category, (int, str)) or category not in names:
                raise DataError(
                    f"{path}: annotation {each.get('id')} has category_id {category}, which is not among its "
                    f"{len(names)} categories."
                )
            owner = _owner(each, self._annotated, path)
            self._boxes[owner].append(coco_json.box_of(each, names[category], row))

    def _require_same_files(self, path: Path, images: list[dict[str, Any]]) -> None:
        """Refuse ids that name one image among the captions, and another among the instances."""
        files = {image["id"]: Path(image["file_name"]).name for image in images}
        other = [
            image["id"] for image in self._images
            if files.get(image["id"]) not in (None, Path(image["file_name"]).name)
        ]  # fmt: skip
        if other:
            raise DataError(
                f"{path}: {len(other)} image ids name another file than in {self._captions_path.name}: "
                f"{brought.listed(other)}. Captions and instances must be of one release."
            )


def _owner(annotation: dict[str, Any], known: Set[coco_json.Id], path: Path) -> coco_json.Id:
    owner = annotation.get("image_id")
    if not isinstance(owner, (int, str)) or owner not in known:
        raise DataError(
            f"{path}: annotation {annotation.get('id')} is of image_id {owner!r}, which is not in its list "
            "images."
        )
    return owner
