"""Tiny ImageNet in its official layout: a hand-made copy, and the real one where it is at hand."""

import tarfile

import pytest

from dejavu.errors import DataError, ParamsError
from dejavu.tables.schemas import LABELS
from tests.corpora.image_files import photo
from tests.corpora.test_build import built
from tests.paths import ROOT

REAL = ROOT.parent / "shared/data/tiny-imagenet-20.tar"


def settings(use=("train", "val"), wnids=None):
    return {
        "adapter": "tiny_imagenet", "root": "tiny", "use": list(use), "wnids": wnids,
        "max_dropped_share": 0.0,
    }  # fmt: skip


@pytest.fixture
def data(tmp_path):
    """Three classes, two of them of the same name; listed out of order."""
    root = tmp_path / "tiny"
    texts = {
        "wnids.txt": "n03\nn01\nn02\n",
        "words.txt": "n01\tcrane\nn02\tcrane, hoist\nn03\tgoose\nn09\tunused\n",
        "val/val_annotations.txt": "val_1.JPEG\tn02\t0\t0\t63\t31\nval_0.JPEG\tn01\t5\t6\t7\t8\n",
    }
    for number, wnid in enumerate(("n01", "n02", "n03")):
        names = [f"{wnid}_{i}.JPEG" for i in range(2)]
        rows = "".join(f"{name}\t{i}\t10\t{40 + i}\t63\n" for i, name in enumerate(names))
        texts[f"train/{wnid}/{wnid}_boxes.txt"] = rows
        for i, name in enumerate(names):
            path = root / "train" / wnid / "images" / name
            path.parent.mkdir(parents=True) if i == 0 else None
            path.write_bytes(photo(10 * number + i, size=(64, 64)))
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "val/images").mkdir()
    for i in range(2):
        (root / f"val/images/val_{i}.JPEG").write_bytes(photo(90 + i, size=(64, 64)))
    return tmp_path


def test_folders_classes_and_boxes(data):
    rows = built(data / "out", settings(), data_root=data)
    assert [(row["uri"], row["sample_name"], row["label_id"]) for row in rows] == [
        ("train/n01/images/n01_0.JPEG", "n01_0", 0),
        ("train/n01/images/n01_1.JPEG", "n01_1", 0),
        ("train/n02/images/n02_0.JPEG", "n02_0", 1),
        ("train/n02/images/n02_1.JPEG", "n02_1", 1),
        ("train/n03/images/n03_0.JPEG", "n03_0", 2),
        ("train/n03/images/n03_1.JPEG", "n03_1", 2),
        ("val/images/val_0.JPEG", "val_0", 0),
        ("val/images/val_1.JPEG", "val_1", 1),
    ]
    # both corners are inside the box: 63 is the last pixel of 64
    assert rows[1]["boxes"] == [{"x0": 1, "y0": 10, "x1": 42, "y1": 64, "label": "crane (n01)"}]
    assert rows[7]["boxes"] == [{"x0": 0, "y0": 0, "x1": 64, "y1": 32, "label": "crane (n02)"}]
    labels = LABELS.read(data / "out/labels.parquet")["label"].to_pylist()
    assert labels == ["crane (n01)", "crane (n02)", "goose"]


def test_one_folder_and_some_classes(data):
    rows = built(data / "out", settings(["val"], ["n02"]), data_root=data)
    assert [(row["sample_name"], row["label_id"]) for row in rows] == [("val_1", 0)]


def test_a_class_that_is_not_there_is_an_error_with_a_guess(data):
    with pytest.raises(ParamsError, match="Did you mean 'n02'"):
        built(data / "out", settings(wnids=["n022"]), data_root=data)


def test_a_wrong_root_says_how_roots_are_found(tmp_path):
    with pytest.raises(DataError, match="DEJAVU_DATA_ROOT"):
        built(tmp_path / "out", settings(), data_root=tmp_path)


def test_a_line_without_all_columns_is_an_error(data):
    (data / "tiny/train/n01/n01_boxes.txt").write_text("n01_0.JPEG\t1\t2\n")
    with pytest.raises(DataError, match="line 1: found 3 columns"):
        built(data / "out", settings(), data_root=data)


def test_a_photograph_without_annotation_is_an_error(data):
    (data / "tiny/val/images/val_7.JPEG").write_bytes(photo(1))
    with pytest.raises(DataError, match="val_7.JPEG: not in val_annotations"):
        built(data / "out", settings(), data_root=data)


@pytest.mark.skipif(not REAL.is_file(), reason=f"the real photographs are not at {REAL}")
def test_real_photographs(tmp_path):
    with tarfile.open(REAL) as archive:
        wanted = [
            member
            for member in archive
            if member.name.endswith(".txt") or ("/n02206856/" in member.name and member.isfile())
        ]
        archive.extractall(tmp_path, members=wanted, filter="data")
    (root,) = tmp_path.iterdir()
    root.rename(tmp_path / "tiny")
    rows = built(tmp_path / "out", settings(["train"], ["n02206856"]), data_root=tmp_path)
    assert len(rows) == 500
    assert all(len(row["boxes"]) == 1 and row["problem"] is None for row in rows)
    assert {(row["width_px"], row["height_px"]) for row in rows} == {(64, 64)}
    assert max(row["boxes"][0]["x1"] for row in rows) == 64
    labels = LABELS.read(tmp_path / "out/labels.parquet")["label"].to_pylist()
    assert labels == ["bee"]
