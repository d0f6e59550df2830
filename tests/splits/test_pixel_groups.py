"""Perceptual hashes of objects on white say nothing; pixels tell which of them are one image."""

import collections
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageFilter

from dejavu.corpora.image_reader import ImageError, ImageReader
from dejavu.splits import pixel_groups
from dejavu.tables.schemas import SPLITS
from tests.corpora.image_files import photo
from tests.splits.test_assign import divide, numbered, samples, settings

N = 60


def product(seed):
    """A box of its own color, size and writing in the middle of a white ground."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (64, 64), "white")
    pen = ImageDraw.Draw(image)
    width, height = rng.integers(14, 28, 2).tolist()
    color = tuple(rng.integers(0, 200, 3).tolist())
    pen.rectangle((32 - width, 32 - height, 32 + width, 32 + height), fill=color)
    for _ in range(4):
        pen.line(
            rng.integers(20, 44, 4).tolist(), fill=tuple(rng.integers(0, 256, 3).tolist()), width=3
        )
    return image


def versions(image):
    """One image as it is met again: recompressed, scaled and blurred."""
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=40)
    small = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.LANCZOS)
    return [image, Image.open(encoded), small, image.filter(ImageFilter.GaussianBlur(1))]


def grouped(folder, images, hashes):
    """Return the group of each image, as stage ``split`` finds it."""
    (folder / "photos").mkdir()
    names = [f"{name}.png" for name in numbered(len(images))]
    for name, image in zip(names, images, strict=True):
        image.convert("RGB").save(folder / "photos" / name)
    (folder / "images").mkdir()
    (folder / "images/source.json").write_text(json.dumps({"kind": "external", "root": "photos"}))
    rows = samples(names, hashes=hashes)
    path = divide(folder, rows, settings(), images=folder / "images")
    return SPLITS.read(path)["group_id"].to_pylist()


def test_objects_on_white_that_share_a_hash_are_no_duplicates(tmp_path, capsys):
    groups = grouped(tmp_path, [product(i) for i in range(N)], [0] * N)
    assert max(collections.Counter(groups).values()) <= 2
    assert len(set(groups)) > 0.9 * N
    assert f"of {N} samples whose perceptual hash is close" in capsys.readouterr().err


def test_versions_of_one_image_stay_together(tmp_path):
    photos = [Image.open(io.BytesIO(photo(i, size=(64, 48)))).convert("RGB") for i in range(4)]
    images = [each for image in photos for each in versions(image)]
    assert grouped(tmp_path, images, [7] * 16) == [i // 4 * 4 for i in range(16)]


def test_two_images_that_share_a_hash_are_believed(tmp_path):
    assert grouped(tmp_path, [product(0), product(1)], [3, 3]) == [0, 0]


def test_plain_images_agree_by_their_color(tmp_path):
    plain = [Image.new("RGB", (8, 8), color) for color in ("white", "#fdfdfd", "navy", "navy")]
    assert grouped(tmp_path, plain, [0] * 4) == [0, 0, 2, 2]


@pytest.mark.parametrize("rows", [1, 3, 1_000])
def test_blocks_change_nothing(monkeypatch, rows):
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 255, (5, 768))
    thumbnails = (kinds[np.arange(40) % 5] + rng.integers(0, 3, (40, 768))).clip(0, 255)
    monkeypatch.setattr(pixel_groups, "_ROWS", rows)
    near, exact = np.zeros(40, np.int64), np.arange(40)
    found = pixel_groups.confirmed(
        near,
        exact,
        lambda _: (
            lambda places: (
                thumbnails[places].astype(np.uint8),
                np.full(len(places), True),
            )
        ),
    )
    _, place = np.unique(found, return_inverse=True)
    assert len(set(found.tolist())) == 5
    assert all(len(set(place[k::5].tolist())) == 1 for k in range(5))


def test_an_image_that_cannot_be_read_is_like_no_other(tmp_path):
    thumbnails, unread = np.zeros((4, 768), np.uint8), np.array([True, True, False, False])
    found = pixel_groups.confirmed(
        np.zeros(4, np.int64), np.arange(4), lambda _: lambda _: (thumbnails, unread)
    )
    assert len(set(found.tolist())) == 3
    assert found[0] == found[1]


ACROSS = np.tile([1, -1], 8)[None, :, None] * np.ones((16, 1, 3), dtype=int)  # columns, and rows
DOWN = ACROSS.transpose(1, 0, 2)


def gray(across=0, down=0, level=128):
    """A thumbnail of two patterns that know nothing of each other, with these standard deviations."""
    return (level + across * ACROSS + down * DOWN).astype(np.uint8).ravel()


def looked_at(thumbnails, opened=None):
    def look(places):
        if opened is not None:
            opened.append(places.tolist())
        return np.array(thumbnails)[places], np.full(len(places), True)

    return lambda _: look


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        (gray(10), gray(10, level=147), True),  # colors differ by 19
        (gray(10), gray(10, level=149), False),  # by 21
        (gray(40), gray(59), True),  # patterns by 19
        (gray(40), gray(61), False),
        (gray(10), gray(10, 4), True),  # correlation 10 / √116 = 0.93
        (gray(10), gray(10, 5), False),  # 10 / √125 = 0.89
        (gray(2), gray(0, 2), True),  # both are flat
        (gray(2), gray(0, 3), False),  # one is
        (gray(3), gray(0, 3), False),
    ],
)
def test_color_and_pattern_decide_where_they_say(first, second, is_one):
    thumbnails = [first, np.zeros(768, np.uint8), second]
    found = pixel_groups.confirmed(
        np.zeros(3, np.int64), np.arange(3), looked_at(thumbnails)
    ).tolist()
    assert (found[0] == found[2]) is is_one
    assert found[1] not in (found[0], found[2])


def test_groups_of_three_files_are_looked_at_each_by_itself():
    """Two groups of three files, entangled, and a pair of which one file is there twice."""
    a, b, c = gray(10), gray(0, 10), gray(level=20)
    thumbnails = [a, c, a, c, b, c, a, b, a]
    near, exact = np.array([0, 1, 0, 1, 0, 1, 6, 6, 6]), np.array([0, 1, 2, 3, 4, 5, 6, 7, 6])
    opened = []
    found = pixel_groups.confirmed(near, exact, looked_at(thumbnails, opened)).tolist()
    assert opened == [[0, 2, 4], [1, 3, 5]]
    assert [found.index(each) for each in found] == [0, 1, 0, 1, 4, 1, 6, 6, 6]


def test_an_image_that_cannot_be_opened_has_an_empty_thumbnail():
    class Reader(ImageReader):
        def __init__(self):
            pass

        def read(self, uri):
            if uri == "broken":
                raise ImageError("unreadable", uri)
            return Image.new("RGB", (40, 30), uri)

    uris = pa.chunked_array([["red"], ["broken", "#010203"]])
    look = pixel_groups.looker(Reader(), uris, np.array([3, 5, 8]), workers=1)
    thumbnails, is_read = look(np.array([8, 5, 3]))
    assert is_read.tolist() == [True, False, True]
    assert thumbnails.tolist() == [[1, 2, 3] * 256, [0] * 768, [255, 0, 0] * 256]
