"""Tags made elsewhere: the three formats, both keys, what is missing, and what breaks the format."""

import json
import pickle

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.annotators import label_pickles, tables, tag_crops
from dejavu.annotators.source import CropSource
from dejavu.corpora import plausibility
from dejavu.errors import DataError
from dejavu.params.references import TagTableParams
from dejavu.tables import parquet
from dejavu.tables.schemas import TAG_VOCABULARY, TAGS
from tests.annotators.test_corpus_annotator import MACHINE
from tests.image.tables_of import write_world

PEOPLE = [
    ("reference", 0, True), ("target", 0, True), ("control", 0, True), ("target", 0, False),
    ("public", 0, True),
]  # fmt: skip
ROWS = [
    {"sample_name": "s2", "tag": "sea", "score": 0.5},
    {"sample_name": "s0", "tag": "sky", "score": 0.5},
    {"sample_name": "s0", "tag": "air", "score": 0.5},  # a tie: the smaller name first
    {"sample_name": "s0", "tag": "sea", "score": 0.4},
    {"sample_name": "s0", "tag": "sea", "score": 0.9},  # the best of two counts
    {"sample_name": "s0", "tag": "fog", "score": 0.1},  # below the threshold
    {"sample_name": "s1", "tag": None, "score": None},  # nothing was found
    {"sample_name": "s3", "tag": "dog", "score": 0.9},  # its crop was dropped
    {"sample_name": "s4", "tag": "emu", "score": 0.9},  # public: has no crop
    {"sample_name": "away", "tag": "elk", "score": 0.9},
]


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [mark.join("" if v is None else str(v) for v in row.values()) for row in rows]
        path.write_text("\n".join([mark.join(rows[0]), *lines]) + "\n")


def tag(folder, rows, name="tags.parquet", limit=0.02, **changes):
    paths = write_world(folder, PEOPLE, n_labels=1)
    if rows is not None:
        save(folder / name, rows)
    settings = {"path": name, "min_score": 0.3, "max_tags": 2, "allow_missing": False} | changes
    tag_crops.tag_crops(
        settings=tag_crops.TagSettings(
            name="table",
            entry=TagTableParams(source="table", **settings),
            seed=0,
            limit=limit,
            machine=MACHINE,
        ),
        inputs=CropSource(
            samples=paths["samples"], crops=paths["crops"], images=folder, data_root="."
        ),
        out=tag_crops.TagTables(tags=folder / "out", vocabulary=folder / "vocabulary.parquet"),
    )
    names = TAG_VOCABULARY.read(folder / "vocabulary.parquet")["tag"].to_pylist()
    return TAGS.read(folder / "out").to_pydict(), names


@pytest.mark.parametrize("name", ["tags.parquet", "tags.jsonl", "tags.csv", "tags.tsv"])
@pytest.mark.parametrize("key", ["sample_name", "sample_id"])
@pytest.mark.slow
def test_by_hand(in_tmp, name, key, capsys):
    rows = ROWS
    if key == "sample_id":
        ids = {"away": 999} | {f"s{i}": 10 + 3 * i for i in range(5)}
        rows = [
            {"sample_id": ids[r["sample_name"]], "tag": r["tag"], "score": r["score"]} for r in ROWS
        ]
    found, names = tag(in_tmp, rows, name)
    assert names == ["air", "sea", "sky"]
    assert found["sample_id"] == [10, 13, 16]
    assert found["tag_ids"] == [[1, 0], [], [1]]
    assert found["scores"] == [[pytest.approx(0.9), 0.5], [], [0.5]]
    assert f"1 of 6 values of {key} are no sample" in capsys.readouterr().err
    assert parquet.inputs_of(in_tmp / "out")["tags"] == parquet.fingerprint(in_tmp / name)


def test_what_was_looked_for_and_is_not_there_is_no_tag(in_tmp):
    """Image labels of Open Images state confidence 0 where people verified that a thing is absent."""
    rows = [{**row, "score": 0.0 if row["tag"] == "sky" else row["score"]} for row in ROWS]
    found, names = tag(in_tmp, rows, min_score=0.0)
    assert "sky" not in names
    assert found["sample_id"] == [10, 13, 16]


def slow_tags(rows, min_score, max_tags):
    best = {}
    for row in rows:
        if row["tag"] is not None and row["score"] >= min_score:
            tags = best.setdefault(row["sample_name"], {})
            tags[row["tag"]] = max(tags.get(row["tag"], 0), row["score"])
    return {
        name: sorted(tags, key=lambda tag: (-tags[tag], tag))[:max_tags]
        for name, tags in best.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_ranks_equal_their_definition(in_tmp, seed):
    rng = np.random.default_rng(seed)
    rows = [
        {"sample_name": f"s{rng.integers(3)}", "tag": f"t{rng.integers(12):02d}",
         "score": float(rng.choice([0.25, 0.5, 0.75]))}
        for _ in range(60)
    ]  # fmt: skip
    found, names = tag(in_tmp, rows, max_tags=5)
    expected = slow_tags(rows, 0.3, 5)
    for place, ids in enumerate(found["tag_ids"]):
        assert [names[i] for i in ids] == expected[f"s{place}"]


def test_a_crop_that_is_missing_is_an_error_unless_allowed(in_tmp, capsys):
    with pytest.raises(
        DataError, match="2 of 3 kept crops have no row, e.g. s1, s2. A crop in which"
    ):
        tag(in_tmp, [{"sample_name": "s0", "tag": "sea", "score": 0.5}])


def test_crops_that_nobody_annotated_have_no_row_and_a_limit(in_tmp, capsys):
    rows = [{"sample_name": "s0", "tag": "sea", "score": 0.5}]
    with pytest.raises(
        DataError,
        match=r"2 of 3 kept crops are not annotated \(.*\): 66.7%, expected at most limits.unannotated",
    ):
        tag(in_tmp, rows, allow_missing=True)
    found, _ = tag(in_tmp, rows, allow_missing=True, limit=0.7)
    assert found["sample_id"] == [10]
    assert "2 of 3 kept crops are not annotated" in capsys.readouterr().err
    (crossing,) = plausibility.crossings(in_tmp / "out")
    assert (crossing.name, crossing.count, crossing.total) == ("unannotated", 2, 3)
    assert sum(map(int, plausibility.notes_of(in_tmp / "out", "unannotated").values())) == 2


def test_no_tag_at_all_is_a_table_too(in_tmp):
    found, names = tag(
        in_tmp, [{"sample_name": f"s{i}", "tag": "", "score": None} for i in range(3)], "tags.csv"
    )
    assert names == []
    assert found["tag_ids"] == [[], [], []]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"tag": "sea", "score": 1}], "lacks column sample_name or sample_id; expected"),
        ([{"sample_name": "s0", "label": "sea"}], "lacks column tag, score; expected"),
        ([{"sample_name": "s0", "tag": "sea", "score": 1.5}], r"no score in \[0, 1\].*'s0'"),
        ([{"sample_name": "s0", "tag": "sea", "score": float("nan")}], r"no score in \[0, 1\]"),
        ([{"sample_name": "s0", "tag": "sea", "score": None}], r"no score in \[0, 1\]"),
        (
            [{"sample_name": "s0", "tag": "sea", "score": "high"}],
            "column 'score', row 1: found str 'high', expected a number",
        ),
        (
            [{"sample_id": "ten", "tag": "sea", "score": 0.5}],
            "column 'sample_id', row 1: found str 'ten', expected a whole number",
        ),
        (
            [{"sample_name": "s0", "tag": ["sea"], "score": 0.5}],
            r"column 'tag', row 1: found list \['sea'\], expected text",
        ),
        (
            [{"sample_name": "s0", "tag": True, "score": 0.5}],
            "column 'tag', row 1: found bool True, expected text",
        ),
        (
            [{"sample_name": "s0", "tag": "sea", "score": 0.5}] * 2
            + [{"sample_name": "s0", "tag": None, "score": None}],
            "1 samples have a row that says that nothing was found, and rows of what was: 's0'",
        ),
        ([{"name": "s0", "tag": "sea", "score": 1}], "has a column 'name', and none called"),
        (
            [{"sample_name": None, "tag": "sea", "score": 0.5}, ROWS[0]],
            "1 rows have no sample_name",
        ),
    ],
)
@pytest.mark.slow
def test_a_table_that_breaks_the_format_is_refused(in_tmp, rows, message):
    with pytest.raises(DataError, match=message):
        tag(in_tmp, rows)


def test_other_files_are_refused(in_tmp):
    with pytest.raises(DataError, match="no such file; image.annotators"):
        tag(in_tmp, None)
    with pytest.raises(DataError, match=r"expected a table that ends in \.csv"):
        tag(in_tmp, None, "tags.xlsx")
    (in_tmp / "it's.parquet").write_bytes(b"PAR1 no parquet")
    with pytest.raises(DataError, match="not a readable table"):
        tag(in_tmp, None, "it's.parquet")


def test_letters_may_be_composed_in_either_way(in_tmp):
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE samples AS SELECT 7::BIGINT AS sample_id, 'caf\u00e9' AS sample_name"
        )
        save(in_tmp / "t.jsonl", [{"sample_name": "cafe\u0301", "tag": "sea", "score": 0.5}])
        assert tables.load(database, in_tmp / "t.jsonl", param="a.key") == (1, 1)
        assert database.sql("SELECT sample_id, name FROM known").fetchall() == [(7, "sea")]


@pytest.mark.slow
def test_tags_of_other_encodings_and_with_zeros_in_front(in_tmp):
    rows = "sample_name,tag,score\n007,façade,0.9\ns1,,\ns2,naïve,0.5\ns0,sea,0.4\n"
    for name, encoding in (
        ("tags.csv", "utf-8"), ("bom.csv", "utf-8-sig"), ("wide.csv", "utf-16"),
        ("tags.cp1252.csv", "cp1252"),
    ):  # fmt: skip
        (in_tmp / name).write_bytes(rows.encode(encoding))
        assert tag(in_tmp, None, name)[1] == ["naïve", "sea"], name
    (in_tmp / "unstated.csv").write_bytes(rows.encode("cp1252"))
    with pytest.raises(DataError, match="its text cannot be decoded"):
        tag(in_tmp, None, "unstated.csv")


def test_a_converted_pickle_of_an_annotator_is_such_a_table(in_tmp):
    labels = [np.array([1, 0]), np.array([], int), np.array([1])]
    scores = [np.array([0.9, 0.5]), np.array([]), np.array([0.7])]
    (in_tmp / "found.pkl").write_bytes(pickle.dumps([labels, scores]))
    (in_tmp / "names.txt").write_text("s0\ns1\ns2\n")
    (in_tmp / "classes.txt").write_text("sea\nair\n")
    label_pickles.convert(
        in_tmp / "found.pkl", sample_names=in_tmp / "names.txt",
        class_names=in_tmp / "classes.txt", out=in_tmp / "tags.parquet",
    )  # fmt: skip
    found, names = tag(in_tmp, None)
    assert names == ["air", "sea"]
    assert found["tag_ids"] == [[0, 1], [], [0]]


@pytest.mark.parametrize("label", [0.7, float("nan"), float("inf")])
def test_a_class_number_with_a_fraction_is_no_class(in_tmp, label):
    (in_tmp / "p.pkl").write_bytes(pickle.dumps([[[label]], [[0.9]]]))
    (in_tmp / "names.txt").write_text("s0\n")
    (in_tmp / "classes.txt").write_text("dog\ncat\n")
    with pytest.raises(DataError, match="1 of 1 class numbers are no whole numbers"):
        label_pickles.convert(
            in_tmp / "p.pkl", sample_names=in_tmp / "names.txt",
            class_names=in_tmp / "classes.txt", out=in_tmp / "out.parquet",
        )  # fmt: skip
