"""Data sets as people hold them: what is taken, and what is refused by name."""

import io

import datasets as hugging_face
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from dejavu.api import datasets, images
from dejavu.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 20, 24, 3)).astype(np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]
NAMES = ["ant", "bee", "cow"]
PAIRS = [(Image.fromarray(each), label) for each, label in zip(PIXELS, LABELS, strict=True)]


def encoded(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def table(**image):
    """The same images as a data set of Hugging Face."""
    columns = {"image": [encoded(each) for each, _ in PAIRS], "label": LABELS}
    features = {"image": hugging_face.Image(**image), "label": hugging_face.ClassLabel(names=NAMES)}
    return hugging_face.Dataset.from_dict(columns, features=hugging_face.Features(features))


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        (PAIRS, LABELS),
        ([(encoded(image), label) for image, label in PAIRS], LABELS),
        (
            [{"image": {"bytes": encoded(image), "path": None}, "label": n} for image, n in PAIRS],
            LABELS,
        ),
        (ConcatDataset([Subset(PAIRS, [0, 1]), Subset(PAIRS, [2, 3, 4, 5])]), LABELS),
        (TensorDataset(torch.from_numpy(PIXELS).permute(0, 3, 1, 2), torch.tensor(LABELS)), LABELS),
        (table(), [NAMES[n] for n in LABELS]),
        (table(decode=False), [NAMES[n] for n in LABELS]),
        (table().with_format("torch"), [NAMES[n] for n in LABELS]),
    ],
    ids=[
        "pairs",
        "bytes",
        "undecoded",
        "parts",
        "tensors",
        "table",
        "undecoded table",
        "torch table",
    ],
)
def test_every_form_gives_the_same_pixels_and_labels(data, labels, tmp_path):
    found = [item for _, item in datasets.items(data, "target", None, 0)]
    assert [item.label for item in found] == labels
    for row, (item, pixels) in enumerate(zip(found, PIXELS, strict=True)):
        with Image.open(images.write(item.image, tmp_path, row, where="target")) as image:
            assert np.array_equal(np.asarray(image), pixels)
        assert np.array_equal(np.asarray(images.opened(item.image, where="target")), pixels)


def refused(data, message):
    with pytest.raises(DataError, match=message):
        list(datasets.items(data, "target", None, 0))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (-1, r"target\[0\]: label -1, which data sets give to images whose label nobody knows"),
        (np.int64(-1), "label -1"),
        (np.eye(3)[1], r"found ndarray of shape \(3,\)"),
        (torch.eye(3)[1], r"found Tensor of shape \(3,\)"),
        ([0, 1], "found list"),
        (float("nan"), "found float"),
    ],
)
def test_labels_that_are_none_are_refused(label, message):
    refused([(PAIRS[0][0], label)], message)


def test_a_number_without_a_name_is_refused_where_the_data_set_has_names():
    class Named(list):
        classes = NAMES

    refused(Named([(PAIRS[0][0], 3)]), "label 3, but the data set names 3 classes, counted from 0")
    refused(Named([(PAIRS[0][0], -1)]), "label -1")


def test_what_is_no_list_of_samples_is_refused():
    refused({"image": [1], "label": [2]}, "found dict of 'image', 'label'. Give one split of it")
    refused(hugging_face.DatasetDict({"train": table()}), "found DatasetDict of 'train'")
    refused(table().to_iterable_dataset(), "Make a list of what streams")
    refused(table().to_pandas(), "DataFrame gives no such row .* list.zip.table")
    refused([{"img": PAIRS[0][0], "fine_label": 1}], "found dict of 'img', 'fine_label'")


def test_colors_of_printers_become_rgb_and_floats_are_refused(tmp_path):
    image = PAIRS[0][0]
    path = images.write(image.convert("CMYK"), tmp_path, 0, where="target")
    with Image.open(path) as found:
        assert found.mode == "RGB"
    with pytest.raises(DataError, match="mode 'F', expected 8-bit pixels"):
        images.write(image.convert("F"), tmp_path, 1, where="target")
    with pytest.raises(DataError, match="7 bytes that are no image"):
        images.write(b"nothing", tmp_path, 2, where="target")
