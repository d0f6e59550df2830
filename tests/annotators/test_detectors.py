"""One network, two lanes: what it finds becomes tags of crops and objects of images."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.annotators import detections as findings
from dejavu.annotators import detectors, tag_crops
from dejavu.annotators.detections import NO_MASK, ranked
from dejavu.annotators.detectors import CropLooker
from dejavu.annotators.source import CropSource
from dejavu.caption import annotate as objects
from dejavu.caption import object_rows
from dejavu.errors import ParamsError
from dejavu.params.annotators import TaggerParams
from dejavu.tables import parquet
from dejavu.tables.schemas import LABELS, OBJECT_VOCABULARY, OBJECTS, SAMPLES, SPLITS, TAGS
from tests.annotators.test_corpus_annotator import MACHINE
from tests.corpora.limits import NO_LIMITS
from tests.image.images_of import write_images
from tests.image.tables_of import write_world

SETTINGS = TaggerParams(
    source="tagger", name="x", weights="x", labels="x", scores="softmax", resize="squash",
    min_score=0.0, max_tags=2,
)  # fmt: skip


def test_ranked_by_hand():
    boxes = np.arange(20, dtype=np.float32).reshape(5, 4)
    found, rows = ranked(
        name_ids=np.array([3, 1, 2, 3, 1]), scores=np.array([0.2, 0.5, 0.50000001, 0.9, 0.1]),
        boxes=boxes, max_names=2,
    )  # fmt: skip
    assert found.name_ids.tolist() == [3, 1, 3, 1]  # name 2 ties with 1, which has the smaller id
    assert found.scores.tolist() == [0.9, 0.5, 0.2, 0.1]
    assert rows.tolist() == [3, 1, 0, 4]
    np.testing.assert_array_equal(found.boxes, boxes[rows])
    names, best = found.names()
    assert (names.tolist(), best.tolist()) == ([3, 1], [0.9, 0.5])


def slow_ranked(pairs, max_names):
    order = sorted(
        range(len(pairs)), key=lambda row: (-round(pairs[row][1], 6), pairs[row][0], row)
    )
    kept = list(dict.fromkeys(pairs[row][0] for row in order))[:max_names]
    return [row for row in order if pairs[row][0] in kept]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.3, 0.3000001, 0.7])), max_size=8),
       st.integers(1, 4))  # fmt: skip
@pytest.mark.slow
def test_ranked_equals_its_definition(pairs, max_names):
    names, scores = (np.array([p[i] for p in pairs], dtype=t) for i, t in ((0, int), (1, float)))
    _, rows = ranked(name_ids=names, scores=scores, max_names=max_names)
    assert rows.tolist() == slow_ranked(pairs, max_names)


@dataclasses.dataclass
class Brightest:
    """A stand-in: names what is red, green or blue, with a box and a mask, and counts what it saw."""

    vocabulary: tuple = ("red", "green", "blue")
    provenance: dict = dataclasses.field(default_factory=lambda: {"weights": "w1"})
    seen: list = dataclasses.field(default_factory=list)
    fails_after: int = 99

    def look(self, images):
        for image in images:
            if len(self.seen) == self.fails_after:
                raise KeyboardInterrupt
            self.seen.append(image.size)
            means = np.asarray(image, dtype=float).mean(axis=(0, 1)) / 255
            ids = np.flatnonzero(means > 0.1)
            boxes = np.stack([np.array([i, 0, image.width, 2 + i]) for i in range(3)])[ids]
            found, rows = ranked(
                name_ids=ids, scores=means[ids], boxes=boxes.astype(np.float32), max_names=9
            )
            areas = np.array([5, NO_MASK, 7])[ids][rows]
            yield dataclasses.replace(found, mask_areas=areas)


COLORS = [(255, 0, 0), (0, 204, 51), (0, 0, 0), (51, 51, 51), (0, 0, 255)]


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images_in(folder):
    return write_images(folder, [np.full((10, 12, 3), color, np.uint8) for color in COLORS])


@pytest.fixture
def crops(in_tmp):
    people = [(role, 0, True) for role in ("reference", "target", "control", "public", "target")]
    paths = write_world(in_tmp, people, n_labels=1)
    source = {name: paths[name] for name in ("samples", "crops")}
    return CropSource(**source, images=images_in(in_tmp), data_root=".")


def tag(crops, looker, monkeypatch, per_shard=2):
    def prepare(settings, source, *, seed, machine):
        return CropLooker(
            looker=looker, source=source, workers=2, num_gpus=0.0, crops_per_shard=per_shard
        )

    monkeypatch.setattr(detectors, "prepare", prepare)
    folder = crops.samples.parent
    tag_crops.tag_crops(
        settings=tag_crops.TagSettings(
            name="net", entry=SETTINGS, seed=0, limit=0.0, machine=MACHINE
        ),
        inputs=crops,
        out=tag_crops.TagTables(tags=folder / "tags", vocabulary=folder / "vocabulary.parquet"),
    )
    return TAGS.read(folder / "tags").to_pydict()


@pytest.mark.parametrize("per_shard", [1, 3, 100])
@pytest.mark.slow
def test_tags_of_crops(crops, monkeypatch, per_shard):
    looker = Brightest()
    rows = tag(crops, looker, monkeypatch, per_shard)
    assert rows["sample_id"] == [10, 13, 16, 22]
    assert rows["tag_ids"] == [[0], [1, 2], [], [2]]
    assert rows["scores"] == [[1.0], [pytest.approx(0.8), pytest.approx(0.2)], [], [1.0]]
    assert set(looker.seen) == {(8, 8)}  # the crops, not the images
    assert parquet.inputs_of(crops.samples.parent / "tags")["weights"] == "w1"


def test_a_killed_stage_goes_on_where_it_was_and_other_weights_start_anew(crops, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        tag(crops, Brightest(fails_after=3), monkeypatch)
    second = Brightest()
    rows = tag(crops, second, monkeypatch)
    assert rows["sample_id"] == [10, 13, 16, 22]
    assert len(second.seen) == 2  # the first shard of two crops was done
    with pytest.raises(KeyboardInterrupt):
        tag(crops, Brightest(fails_after=3), monkeypatch)
    third = Brightest(provenance={"weights": "w2"})
    tag(crops, third, monkeypatch)
    assert len(third.seen) == 4


@pytest.fixture
def lane(in_tmp):
    """Five images; the fourth has role reference."""
    n = len(COLORS)
    rows = {name: [None] * n for name in SAMPLES.schema.names} | {
        "sample_id": [5 * i for i in range(n)], "sample_name": [f"n{i}" for i in range(n)],
        "uri": [f"part-00000.parquet#{i}" for i in range(n)], "boxes": [[]] * n,
    }  # fmt: skip
    SAMPLES.write(pa.table(rows, schema=SAMPLES.schema), in_tmp / "samples.parquet", inputs={})
    roles = ["target", "public", "control", "reference", "public"]
    rows = {
        "sample_id": rows["sample_id"],
        "role": roles,
        "group_id": range(n),
        "reason": [None] * n,
    }
    SPLITS.write(pa.table(rows, schema=SPLITS.schema), in_tmp / "splits.parquet", inputs={})
    labels = pa.table({"label_id": [0, 1], "label": ["blue", "ant"]}, schema=LABELS.schema)
    LABELS.write(labels, in_tmp / "labels.parquet", inputs={})
    return objects.Images(
        samples=in_tmp / "samples.parquet", images=images_in(in_tmp),
        labels=in_tmp / "labels.parquet", splits=in_tmp / "splits.parquet",
    )  # fmt: skip


def annotate(lane, looker, monkeypatch):
    monkeypatch.setattr(detectors, "load", lambda settings, machine: looker)
    folder = lane.samples.parent
    out = objects.ObjectTables(
        objects=folder / "objects", vocabulary=folder / "names.parquet",
        unannotated=folder / "unannotated.parquet",
    )  # fmt: skip
    how = objects.AnnotateSettings(entry=SETTINGS, limits=NO_LIMITS, machine=MACHINE)
    objects.annotate(settings=how, inputs=lane, out=out)
    names = OBJECT_VOCABULARY.read(folder / "names.parquet")["object"].to_pylist()
    return OBJECTS.read(folder / "objects").to_pylist(), names


@pytest.mark.parametrize("per_shard", [1, 3, 100])
@pytest.mark.slow
def test_objects_of_images(lane, monkeypatch, per_shard):
    monkeypatch.setattr(objects, "IMAGES_PER_SHARD", per_shard)
    looker = Brightest()
    rows, names = annotate(lane, looker, monkeypatch)
    assert names == ["ant", "blue", "green", "red"]
    assert [row["sample_id"] for row in rows] == [0, 5, 10, 15, 20]
    assert [row["object_ids"] for row in rows] == [[3], [1, 2], [], [1, 2, 3], [1]]
    assert rows[1]["scores"] == [pytest.approx(0.2), pytest.approx(0.8)]
    assert rows[1]["detections"] == [
        {"object_id": 1, "score": pytest.approx(0.2), "x0": 2, "y0": 0, "x1": 12, "y1": 4,
         "mask_area_px": 7},
        {"object_id": 2, "score": pytest.approx(0.8), "x0": 1, "y0": 0, "x1": 12, "y1": 3,
         "mask_area_px": None},
    ]  # fmt: skip
    assert set(looker.seen) == {(12, 10)}  # whole images
    found = parquet.inputs_of(lane.samples.parent / "objects")
    assert found["split"] == parquet.fingerprint(lane.splits)
    assert found["weights"] == "w1"


@pytest.mark.slow
def test_objects_resume_too(lane, monkeypatch):
    monkeypatch.setattr(objects, "IMAGES_PER_SHARD", 1)
    with pytest.raises(KeyboardInterrupt):
        annotate(lane, Brightest(fails_after=2), monkeypatch)
    second = Brightest()
    rows, _ = annotate(lane, second, monkeypatch)
    assert len(second.seen) == 3
    assert rows == annotate(lane, Brightest(), monkeypatch)[0]


def test_an_empty_lane_has_empty_objects(lane, monkeypatch):
    SAMPLES.write(SAMPLES.schema.empty_table(), lane.samples, inputs={})
    SPLITS.write(SPLITS.schema.empty_table(), lane.splits, inputs={})
    rows, names = annotate(lane, Brightest(), monkeypatch)
    assert rows == []
    assert names == ["ant", "blue", "green", "red"]


def test_several_detections_of_one_object_stand_in_order():
    found = findings.Found(
        name_ids=np.array([0, 1, 0]), scores=np.array([0.9, 0.8, 0.3]),
        boxes=np.full((3, 4), np.nan, np.float32), mask_areas=np.full(3, NO_MASK),
    )  # fmt: skip
    rows = object_rows.grouped(
        object_rows.of_found(np.array([7]), [found], np.array([4, 2], np.int32))
    )
    (row,) = rows.to_pylist()
    assert (row["object_ids"], row["scores"]) == ([2, 4], pytest.approx([0.8, 0.9]))
    assert [d["object_id"] for d in row["detections"]] == [2, 4, 4]
    assert [d["x0"] for d in row["detections"]] == [None] * 3


def test_unknown_networks_are_guessed():
    settings = SETTINGS.model_copy(update={"source": "tager"})
    with pytest.raises(ParamsError, match="Did you mean 'tagger'"):
        detectors.load(settings, MACHINE)
