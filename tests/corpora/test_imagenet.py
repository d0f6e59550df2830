"""ImageNet in its three layouts, with the oddities that the real one has."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from dejavu.corpora import boxes as box_repair
from dejavu.corpora.imagenet_boxes import read_annotation
from dejavu.corpora.records import Box
from dejavu.corpora.tallies import Tally
from dejavu.errors import DataError, ParamsError
from dejavu.tables.schemas import LABELS
from tests.corpora.image_files import photo
from tests.corpora.test_build import built

ANNOTATION = """<annotation>
\t<folder>n01</folder>
\t<filename>{filename}</filename>
\t<source>
\t\t<database>ImageNet database</database>
\t</source>
\t<size>
\t\t<width>{size[0]}</width>
\t\t<height>{size[1]}</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
{objects}</annotation>
"""
OBJECT = """\t<object>
\t\t<name>{0}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>0</difficult>
\t\t<bndbox>
\t\t\t<xmin>{1}</xmin>
\t\t\t<ymin>{2}</ymin>
\t\t\t<xmax>{3}</xmax>
\t\t\t<ymax>{4}</ymax>
\t\t</bndbox>
\t</object>
"""
# wnid, file name, image, size in the XML file (None: there is none), objects in the XML file
IMAGES = [
    ("n01", "n01_10026.JPEG", photo(1, size=(60, 40)), (60, 40), [("n01", 10, 20, 30, 40)]),
    ("n01", "n01_1009.JPEG", photo(2, size=(60, 40), mode="L"), (120, 80), [("n01", 11, 20, 31, 40)]),
    ("n01", "n01_2.JPEG", photo(3, size=(60, 40), mode="CMYK"), (60, 40), [("n01", 50, 5, 80, 20)]),
    ("n01", "n01_3.JPEG", photo(4, size=(60, 40), kind="PNG"), (60, 40), [("n01", 30, 20, 10, 5)]),
    ("n02", "n02_1.JPEG", photo(5, size=(60, 40)), (60, 40), []),
    ("n02", "n02_2.JPEG", photo(6, size=(60, 40)), None, []),
    ("n02", "n02_3.JPEG", photo(7, size=(60, 40)), (60, 40),
     [("n02", 0, 0, 5, 6), ("n01", 7, 8, 9, 10), ("Scottish_deerhound", 60, 0, 70, 9)]),
]  # fmt: skip
EXPECTED = {
    "n01_10026": [(10, 20, 30, 40, "n01")],
    "n01_1009": [(5, 10, 16, 20, "n01")],  # halved, rounded outward
    "n01_2": [(50, 5, 60, 20, "n01")],  # clamped
    "n01_3": [(10, 5, 30, 20, "n01")],  # swapped
    "n02_1": [],
    "n02_2": [],
    "n02_3": [(0, 0, 5, 6, "n02"), (7, 8, 9, 10, "n01")],  # the third lies outside
}


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def annotation(size, objects, filename="%s"):
    text = "".join(OBJECT.format(*entry) for entry in objects)
    return ANNOTATION.format(size=size, objects=text, filename=filename)


def put_all(root, *, images, annotations):
    """Write the images below `images` and their XML files below `annotations`."""
    for wnid, name, content, size, objects in IMAGES:
        put(root / images / wnid / name, content)
        if size:
            xml = name.replace(".JPEG", ".xml")
            put(root / annotations / wnid / xml, annotation(size, objects))


def settings(boxes=("bbox",), **changes):
    return {
        "adapter": "imagenet", "root": "imagenet", "use": ["train"], "boxes": list(boxes),
        "val_labels": None, "wnids": None, "hash_images": True, "max_dropped_share": 0.0,
    } | changes  # fmt: skip


def corners(row):
    return [tuple(box.values()) for box in row["boxes"]]


@pytest.mark.parametrize(
    ("images", "annotations", "boxes"),
    [
        ("train", "bbox/Annotation", ["bbox"]),
        ("train", "bbox", ["bbox"]),
        ("train", "bbox/train", ["bbox"]),
        ("train", "other/n02", ["bbox", "other/n02"]),
        ("ILSVRC/Data/CLS-LOC/train", "ILSVRC/Annotations/CLS-LOC/train", ["ILSVRC"]),
        ("ILSVRC/Data/CLS-LOC/train", "bbox/Annotations/CLS-LOC/train", ["bbox"]),
    ],
)
def test_every_layout_gives_the_same_samples(tmp_path, images, annotations, boxes):
    put_all(tmp_path / "imagenet", images=images, annotations=annotations)
    (tmp_path / "imagenet" / boxes[0]).mkdir(exist_ok=True)
    rows = built(tmp_path / "out", settings(boxes), data_root=tmp_path)
    assert [(row["sample_name"], row["label_id"]) for row in rows] == [
        ("n01_10026", 0), ("n01_1009", 0), ("n01_2", 0), ("n01_3", 0),
        ("n02_1", 1), ("n02_2", 1), ("n02_3", 1),
    ]  # fmt: skip
    assert {row["sample_name"]: corners(row) for row in rows} == EXPECTED
    assert rows[0]["uri"] == f"{images}/n01/n01_10026.JPEG"
    assert not any(row["problem"] for row in rows)
    source = json.loads((tmp_path / "out/images/source.json").read_text())
    assert source["kind"] == "external"
    assert source["box_repairs"] == {"clamped": 1, "dropped": 1, "rescaled": 1, "swapped": 1}


def test_the_order_is_that_of_torchvision(tmp_path):
    from torchvision.datasets import ImageFolder

    put_all(tmp_path / "imagenet", images="train", annotations="bbox")
    rows = built(tmp_path / "out", settings(), data_root=tmp_path)
    expected = ImageFolder(tmp_path / "imagenet/train").samples
    found = [(str(tmp_path / "imagenet" / row["uri"]), row["label_id"]) for row in rows]
    assert found == expected


def test_sizes_alone_agree_with_the_full_look_and_decode_nothing(tmp_path, monkeypatch):
    put_all(tmp_path / "imagenet", images="train", annotations="bbox")
    full = built(tmp_path / "full", settings(), data_root=tmp_path)
    monkeypatch.setattr(Image.Image, "convert", None)
    monkeypatch.setattr("dejavu.corpora.image_reader.ImageReader.read_bytes", None)
    quick = built(tmp_path / "quick", settings(hash_images=False), data_root=tmp_path)
    for slow, fast in zip(full, quick, strict=True):
        assert slow.pop("content_hash") is not None
        assert slow.pop("perceptual_hash") is not None
        assert (fast.pop("content_hash"), fast.pop("perceptual_hash")) == (None, None)
        assert slow == fast


def test_sizes_alone_still_find_what_is_no_image(tmp_path):
    put_all(tmp_path / "imagenet", images="train", annotations="bbox")
    folder = tmp_path / "imagenet/train/n01"
    put(folder / "n01_4.JPEG", b"<html>404</html>")
    put(folder / "n01_5.JPEG", photo(1, size=(50, 1), kind="PNG"))
    (folder / "n01_6.JPEG").symlink_to(folder / "gone")
    rows = built(
        tmp_path / "out", settings(hash_images=False, max_dropped_share=1.0), data_root=tmp_path
    )
    problems = {row["sample_name"]: row["problem"] for row in rows if row["problem"]}
    assert problems == {"n01_4": "unreadable", "n01_5": "too_small", "n01_6": "missing"}


def val(root, *, is_sorted):
    """Write a val folder of three images, two of class n02; returns their wnids by name."""
    classes = {f"ILSVRC2012_val_{i:08}": wnid for i, wnid in enumerate(("n02", "n01", "n02"), 1)}
    for seed, (stem, wnid) in enumerate(classes.items(), 50):
        folder = f"val/{wnid}" if is_sorted else "val"
        put(root / folder / f"{stem}.JPEG", photo(seed, size=(60, 40)))
        put(root / f"bbox/val/{stem}.xml", annotation((60, 40), [(wnid, 1, 2, 3, 4)], stem))
    return classes


@pytest.mark.parametrize("how", ["sorted", "csv", "devkit"])
def test_val_follows_train_however_its_classes_are_known(tmp_path, how):
    root = tmp_path / "imagenet"
    put_all(root, images="train", annotations="bbox")
    classes = val(root, is_sorted=how == "sorted")
    if how == "csv":
        lines = [f"{stem},{wnid} 1 2 3 4 {wnid} 5 6 7 8 " for stem, wnid in classes.items()]
        put(root / "labels", "\n".join(["ImageId,PredictionString", *lines[::-1]]))
    if how == "devkit":
        put_devkit(root / "labels")
    settings_ = settings(use=["train", "val"], val_labels=None if how == "sorted" else "labels")
    rows = built(tmp_path / "out", settings_, data_root=tmp_path)[len(IMAGES) :]
    assert {row["sample_name"]: f"n0{row['label_id'] + 1}" for row in rows} == classes
    assert all(corners(row) == [(1, 2, 3, 4, classes[row["sample_name"]])] for row in rows)


def put_devkit(folder):
    """Write the devkit's two files: class numbers follow no alphabet, and inner nodes come along."""
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    synsets = np.array(
        [(1, "n02", "dog", 0), (2, "n01", "fish", 0), (3, "n00", "animal", 2)], dtype=kinds
    )
    (folder / "data").mkdir(parents=True)
    savemat(str(folder / "data/meta.mat"), {"synsets": synsets.reshape(-1, 1)})
    put(folder / "data/ILSVRC2012_validation_ground_truth.txt", "1\n2\n1\n")


def test_classes_have_their_names_where_a_file_gives_them(tmp_path):
    root = tmp_path / "imagenet"
    put_all(root, images="train", annotations="bbox")
    put(root / "LOC_synset_mapping.txt", "n01 tench, Tinca tinca\nn02 goldfish\nn03 other\n")
    rows = built(tmp_path / "out", settings(), data_root=tmp_path)
    labels = LABELS.read(tmp_path / "out/labels.parquet")["label"].to_pylist()
    assert labels == ["tench", "goldfish"]
    assert [box["label"] for box in rows[-1]["boxes"]] == ["goldfish", "tench"]


def test_some_classes_keep_the_rank_among_themselves(tmp_path):
    put_all(tmp_path / "imagenet", images="train", annotations="bbox")
    rows = built(tmp_path / "out", settings(wnids=["n02"]), data_root=tmp_path)
    assert {(row["sample_name"], row["label_id"]) for row in rows} == {
        ("n02_1", 0), ("n02_2", 0), ("n02_3", 0),
    }  # fmt: skip
    with pytest.raises(ParamsError, match="has no 'n03'"):
        built(tmp_path / "out", settings(wnids=["n03"]), data_root=tmp_path)


def test_errors_say_what_is_not_there(tmp_path):
    root = tmp_path / "imagenet"
    with pytest.raises(DataError, match=r"expected train/<wnid>"):
        built(tmp_path / "out", settings(), data_root=tmp_path)
    put_all(root, images="train", annotations="elsewhere")
    with pytest.raises(DataError, match="no such folder of boxes"):
        built(tmp_path / "out", settings(), data_root=tmp_path)
    (root / "bbox").mkdir()
    with pytest.raises(DataError, match="not one of 7 images has an XML file"):
        built(tmp_path / "out", settings(), data_root=tmp_path)
    with pytest.raises(DataError, match=r"imagenet/val: no such folder"):
        built(tmp_path / "out", settings([], use=["train", "val"]), data_root=tmp_path)
    val(root, is_sorted=False)
    with pytest.raises(DataError, match="not sorted into one folder per class"):
        built(tmp_path / "out", settings([], use=["train", "val"]), data_root=tmp_path)
    put(root / "labels.csv", "ImageId,PredictionString\nILSVRC2012_val_00000001,n01 1 2 3 4\n")
    unknown = settings([], use=["train", "val"], val_labels="labels.csv")
    with pytest.raises(DataError, match="says nothing of 2 of 3 images"):
        built(tmp_path / "out", unknown, data_root=tmp_path)


def test_broken_annotations_are_boxes_that_nobody_can_place(tmp_path):
    put(tmp_path / "cut.xml", annotation((60, 40), [("n01", 1, 2, 3, 4)])[:200])
    boxes, _ = read_annotation(tmp_path / "cut.xml")
    assert len(boxes) == 1
    assert math.isnan(boxes[0].x0)
    assert read_annotation(tmp_path / "none.xml") is None
    put(tmp_path / "text.xml", annotation((60, 40), [("n01", "one", 2, 3, 4), ("n02", 1, 2, 3, 4)]))
    (odd, fine), size = read_annotation(tmp_path / "text.xml")
    assert math.isnan(odd.x0)
    assert (fine, size) == (Box(1, 2, 3, 4, "n02"), (60, 40))
    put(tmp_path / "sizeless.xml", annotation((0, 0), [("n01", "1.4", 2, 3, 4)]))
    assert read_annotation(tmp_path / "sizeless.xml") == ((Box(1.4, 2, 3, 4, "n01"),), None)


@pytest.mark.parametrize("swap", [False, True])
def test_rescaling_rounds_outward_and_keeps_whole_sides(swap):
    for true, stated in [((500, 375), (333, 250)), ((333, 250), (500, 375)), ((700, 500), (7, 5))]:
        for x in range(0, stated[0], max(1, stated[0] // 9)):
            x1 = min(stated[0], x + 13)
            box = Box(x1, 0, x, stated[1]) if swap else Box(x, 0, x1, stated[1])
            tally = Tally()
            (found,) = box_repair.repair(
                [box], width_px=true[0], height_px=true[1], tally=tally, stated_px=stated
            )
            scale = true[0] / stated[0]
            assert found.x0 == math.floor(round(x * scale, 9))
            assert found.x1 == math.ceil(round(x1 * scale, 9))
            assert (found.y0, found.y1) == (0, true[1])
            kinds = ("rescaled_boxes", "swapped_boxes", "clamped_boxes")
            assert [tally.counts[kind] for kind in kinds] == [1, int(swap), 0]


def test_images_are_neither_copied_nor_listed_in_what_dvc_hashes(tmp_path):
    put_all(tmp_path / "imagenet", images="train", annotations="bbox")
    built(tmp_path / "out", settings(), data_root=tmp_path)
    assert [path.name for path in (tmp_path / "out/images").iterdir()] == ["source.json"]
    assert pq.read_metadata(tmp_path / "out/samples.parquet").num_rows == len(IMAGES)
