import io
import json
import os
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.annotators import label_pickles
from dejavu.caption import annotate as objects
from dejavu.caption import object_rows
from dejavu.corpora import plausibility
from dejavu.errors import DataError
from dejavu.params.caption import CorpusObjectsParams, TableObjectsParams
from dejavu.tables.schemas import (
    LABELS,
    OBJECT_VOCABULARY,
    OBJECTS,
    SAMPLES,
    SPLITS,
    UNANNOTATED,
)
from tests.annotators.test_corpus_annotator import MACHINE
from tests.corpora.limits import limits

ROLES = ["target", "public", "control", "reference"]


@pytest.fixture
def lane(tmp_path):
    """Four samples n0..n3, one per role; n0 has boxes."""
    box = {"x0": 0, "y0": 1, "x1": 2, "y1": 3}
    boxes = [[box | {"label": "dog"}, box | {"label": "cat"}, box | {"label": "dog"}], [], [], []]
    rows = {name: [None] * 4 for name in SAMPLES.schema.names} | {
        "sample_id": range(4), "sample_name": [f"n{i}" for i in range(4)], "uri": ["u"] * 4, "boxes": boxes,
    }  # fmt: skip
    SAMPLES.write(pa.table(rows, schema=SAMPLES.schema), tmp_path / "samples.parquet", inputs={})
    rows = {"sample_id": range(4), "role": ROLES, "group_id": range(4), "reason": [None] * 4}
    SPLITS.write(pa.table(rows, schema=SPLITS.schema), tmp_path / "splits.parquet", inputs={})
    return tmp_path


def annotate(lane, settings, labels=(), limit=0.0, without_bank=1.0):
    table = pa.table({"label_id": range(len(labels)), "label": list(labels)}, schema=LABELS.schema)
    LABELS.write(table, lane / "labels.parquet", inputs={})
    source = objects.Images(
        samples=lane / "samples.parquet", images=lane / "images", labels=lane / "labels.parquet",
        splits=lane / "splits.parquet",
    )  # fmt: skip
    out = objects.ObjectTables(
        objects=lane / "objects", vocabulary=lane / "vocabulary.parquet",
        unannotated=lane / "unannotated.parquet",
    )  # fmt: skip
    machine = MACHINE.model_copy(update={"data_root": str(lane)})
    how = objects.AnnotateSettings(
        entry=settings, limits=limits(unannotated=limit, labels_without_bank=without_bank), machine=machine
    )  # fmt: skip
    objects.annotate(settings=how, inputs=source, out=out)
    names = OBJECT_VOCABULARY.read(lane / "vocabulary.parquet")["object"].to_pylist()
    return OBJECTS.read(lane / "objects").to_pylist(), names


def table(lane, rows, name="found.parquet", **changed):
    path = lane / name
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *lines]) + "\n")
    values = {"source": "table", "path": name, "min_score": 0.3, "allow_missing": False} | changed
    return TableObjectsParams(**values)


def test_the_corpus_own_boxes(lane):
    rows, names = annotate(lane, CorpusObjectsParams(source="corpus"), labels=["ant"])
    assert names == ["ant", "cat", "dog"]
    assert [row["object_ids"] for row in rows] == [[1, 2], [], [], []]  # the reference role, too
    assert rows[0]["scores"] == [1.0, 1.0]
    assert [each["object_id"] for each in rows[0]["detections"]] == [1, 2, 2]


def test_a_corpus_that_states_no_label_knows_no_objects(lane):
    rows = SAMPLES.read(lane / "samples.parquet")
    place = rows.schema.get_field_index("boxes")
    boxes = pa.array([[]] * 4, rows.schema.field("boxes").type)
    rows = rows.set_column(place, rows.schema.field("boxes"), boxes)
    SAMPLES.write(rows, lane / "samples.parquet", inputs={})
    with pytest.raises(DataError, match="none of 4 samples has a labeled box: nobody said what"):
        annotate(lane, CorpusObjectsParams(source="corpus"))


FOUND = [
    {"sample_name": "n2", "object": "cat", "score": 0.5},
    {"sample_name": "n0", "object": "dog", "score": 0.4},
    {"sample_name": "n0", "object": "dog", "score": 0.9},
    {"sample_name": "n0", "object": "ant", "score": 0.29},  # below the threshold
    {"sample_name": "n1", "object": None, "score": None},  # nothing was found
    {"sample_name": "elsewhere", "object": "emu", "score": 0.9},
]


@pytest.mark.parametrize("name", ["found.parquet", "found.jsonl", "found.csv"])
def test_a_table_made_elsewhere(lane, name, capsys):
    rows, names = annotate(lane, table(lane, FOUND, name))
    assert names == ["cat", "dog"]
    assert [row["object_ids"] for row in rows] == [[1], [], [0]]
    assert rows[0]["scores"] == [pytest.approx(0.9)]
    assert [round(each["score"], 3) for each in rows[0]["detections"]] == [0.9, 0.4]
    assert "1 of 4 values of sample_name are no sample" in capsys.readouterr().err


def test_a_sample_without_annotation_is_an_error_unless_allowed(lane, capsys):
    with pytest.raises(
        DataError,
        match=r"1 of 3 target, control or public samples .* annotation \(1 public\), e.g. n1",
    ):
        annotate(lane, table(lane, FOUND[:2]))
    rows, _ = annotate(lane, table(lane, FOUND[:2], allow_missing=True), limit=0.5)
    assert [row["sample_id"] for row in rows] == [0, 2]
    assert UNANNOTATED.read(lane / "unannotated.parquet").to_pylist() == [
        {"sample_id": 1, "role": "public"}
    ]
    assert "1 of 3 target, control or public samples have no ann" in capsys.readouterr().err
    crossed = {each.name: each for each in plausibility.crossings(lane / "unannotated.parquet")}
    crossing = crossed["unannotated"]
    assert set(crossed) == {"unannotated", "labels_without_bank"}  # the one public sample left
    assert (crossing.name, crossing.count, crossing.total) == ("unannotated", 1, 3)


def test_more_samples_without_annotation_than_the_limit_are_refused(lane):
    with pytest.raises(
        DataError, match=r"33.3%, expected at most limits.unannotated = 2.0%; e.g. n1"
    ):
        annotate(lane, table(lane, FOUND[:2], allow_missing=True), limit=0.02)


def found(**objects_of):
    return [
        {"sample_name": name, "object": each or None, "score": 0.9 if each else None}
        for name, text in objects_of.items()
        for each in text.split(",")
    ]


def test_attacked_samples_whose_objects_no_public_image_shows_are_refused_by_name(lane):
    """Not one object of n0 is known to the bank: spelled in another case. n2 shows one that is."""
    rows = found(n0="Dog,Cat", n1="dog,cat", n2="dog,ant")
    with pytest.raises(
        DataError,
        match=r"1 of 2 attacked samples show only objects that no public image shows \(50.0%\), expected at "
        r"most limits.labels_without_bank = 0.0%.\n  the first: n0 \(Cat\)",
    ):
        annotate(lane, table(lane, rows), without_bank=0.0)


def test_a_raised_limit_of_objects_without_a_bank_is_noted_and_told(lane, capsys):
    annotate(lane, table(lane, found(n0="Dog", n1="dog,cat", n2="dog,ant")), without_bank=0.5)
    assert (
        "1 of 2 attacked samples show only objects that no public image shows; 2 show at least one such"
        in capsys.readouterr().err
    )
    (crossing,) = plausibility.crossings(lane / "unannotated.parquet")
    assert (crossing.name, crossing.count, crossing.total) == ("labels_without_bank", 1, 2)


def test_a_bank_that_shows_nothing_is_refused_too(lane):
    with pytest.raises(DataError, match="2 of 2 attacked samples show only objects"):
        annotate(lane, table(lane, found(n0="dog", n1="", n2="cat")), without_bank=0.0)


def test_objects_that_the_bank_shows_pass(lane):
    annotate(lane, table(lane, found(n0="dog", n1="dog,cat", n2="")), without_bank=0.0)
    assert plausibility.crossings(lane / "unannotated.parquet") == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"sample_name": "n0", "object": "dog"}], "lacks column score"),
        ([{"sample_name": "n0", "object": "dog", "score": 1.5}], r"no score in \[0, 1\].*'n0'"),
        ([{"sample_name": "n0", "object": "dog", "score": None}], r"no score in \[0, 1\]"),
        (
            [{"sample_name": "n0", "object": "dog", "score": "high"}],
            "column 'score', row 1: found str",
        ),
    ],
)
def test_a_table_that_breaks_the_format_is_refused(lane, rows, message):
    with pytest.raises(DataError, match=message):
        annotate(lane, table(lane, rows))


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.slow
def test_samples_that_span_batches_stay_whole(lane, batch, monkeypatch):
    expected = annotate(lane, table(lane, FOUND))
    monkeypatch.setattr(object_rows, "BATCH_ROWS", batch)
    assert annotate(lane, table(lane, FOUND)) == expected


def test_an_empty_lane_has_empty_objects(tmp_path):
    SAMPLES.write(SAMPLES.schema.empty_table(), tmp_path / "samples.parquet", inputs={})
    SPLITS.write(SPLITS.schema.empty_table(), tmp_path / "splits.parquet", inputs={})
    assert annotate(tmp_path, CorpusObjectsParams(source="corpus")) == ([], [])


def dump(path, value, protocol=4):
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.int64, np.int32, ">i4"])
def test_a_pickle_of_arrays_is_converted(tmp_path, protocol, kind):
    labels = [np.array([2, 0], dtype=kind), np.array([], dtype=kind), np.array([1], dtype=kind)]
    scores = [
        np.array([0.9, 0.5], np.float32),
        np.array([], np.float32),
        np.array([0.7], np.float64),
    ]
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    (tmp_path / "classes.txt").write_text("ant\nbee\ncat\n")
    n = label_pickles.convert(
        dump(tmp_path / "x.pkl", [labels, scores], protocol), sample_names=tmp_path / "names.txt",
        class_names=tmp_path / "classes.txt", out=tmp_path / "x.parquet",
    )  # fmt: skip
    rows = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert n == 3
    assert [(r["sample_name"], r["object"]) for r in rows] == [
        ("a", "cat"), ("a", "ant"), ("b", None), ("c", "bee"),
    ]  # fmt: skip
    assert [r["score"] for r in rows] == [pytest.approx(0.9), 0.5, None, 0.7]


class _Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_a_pickle_that_would_run_code_runs_nothing(tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(DataError, match=r"refused, it contains the name posix\.mkdir"):
        label_pickles.read(dump(tmp_path / "x.pkl", [[_Attack(mark)], [np.zeros(1)]]))
    assert not mark.exists()
    pickle.load(io.BytesIO((tmp_path / "x.pkl").read_bytes()))
    assert mark.exists(), "the attack works where it is not refused"


@pytest.mark.parametrize(
    "value",
    [
        [[np.array([1, "x"], dtype=object)], [np.zeros(2)]],
        [[np.zeros((2, 2))], [np.zeros(4)]],
        [["text"], [np.zeros(1)]],
        {"labels": [], "scores": []},
        [[np.zeros(2)], [np.zeros(1)]],
    ],
)
def test_other_pickles_are_refused(tmp_path, value):
    with pytest.raises(DataError, match=r"x\.pkl"):
        label_pickles.read(dump(tmp_path / "x.pkl", value))


def test_a_pickle_cut_short_is_refused(tmp_path):
    path = dump(tmp_path / "x.pkl", [[np.zeros(3)], [np.zeros(3)]])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"not a \[labels, scores\] pickle"):
        label_pickles.read(path)


def test_the_command_line_converts_a_pickle(tmp_path):
    (tmp_path / "names.txt").write_text("a\n")
    (tmp_path / "classes.txt").write_text("ant\nbee\n")
    pickled = dump(tmp_path / "x.pkl", [[np.array([1])], [np.array([0.9])]], 4)
    flags = {"sample-names": "names.txt", "class-names": "classes.txt", "out": "x.parquet"}
    words = [word for name, file in flags.items() for word in (f"--{name}", str(tmp_path / file))]
    done = CliRunner().invoke(cli.app, ["import-labels", str(pickled), *words])
    assert done.exit_code == 0, done.output
    assert "1 detections" in done.output
    assert pq.read_table(tmp_path / "x.parquet")["object"].to_pylist() == ["bee"]
