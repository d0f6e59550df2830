"""A list of samples without images: the tables of a corpus, and a clear word where pixels are needed."""

import csv
import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from dejavu.corpora import build as corpus
from dejavu.corpora.image_reader import ImageReader, NoImagesError
from dejavu.errors import DataError
from dejavu.image import crop as crops
from dejavu.params.corpora import CorpusParams, CropParams, SplitParams
from dejavu.params.machine import MachineParams
from dejavu.splits import assign
from dejavu.tables.schemas import CROPS, LABELS, SAMPLES, SPLITS
from tests.corpora.limits import NO_LIMITS, limits

SHA = [hashlib.sha256(bytes([i // 2])).hexdigest() for i in range(8)]  # two samples share each file
ROWS = [
    {
        "sample_name": f"00{i}", "label": "dog" if i % 2 else "cat", "width_px": 100 + i, "height_px": 80,
        "boxes": [{"x0": 50, "y0": 0, "x1": 90, "y1": 80, "label": "cat"}], "sha256": SHA[i],
        "perceptual_hash": f"ff000000000000{i:02x}", "extra": 1,
    }
    for i in range(8)
]  # fmt: skip


def build(tmp_path, lane="image", name="samples.parquet", max_dropped_share=0.0):
    settings = TypeAdapter(CorpusParams).validate_python(
        {"adapter": "samples_table", "path": name, "max_dropped_share": max_dropped_share}
    )
    machine = MachineParams(
        device="cpu", engine="local", workers=1, batch_images=1, block_rows=1, data_root=str(tmp_path)
    )  # fmt: skip
    corpus.build(
        settings=corpus.BuildSettings(
            lane=lane, corpus=settings.root, limits=NO_LIMITS, seed=0, machine=machine
        ),
        out=corpus.CorpusTables(
            samples=tmp_path / "out/samples.parquet", labels=tmp_path / "out/labels.parquet",
            images=tmp_path / "out/images",
        ),
    )  # fmt: skip
    return SAMPLES.read(tmp_path / "out/samples.parquet").to_pylist()


def as_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


def as_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_csv(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(
            {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows
        )


@pytest.mark.parametrize(
    ("name", "write"),
    [("s.parquet", as_parquet), ("s.jsonl", as_jsonl), ("s.csv", as_csv)],
)
def test_every_kind_of_table_lists_the_same_samples(tmp_path, name, write):
    write(tmp_path / name, ROWS)
    found = build(tmp_path, name=name)
    assert [row["sample_name"] for row in found] == [f"00{i}" for i in range(8)]
    assert [row["label_id"] for row in found] == [0, 1] * 4
    assert LABELS.read(tmp_path / "out/labels.parquet")["label"].to_pylist() == ["cat", "dog"]
    first = found[0]
    assert (first["width_px"], first["height_px"], first["problem"]) == (100, 80, None)
    assert first["boxes"] == [{"x0": 50, "y0": 0, "x1": 90, "y1": 80, "label": "cat"}]
    assert first["content_hash"] == SHA[0][:16]
    assert first["perceptual_hash"] == int("ff00000000000000", 16) - 2**64
    assert json.loads((tmp_path / "out/images/source.json").read_text())["kind"] == "none"


def test_split_and_crops_need_no_pixels(tmp_path):
    as_parquet(tmp_path / "samples.parquet", ROWS)
    build(tmp_path)
    out = tmp_path / "out"
    how = SplitParams.model_validate(
        {
            "shares": {"target": 1.0, "reference": 0.0, "public": 0.0, "control": 0.0},
            "roles_from": None, "without_box": None, "max_per_label": None, "near_duplicate_bits": None,
        }
    )  # fmt: skip
    how_to_split = assign.SplitSettings(
        split=how, seed=0, data_root=str(tmp_path), limits=limits(labels_without_bank=1.0)
    )
    lists = assign.SplitInputs(
        samples=out / "samples.parquet", labels=out / "labels.parquet", images=out / "images"
    )
    assign.build(settings=how_to_split, inputs=lists, out=out / "splits.parquet")
    groups = SPLITS.read(out / "splits.parquet")["group_id"].to_pylist()
    assert groups == [0, 0, 2, 2, 4, 4, 6, 6]  # the hashes that the table states
    crop = CropParams(rule="largest", min_side_px=14, corner="lower_left", corner_fraction=0.3)
    tables = crops.CropInputs(samples=out / "samples.parquet", splits=out / "splits.parquet")
    crops.build(settings=crop, inputs=tables, out=out / "crops.parquet")
    first = CROPS.read(out / "crops.parquet").to_pylist()[0]
    assert [first[name] for name in ("is_kept", "x0", "x1")] == [True, 0, 50]


def test_one_box_per_row_may_stand_in_columns(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(
        "sample_name,label,width_px,height_px,x0,y0,x1,y1\na,cat,9,9,1,2,3,4\nb,cat,9,9,,,,\n"
    )
    boxes = [row["boxes"] for row in build(tmp_path, name="s.csv")]
    assert boxes == [[{"x0": 1, "y0": 2, "x1": 3, "y1": 4, "label": "cat"}], []]


def test_what_a_lane_needs_and_a_row_lacks_is_a_problem_that_is_counted(tmp_path):
    rows = [
        {"sample_name": "a", "label": "cat", "width_px": 9, "height_px": 9},
        {"sample_name": "b", "label": None, "width_px": 9, "height_px": 9},
        {"sample_name": "c", "label": "cat", "width_px": None, "height_px": 9},
        {"sample_name": "d", "label": "cat", "width_px": 1, "height_px": 9},
    ]
    as_parquet(tmp_path / "samples.parquet", rows)
    found = build(tmp_path, max_dropped_share=0.8)
    assert [row["problem"] for row in found] == [None, "no_label", "no_size", "too_small"]
    with pytest.raises(DataError, match="1 no_label, 1 no_size, 1 too_small"):
        build(tmp_path, max_dropped_share=0.5)


def test_the_caption_lane_needs_captions_and_no_sizes(tmp_path):
    rows = [{"sample_name": "a", "caption": "a cat"}, {"sample_name": "b", "caption": " "}]
    as_parquet(tmp_path / "samples.parquet", rows)
    found = build(tmp_path, lane="caption", max_dropped_share=0.5)
    assert [row["problem"] for row in found] == [None, "no_caption"]


def test_a_stage_that_needs_pixels_says_what_to_use_instead(tmp_path):
    as_parquet(tmp_path / "samples.parquet", ROWS)
    build(tmp_path)
    with pytest.raises(NoImagesError, match=r"without images .* vectors .* tags .* guesses"):
        ImageReader.open(tmp_path / "out/images", ".")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample_name": "000"}, "occur in more than one row"),
        ({"width_px": 10.5}, "column 'width_px', row 4: found float 10.5, expected a whole number"),
        ({"sha256": "nothex"}, "no hash of at least 16 hexadecimal digits"),
        ({"boxes": [{"x0": 1, "y0": 1, "x1": 2}]}, "column 'boxes', row 4: found list"),
    ],
)
def test_a_broken_row_ends_in_an_error_that_names_it(tmp_path, change, message):
    rows = [dict(row) for row in ROWS]
    rows[3] |= change
    as_jsonl(tmp_path / "s.jsonl", rows)
    with pytest.raises(DataError, match=message):
        build(tmp_path, name="s.jsonl")


def test_a_table_without_names_or_of_another_kind_is_refused(tmp_path):
    as_parquet(tmp_path / "samples.parquet", [{"name": "a"}])
    with pytest.raises(DataError, match="has a column 'name', and none called 'sample_name'"):
        build(tmp_path)
    with pytest.raises(DataError, match=r"no such file; corpus\.path names it"):
        build(tmp_path, name="other.csv")
    with pytest.raises(DataError, match="expected a table that ends in"):
        build(tmp_path, name="other.txt")


BOX = {"x0": 5, "y0": 6, "x1": 50, "y1": 60}
SAYS = {  # what a cell of boxes says of the objects, and the problem of its sample
    "an object": ([BOX | {"label": "dog"}], None),
    "nothing": ([], None),
    "null": (None, "not_annotated"),
    "a box without a label": ([BOX | {"label": "dog"}, BOX], "not_annotated"),
    "a box that cannot be placed": ([BOX | {"x0": None, "label": "dog"}], "not_annotated"),
}


@pytest.mark.parametrize(("name", "write"), [("s.parquet", as_parquet), ("s.jsonl", as_jsonl)])
def test_who_is_not_annotated_does_not_show_nothing(tmp_path, name, write):
    rows = [
        {"sample_name": what, "caption": f"a photo {n}", "width_px": 90, "height_px": 80, "boxes": boxes}
        for n, (what, (boxes, _)) in enumerate(SAYS.items())
    ]  # fmt: skip
    write(tmp_path / name, rows)
    found = {row["sample_name"]: row["problem"] for row in build(tmp_path, "caption", name)}
    assert found == {what: problem for what, (_, problem) in SAYS.items()}


def test_boxes_of_images_of_unknown_size_do_not_show_nothing(tmp_path):
    rows = [{"sample_name": "a", "caption": "a dog", "boxes": [BOX | {"label": "dog"}]}]
    as_parquet(tmp_path / "samples.parquet", rows)
    assert build(tmp_path, "caption")[0]["problem"] == "not_annotated"


def test_boxes_without_labels_say_nothing_about_objects(tmp_path):
    rows = [
        {"sample_name": "a", "caption": "a dog", "width_px": 90, "height_px": 80, "boxes": [BOX]},
        {"sample_name": "b", "caption": "a cat", "width_px": 90, "height_px": 80, "boxes": None},
    ]
    as_parquet(tmp_path / "samples.parquet", rows)
    assert [row["problem"] for row in build(tmp_path, "caption")] == [None, None]
