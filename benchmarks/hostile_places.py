"""What stands where a file is named, and where tables and links lead, for `benchmarks.hostile_inputs`."""

import functools
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io  # noqa: F401  # imported once, and not by each child

from benchmarks.hostile_files import IN_THE_WAY, Case, _corpus, having
from dejavu.annotators import detic, names
from dejavu.models import imported_vectors, vector_files
from dejavu.params.corpora import CorpusParams
from dejavu.run import external_files
from dejavu.splits import given_roles
from tests.corpora.image_files import photo

TINY = {
    "t/train/n01/images/n01_0.JPEG": photo(1), "t/wnids.txt": b"n01\n", "t/words.txt": b"n01\tcat\n",
    "t/train/n01/n01_boxes.txt": b"n01_0.JPEG\t1\t1\t5\t5\n",
}  # fmt: skip
IMAGENET = {"p/train/n01/n01_1.JPEG": photo(1), "p/val/ILSVRC2012_val_00000001.JPEG": photo(2)}
TRUTH = "p/dev/data/ILSVRC2012_validation_ground_truth.txt"
LEADS = (
    "../secret.jpg", "/etc/passwd", "../secret.parquet#0", "pipe.parquet#0", "zero.parquet#0",
    "gone.parquet#0", "pipe.tar#x", "zero.tar#x", "../secret.tar#x", "a\0b", "x" * 5000, "pipe.jpg",
    "zero.jpg", "..", "",
)  # fmt: skip
LINKS = (
    "/",
    "/proc",
    "/proc/self",
    "/sys",
    "/dev",
    "..",
    ".",
    "/proc/kmsg",
    "/proc/kcore",
    "/dev/zero",
    "gone",
)


def places() -> Iterator[Case]:
    """Lists, arrays and tables that are pipes, devices or holes; names and links that lead elsewhere."""
    yield from _lists()
    yield from _arrays()
    for name in LEADS:
        yield (
            f"captions name {name[:20]!r}",
            having("photos/a.jpg", photo(1), functools.partial(_named, name)),
        )
    for target in LINKS:
        yield f"a link to {target}", having("photos/a/1.jpg", photo(1), _linked(target))
    yield "a file of holes", having("photos/a/1.jpg", "sparse", _noted)


def _lists() -> Iterator[Case]:
    tiny = functools.partial(
        _corpus, {"adapter": "tiny_imagenet", "root": "t", "use": ["train"], "wnids": None}
    )
    settings = {
        "adapter": "imagenet", "root": "p", "use": ["train", "val"], "boxes": [], "wnids": None,
        "hash_images": True,
    }  # fmt: skip
    by_table = functools.partial(_corpus, settings | {"val_labels": "labels.csv"})
    by_devkit = functools.partial(_corpus, settings | {"val_labels": "dev"})
    for kind in IN_THE_WAY:
        for name in TINY:
            beside = {other: raw for other, raw in TINY.items() if other != name}
            yield f"{name} is {kind}", having(name, kind, tiny, **beside)
        yield f"labels.csv is {kind}", having("p/labels.csv", kind, by_table, **IMAGENET)
        truth = {TRUTH: b"1\n"}
        yield (
            f"meta.mat is {kind}",
            having("p/dev/data/meta.mat", kind, by_devkit, **IMAGENET, **truth),
        )
        yield f"names are {kind}", having("n.txt", kind, lambda: names.read("n.txt", Path()))
    yield "labels.csv, long", having("p/labels.csv", 'a,"' + "x" * 200_000, by_table, **IMAGENET)


def _arrays() -> Iterator[Case]:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3, np.int64))
    whole = stream.getvalue()
    contents: dict[str, bytes | str] = {kind: kind for kind in IN_THE_WAY}
    contents |= {f"{n} nines": whole.replace(b"(3,)", b"(%s,)" % (b"9" * n)) for n in (9, 15, 30)}
    for name, content in contents.items():
        yield (
            f"positions {name}",
            having("p.npy", content, lambda: given_roles._positions(Path("p.npy"), 5)),
        )
        yield (
            f"classifier {name}",
            having("p.npy", content, lambda: detic.read_classifier(Path("p.npy"), n_names=5)),
        )
    matrix = io.BytesIO()
    np.save(matrix, np.zeros((3, 1)))
    for kind in IN_THE_WAY:
        yield (
            f"names of rows are {kind}",
            having("v/crop.txt", kind, _names_of_rows, **{"v/crop.npy": matrix.getvalue()}),
        )


def _names_of_rows() -> object:
    return vector_files.matrix(imported_vectors.find(Path("v"), "crop"))


def _named(name: str) -> None:
    pq.write_table(pa.table({"image": [photo(2)]}), "secret.parquet")
    Path("secret.jpg").write_bytes(photo(2))
    for kind in ("parquet", "tar", "jpg"):
        os.mkfifo(f"photos/pipe.{kind}")
        Path(f"photos/zero.{kind}").symlink_to("/dev/zero")
    pq.write_table(pa.table({"path": [name], "caption": ["x"]}), "photos/t.parquet")
    settings: dict[str, Any] = {
        "adapter": "captions_table", "root": "photos", "table": "t.parquet", "path_column": "path",
        "caption_column": "caption",
    }  # fmt: skip
    _corpus(settings)
    found = pq.read_table("out/samples.parquet")["problem"].to_pylist()
    if found == [None]:
        raise AssertionError(f"{name} was read")


def _linked(target: str) -> Any:
    def act() -> None:
        Path("photos/a/out").symlink_to(target)
        Path("photos/a/2.jpg").symlink_to(target)
        _corpus({"adapter": "image_folder", "root": "photos", "use": None, "boxes": None})
        _noted()

    return act


def _noted() -> None:
    corpus = CorpusParams.model_validate(
        {
            "adapter": "image_folder", "root": "photos", "use": None, "boxes": None,
            "max_dropped_share": 1.0,
        }
    )  # fmt: skip
    external_files.record(
        settings=external_files.ExternalSettings(
            sections={"image/corpus": corpus.root}, data_folder=Path()
        ),
        out=Path("o"),
    )
