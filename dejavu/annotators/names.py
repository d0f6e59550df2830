"""Names of classes and objects: from a text file, or from libraries that keep them."""

import collections
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from dejavu.corpora.files import lines
from dejavu.errors import DataError
from dejavu.run import outside


def _imagenet_1k() -> list[str]:
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return [info.index_to_description(index).split(",")[0] for index in range(info.num_classes())]


def _coco() -> list[str]:
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    names = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    return [name for name in names if name not in ("__background__", "N/A")]


LIBRARIES: dict[str, Callable[[], list[str]]] = {"imagenet_1k": _imagenet_1k, "coco": _coco}


def read(source: str, folder: Path) -> list[str]:
    """Return the names that `source` stands for, in order; names may repeat.

    Args:
        source: ``imagenet_1k`` (1,000 names in the order of their wnids; two are "crane"), ``coco`` (80
            names), or a UTF-8 text file with one name per line, below `folder` or in an object store.
        folder: ``machine.data_root``.

    Raises:
        DataError: no such file or list, or a line is empty.
    """
    if source in LIBRARIES:
        return LIBRARIES[source]()
    path = outside.located(folder, source)
    if not path.is_file():
        raise DataError(
            f"{path}: no such file of names, and no list is called {source!r}; lists: "
            f"{', '.join(sorted(LIBRARIES))}."
        )
    names = [line.strip() for line in lines(path)]
    if empty := [number for number, name in enumerate(names, start=1) if not name]:
        raise DataError(f"{path}: line {empty[0]} is empty, expected one name per line.")
    if not names:
        raise DataError(f"{path}: empty, expected one name per line.")
    return names


def distinct(names: list[str]) -> list[str]:
    """Add the position to names that several classes have, as classes stay apart.

    >>> distinct(["crane", "dog", "crane"])
    ['crane #0', 'dog', 'crane #2']
    """
    n_of = collections.Counter(names)
    return [f"{name} #{i}" if n_of[name] > 1 else name for i, name in enumerate(names)]


def fingerprint(names: Sequence[str]) -> str:
    """Return 16 hex digits that name a list of names and its order."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
