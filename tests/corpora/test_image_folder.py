"""Class folders, with boxes from CSV, Parquet or COCO JSON."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.corpora.box_files import read_boxes
from dejavu.corpora.records import Box
from dejavu.errors import DataError
from tests.corpora.image_files import photo
from tests.corpora.test_build import built, folder_settings


@pytest.fixture
def photos(tmp_path):
    for number, name in enumerate(("cat/b.jpg", "cat/a.PNG", "dog/deep/er/c.webp")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(number, size=(40, 30)))
    return tmp_path


def boxes_of(rows):
    return {
        row["sample_name"]: [tuple(box.values()) for box in row["boxes"]] for row in rows
    }  # fmt: skip


def test_without_boxes(photos):
    rows = built(photos / "out", folder_settings(), data_root=photos)
    assert [(row["uri"], row["label_id"], row["boxes"]) for row in rows] == [
        ("cat/a.PNG", 0, []), ("cat/b.jpg", 0, []), ("dog/deep/er/c.webp", 1, []),
    ]  # fmt: skip


def test_boxes_from_csv(photos):
    (photos / "photos/boxes.csv").write_text(
        "path,x0,y0,x1,y1,label\ncat/b.jpg,1,2,11,12,cat\ncat/b.jpg,20.5,1.2,30.1,9,ball\n"
        "dog/deep/er/c.webp,30,20,10,5,dog\n"
    )
    rows = built(photos / "out", folder_settings(boxes="boxes.csv"), data_root=photos)
    assert boxes_of(rows) == {
        "cat/a.PNG": [],
        "cat/b.jpg": [(1, 2, 11, 12, "cat"), (20, 1, 31, 9, "ball")],
        "dog/deep/er/c.webp": [(10, 5, 30, 20, "dog")],
    }


def test_boxes_from_parquet_without_labels(photos):
    rows = {"path": ["cat/a.PNG"], "x0": [0], "y0": [1], "x1": [2], "y1": [3]}
    pq.write_table(pa.table(rows), photos / "photos/boxes.parquet")
    rows = built(photos / "out", folder_settings(boxes="boxes.parquet"), data_root=photos)
    assert boxes_of(rows)["cat/a.PNG"] == [(0, 1, 2, 3, None)]


def test_boxes_from_coco(photos):
    document = {
        "images": [{"id": 7, "file_name": "cat/b.jpg"}, {"id": 9, "file_name": "elsewhere.jpg"}],
        "annotations": [
            {"image_id": 7, "bbox": [1.5, 2, 10, 5.2], "category_id": 18},
            {"image_id": 9, "bbox": [0, 0, 1, 1], "category_id": 18},
        ],
        "categories": [{"id": 18, "name": "dog"}],
    }
    (photos / "photos/instances.json").write_text(json.dumps(document))
    rows = built(photos / "out", folder_settings(boxes="instances.json"), data_root=photos)
    assert boxes_of(rows)["cat/b.jpg"] == [(1, 2, 12, 8, "dog")]  # rounded outward


def test_boxes_of_other_images_are_an_error(photos):
    (photos / "photos/boxes.csv").write_text("path,x0,y0,x1,y1\n/abs/cat/b.jpg,1,2,11,12\n")
    with pytest.raises(DataError, match="'/abs/cat/b.jpg'"):
        built(photos / "out", folder_settings(boxes="boxes.csv"), data_root=photos)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("b.csv", "path,x0,y0,x1\na,1,2,3\n", "lacks column y1; found path, x0, y0, x1"),
        ("b.csv", "path,x0,y0,x1,y1\n,1,2,3,4\n", "row 1 names no image"),
        ("b.csv", "path,x0,y0,x1,y1\na,1,2,3,wide\n", "column 'y1', row 1: found str 'wide'"),
        ("b.json", "{}", "lacks images, annotations"),
        ("b.json", "{", "not valid JSON"),
        ("b.parquet", "no parquet", "not a readable table"),
        ("b.xml", "<a/>", "expected boxes as"),
    ],
)
def test_box_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read_boxes(tmp_path / name)


def test_a_missing_box_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file; image.corpus.boxes names it"):
        read_boxes(tmp_path / "b.csv")


def test_boxes_keep_their_order(tmp_path):
    (tmp_path / "b.csv").write_text("path,x0,y0,x1,y1\na,1,2,3,4\nb,1,2,3,4\na,0,0,1,1\n")
    assert read_boxes(tmp_path / "b.csv").boxes["a"] == (Box(1, 2, 3, 4), Box(0, 0, 1, 1))


def test_no_class_folder_is_an_error(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match="expected one folder of images per class"):
        built(tmp_path / "out", folder_settings(), data_root=tmp_path)


def test_class_folders_below_several_parts_share_their_labels(tmp_path):
    for number, name in enumerate(("train/cat/a.png", "train/dog/b.png", "heldout/cat/a.png")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(number, size=(40, 30)))
    rows = built(tmp_path / "out", folder_settings(use=["train", "heldout"]), data_root=tmp_path)
    assert {row["uri"]: row["label_id"] for row in rows} == {
        "train/cat/a.png": 0, "train/dog/b.png": 1, "heldout/cat/a.png": 0,
    }  # fmt: skip
    with pytest.raises(DataError, match="test: no such folder. Name the folders that exist"):
        built(tmp_path / "again", folder_settings(use=["test"]), data_root=tmp_path)
