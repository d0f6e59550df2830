"""Every attacked or reference image has a row: kept, or dropped with its reason."""

import pyarrow as pa
import pytest

from dejavu.errors import ArtifactError, DataError
from dejavu.image import crop
from dejavu.params.corpora import CropParams
from dejavu.tables import parquet
from dejavu.tables.schemas import CROPS, SAMPLES, SPLITS


def settings(rule="largest", min_side_px=14, corner="lower_left"):
    return CropParams(rule=rule, min_side_px=min_side_px, corner=corner, corner_fraction=0.3)


def build(samples, splits, out):
    crop.build(settings=settings(), inputs=crop.CropInputs(samples=samples, splits=splits), out=out)


def images(*boxes_of_each, width=64, height=64):
    return pa.table(
        {
            "sample_id": pa.array(range(len(boxes_of_each)), type=pa.int64()),
            "width_px": pa.array([width] * len(boxes_of_each), type=pa.int32()),
            "height_px": pa.array([height] * len(boxes_of_each), type=pa.int32()),
            "boxes": pa.array(
                [
                    [{"x0": x0, "y0": y0, "x1": x1, "y1": y1, "label": None} for x0, y0, x1, y1 in boxes]
                    for boxes in boxes_of_each
                ],
                type=SAMPLES.schema.field("boxes").type,
            ),
            "role": ["target"] * len(boxes_of_each),
        }
    )  # fmt: skip


def places(table):
    return list(zip(*(table[name].to_pylist() for name in ("x0", "y0", "x1", "y1")), strict=True))


def test_reasons_and_places():
    table = crop.find(
        images([(0, 0, 40, 64)], [], [(0, 0, 64, 64)], [(14, 0, 64, 64)], [(15, 0, 64, 64)],
                 [(0, 0, 20, 64), (44, 0, 64, 64)]),
        settings(),
    )  # fmt: skip
    assert table["drop_reason"].to_pylist() == [
        None, "no_box", "no_background", "crop_too_small", None, None,
    ]  # fmt: skip
    assert table["is_kept"].to_pylist() == [True, False, False, False, True, True]
    assert places(table) == [
        (40, 0, 64, 64), (None,) * 4, (None,) * 4, (0, 0, 14, 64), (0, 0, 15, 64), (20, 0, 44, 64),
    ]  # fmt: skip


def test_the_shorter_side_must_exceed_the_limit():
    wide = images([(100, 0, 500, 375)], [(101, 0, 500, 375)], width=500, height=375)
    for rule in ("largest", "interval"):
        table = crop.find(wide, settings(rule, min_side_px=100))
        assert table["is_kept"].to_pylist() == [False, True]


@pytest.mark.parametrize(
    ("corner", "expected"),
    [
        ("lower_left", (0, 263, 150, 375)),
        ("lower_right", (350, 263, 500, 375)),
        ("upper_left", (0, 0, 150, 112)),
        ("upper_right", (350, 0, 500, 112)),
    ],
)
def test_corners_ignore_boxes(corner, expected):
    table = crop.find(images([], width=500, height=375), settings("corner", 100, corner))
    assert places(table) == [expected]
    assert table["is_kept"].to_pylist() == [True]


def write_world(folder, roles):
    n = len(roles)
    boxes = [[{"x0": 0, "y0": 0, "x1": 40, "y1": 64, "label": None}]] * n
    rows = {
        "sample_id": list(range(n)), "sample_name": [str(i) for i in range(n)], "uri": ["x"] * n,
        "n_bytes": [1] * n, "width_px": [64] * n, "height_px": [64] * n, "label_id": [0] * n,
        "caption": [None] * n, "boxes": boxes, "truth": [None] * n, "content_hash": ["a"] * n,
        "perceptual_hash": [0] * n, "problem": [None] * n,
    }  # fmt: skip
    samples, splits = folder / "samples.parquet", folder / "splits.parquet"
    SAMPLES.write(pa.table(rows, schema=SAMPLES.schema), samples, inputs={})
    split = {"sample_id": range(n), "role": roles, "group_id": range(n), "reason": [None] * n}
    inputs = {"samples": parquet.fingerprint(samples)}
    SPLITS.write(pa.table(split, schema=SPLITS.schema), splits, inputs=inputs)
    return samples, splits


def test_public_and_unused_images_are_not_cropped(tmp_path, capsys):
    roles = ["public", "target", "unused", "reference", "control"]
    samples, splits = write_world(tmp_path, roles)
    build(samples, splits, tmp_path / "crops.parquet")
    table = CROPS.read(tmp_path / "crops.parquet")
    assert "crop: 3 of 3 kept; none dropped" in capsys.readouterr().err
    assert table["sample_id"].to_pylist() == [1, 3, 4]
    assert table["role"].to_pylist() == ["target", "reference", "control"]
    assert parquet.inputs_of(tmp_path / "crops.parquet") == {
        "samples": parquet.fingerprint(samples),
        "split": parquet.fingerprint(splits),
    }


def test_no_crop_at_all_is_an_error_that_tells_their_size(tmp_path):
    samples, splits = write_world(tmp_path, ["public", "target", "reference", "control"])
    with pytest.raises(DataError) as caught:
        crop.build(
            settings=settings("corner", 20),
            inputs=crop.CropInputs(samples=samples, splits=splits),
            out=tmp_path / "crops.parquet",
        )
    assert (
        "role target: not one of 1 crops is kept: 1 crop_too_small. image.crop.rule 'corner' at the "
        "lower_left corner must leave a crop whose shorter side exceeds image.crop.min_side_px = 20; here it "
        "is 19 to 19 pixels."
    ) in str(caught.value)
    assert not (tmp_path / "crops.parquet").exists()


def test_no_sample_at_all_gives_an_empty_table(tmp_path):
    samples, splits = write_world(tmp_path, [])
    build(samples, splits, tmp_path / "crops.parquet")
    assert CROPS.read(tmp_path / "crops.parquet").num_rows == 0


def test_a_split_of_other_samples_is_refused(tmp_path):
    _, splits = write_world(tmp_path, ["target"])
    (tmp_path / "other").mkdir()
    other, _ = write_world(tmp_path / "other", ["target", "target"])
    with pytest.raises(ArtifactError, match="do not belong together"):
        build(other, splits, tmp_path / "crops.parquet")
