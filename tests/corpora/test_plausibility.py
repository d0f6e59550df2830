"""Boxes and images that cannot be right are refused with count, limit, rows and the way out."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from dejavu.corpora.boxes import of_record
from dejavu.corpora.plausibility import crossings, judge
from dejavu.corpora.records import Box, Record
from dejavu.corpora.tallies import Tally
from dejavu.errors import DataError
from tests.corpora.image_files import photo
from tests.corpora.limits import limits
from tests.corpora.test_build import built, folder_settings

SIZE = (80, 60)
PLACES = [
    (5 + 2 * i, 4 + i, 41 + 2 * i, 30 + 3 * i // 2) for i in range(20)
]  # 20 boxes of 80x60 images


@pytest.fixture
def photos(tmp_path):
    for i in range(20):
        path = tmp_path / f"photos/{'ab'[i % 2]}/{i:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(i, size=SIZE))
    return tmp_path


def build(photos, boxes, *, name="boxes.csv", **raised):
    """Build the corpus with `boxes`, one per image, as a CSV; return the boxes and the notes."""
    lines = [f"{'ab'[i % 2]}/{i:02}.jpg," + ",".join(map(str, box)) for i, box in enumerate(boxes)]
    (photos / "photos" / name).write_text("\n".join(["path,x0,y0,x1,y1", *lines]) + "\n")
    rows = built(
        photos / "out", folder_settings(boxes=name), data_root=photos, limits=limits(**raised)
    )
    return rows, crossings(photos / "out/samples.parquet")


def test_sizes_that_are_no_swapped_corners_are_refused(photos):
    """Small x and y below large widths and heights: each box by itself is plausible."""
    sizes = [(3 + i % 5, 2 + i % 4, 40 + i % 20, 30 + i % 15) for i in range(20)]
    with pytest.raises(
        DataError, match=r"all 20 boxes .* fit their images if read as x, y, width, he"
    ):
        build(photos, sizes)
    _, (crossing,) = build(photos, sizes, swapped_boxes=1.0)
    assert (crossing.name, crossing.count) == ("swapped_boxes", 20)


def test_boxes_of_images_that_viewers_turn_are_said_to_be_of_the_stored_image(photos, capsys):
    exif = Image.Exif()
    exif[274] = 6
    path = photos / "photos/a/00.jpg"
    Image.open(path).save(path, exif=exif.tobytes())
    build(photos, PLACES)
    told = capsys.readouterr().err
    assert (
        "1 images with boxes are stored turned or mirrored (EXIF orientation), e.g. a/00.jpg"
        in told
    )


def test_boxes_in_the_middle_pass(photos):
    middle = [(10 + i % 9, 8 + i % 7, 70 - i % 9, 52 - i % 7) for i in range(20)]
    assert build(photos, middle)[1] == []


def test_boxes_that_fit_pass(photos):
    rows, noted = build(photos, PLACES)
    assert all(len(row["boxes"]) == 1 for row in rows)
    assert noted == []


def relative(box):
    return [round(v / SIZE[i % 2], 4) for i, v in enumerate(box)]


def as_sizes(box):
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def of_larger(box):
    return [3 * v for v in box]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (relative, r"all 20 boxes have their corners between 0 and 1: shares of width and height"),
        (as_sizes, r"of 20 boxes have their second corner left of, or above, .* limits.swapped_boxes"),
        (of_larger, r"boxes reach beyond their image .* limits.clamped_boxes = 5.0%"),
        (lambda box: [v // 4 for v in box], r"not one of 20 boxes reaches beyond 24% of the width"),
        (lambda box: [*box[:2], box[0], box[3]], r"20 of 20 boxes are empty, outside their image"),
        (lambda box: [box[0], box[1], box[0] + 1, box[3]], r"20 of 20 boxes have a side of one pixel"),
        (lambda box: ["nan", *box[1:]], r"20 of 20 boxes are empty, outside their image, unreadable"),
        (lambda box: ["", *box[1:]], r"20 of 20 boxes are empty, outside their image, unreadable"),
        (lambda box: ["inf", *box[1:]], r"20 of 20 boxes are empty, outside their image, unreadable"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_boxes_in_another_unit_order_or_size_are_refused(photos, change, message):
    with pytest.raises(DataError, match=r"(?s)" + message) as caught:
        build(photos, [change(box) for box in PLACES])
    assert (
        re.search(r"boxes.csv, a/\d\d.jpg, row \d+ \[", str(caught.value)) or "not one" in message
    )


def test_a_part_of_relative_boxes_is_found_too(photos):
    with pytest.raises(DataError, match="4 of 20 boxes lie within the first pixel, with fractions"):
        build(photos, [relative(box) for box in PLACES[:4]] + PLACES[4:])


def many(folders, change, n=24):
    """Count `n` right boxes per folder, those of the first folder changed; return tally."""
    tally = Tally()
    for f, folder in enumerate(folders):
        for i in range(n):
            box = (5 + i % 29, 4 + i % 17, 45 + i % 35, 31 + i % 29)
            record = Record(name=f"{folder}/{i}.jpg", uri=f"{folder}/{i}.jpg",
                            boxes=(Box(*(box if f else change(box)), row=i),))  # fmt: skip
            of_record(record, *SIZE, tally)
    return tally


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (as_sizes, "in heldout/: all 24 boxes that do not start at the origin fit .* if read as x, y, wid"),
        (lambda box: [v / 3 for v in box], r"in heldout/: not one of 24 boxes reaches beyond 29% of the w"),
        (of_larger, r"in heldout/: 2\d of 24 boxes (are empty|reach beyond)"),
        (lambda box: [*box[:3], box[1] + 1], "in heldout/: 24 of 24 boxes have a side of one pixel"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_one_folder_in_another_unit_is_found_among_many_that_are_right(change, message):
    """24 of 1,224 boxes: within every share of the whole."""
    folders = ["heldout/a", *(f"train/{n}" for n in range(50))]
    raised = limits(swapped_boxes=0.9, one_pixel_boxes=0.02)
    with pytest.raises(DataError, match=f"(?s){message}"):
        judge(many(folders, change), raised, where="here")
    assert judge(many(folders, lambda box: box), raised, where="here") == {}


def test_a_folder_that_is_let_through_is_noted():
    folders = ["heldout", *(f"train{n}" for n in range(50))]
    notes = judge(many(folders, as_sizes), limits(swapped_boxes=1.0), where="here")
    assert json.loads(notes["swapped_boxes"]) == [24, 24]


@pytest.mark.parametrize(
    "box", [(0.1, 0.2, 1.1, 0.9), (-0.04, 0.1, 0.5, 0.7), (0.2, 0.3, 1.4, 1.2)]
)
def test_shares_that_reach_beyond_their_image_are_shares(photos, box):
    with pytest.raises(DataError, match="1 of 20 boxes lie within the first pixel, with fractions"):
        build(photos, [box, *PLACES[1:]])


def test_sizes_under_the_names_of_corners_are_named(photos):
    with pytest.raises(
        DataError, match="All boxes fit their images if read as x, y, width, height"
    ):
        build(photos, [as_sizes(box) for box in PLACES])


def test_a_raised_limit_that_is_crossed_is_noted(photos):
    boxes = [(*PLACES[0][2:], *PLACES[0][:2]), *PLACES[1:]]
    with pytest.raises(
        DataError, match=r"1 of 20 .* \(5.0%\), expected at most limits.swapped_boxes = 0.0%"
    ):
        build(photos, boxes)
    rows, (crossing,) = build(photos, boxes, swapped_boxes=0.1)
    assert rows[0]["boxes"][0]["x0"] == PLACES[0][0]
    assert (crossing.name, crossing.count, crossing.total) == ("swapped_boxes", 1, 20)


def coco(photos, *, size=SIZE, scale=1.0, first_id=0, merge=0):
    """Write the boxes as COCO JSON whose images state `size`, boxes scaled, ids from `first_id`."""
    images, annotations = [], []
    for i, (x0, y0, x1, y1) in enumerate(PLACES):
        number = i % merge if merge else first_id + i
        images.append(
            {"id": number, "file_name": f"{'ab'[i % 2]}/{i:02}.jpg", "width": size[0], "height": size[1]}
        )  # fmt: skip
        bbox = [scale * v for v in (x0, y0, x1 - x0, y1 - y0)]
        annotations.append({"id": i, "image_id": number, "bbox": bbox})
    (photos / "photos/boxes.json").write_text(
        json.dumps({"images": images, "annotations": annotations})
    )
    settings = folder_settings(boxes="boxes.json")
    return built(photos / "out", settings, data_root=photos, limits=limits())


def test_coco_of_another_size_is_rescaled(photos):
    rows = coco(photos, size=(160, 120), scale=2.0)
    found = [tuple(row["boxes"][0][c] for c in ("x0", "y0", "x1", "y1")) for row in rows]
    assert sorted(found) == PLACES


def test_coco_of_another_shape_is_refused(photos):
    with pytest.raises(DataError, match=r"20 of 20 boxes are .* of an image of another shape"):
        coco(photos, size=(60, 80))


def test_merged_coco_with_repeated_ids_is_refused(photos):
    with pytest.raises(
        DataError, match=r"10 values of id occur in more than one entry of images.*: 0, 1, 2"
    ):
        coco(photos, merge=10)


@pytest.mark.parametrize(
    "document",
    [
        [], {"images": {}, "annotations": []}, {"images": [1], "annotations": []},
        {"images": [{"id": None, "file_name": "a"}], "annotations": []},
        {"images": [{"id": 1, "file_name": 3}], "annotations": []},
        {"images": [], "annotations": [{"image_id": [], "bbox": [1, 2, 3, 4]}]},
        {"images": [], "annotations": [{"image_id": 4, "bbox": [1, 2, 3, 4]}]},
    ],
)  # fmt: skip
def test_coco_of_an_odd_form_is_a_named_error(photos, document):
    (photos / "photos/boxes.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="boxes.json"):
        built(photos / "out", folder_settings(boxes="boxes.json"), data_root=photos)


@pytest.mark.parametrize(
    "bbox", [None, "1,2,3,4", [1, 2, 3], [1, 2, None, 4], [1e300, 0, 1, 1], {}]
)
def test_an_annotation_without_four_numbers_is_counted(photos, bbox):
    image = {"id": 1, "file_name": "a/00.jpg"}
    document = {"images": [image], "annotations": [{"image_id": 1, "bbox": bbox}]}
    (photos / "photos/boxes.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"1 of 1 boxes are empty, outside their image, unreadable"):
        built(
            photos / "out", folder_settings(boxes="boxes.json"), data_root=photos, limits=limits()
        )


def test_images_of_one_color_are_counted(photos):
    from PIL import Image

    for i in range(0, 20, 4):
        Image.new("RGB", SIZE, (i, 9, 9)).save(photos / f"photos/a/{i:02}.jpg")
    with pytest.raises(DataError, match=r"5 of 20 images are of one color \(25.0%\)"):
        build(photos, PLACES)


def test_names_composed_in_another_way_match(photos):
    (photos / "photos/a/00.jpg").rename(photos / "photos/a/cafe\u0301.jpg")
    (photos / "photos/boxes.csv").write_text("path,x0,y0,x1,y1\na/caf\u00e9.jpg,5,5,70,50\n")
    rows = built(photos / "out", folder_settings(boxes="boxes.csv"), data_root=photos)
    assert [row["sample_name"] for row in rows if row["boxes"]] == ["a/cafe\u0301.jpg"]


@pytest.mark.slow
def test_boxes_drawn_at_random_end_in_boxes_inside_or_in_a_named_error(photos):
    rng = np.random.default_rng(0)
    for _ in range(25):
        scale = rng.choice([0.01, 1.0, 100.0, 1e6, 1e12])
        boxes = (rng.normal(0.5, 1.0, (20, 4)) * scale).round(rng.integers(0, 3))
        try:
            rows, _ = build(
                photos, boxes.tolist(), clamped_boxes=float(rng.random()), swapped_boxes=1.0
            )
        except DataError:
            continue
        for row in rows:
            for box in row["boxes"]:
                assert 0 <= box["x0"] < box["x1"] <= SIZE[0]
                assert 0 <= box["y0"] < box["y1"] <= SIZE[1]
