import os

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from dejavu.errors import ArtifactError, QueryError
from dejavu.tables import catalog
from dejavu.tables.partitions import partition
from tests.report.world import build


@pytest.fixture
def data(tmp_path):
    answers = {
        "vicreg": (np.ones(4, dtype=bool), np.zeros(4)),
        "classifier": (np.zeros(4, dtype=bool), np.zeros(4)),
    }
    return build(tmp_path / "data", n_target=2, n_control=2, answers=answers).data


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def vectors(*rows):
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(rows), pa.float32()), len(rows[0]))


def test_what_a_path_says_becomes_columns(data):
    folder = data / "image"
    write(folder / "tags" / "corpus" / "tags" / "part-00000.parquet", sample_id=[1])
    write(folder / "tags" / "visual_words" / "tags" / "part-00000.parquet", sample_id=[2])
    write(folder / "tags" / "corpus" / "vocabulary.parquet", tag_id=[0], tag=["sea"])
    write(
        folder / "embeddings/model=vicreg/layer=projector/view=crop" / "part-00000.parquet",
        sample_id=[3],
        embedding=vectors([1, 2]),
    )
    write(
        folder / "embeddings/model=dino/layer=backbone/view=crop" / "part-00000.parquet",
        sample_id=[4],
        embedding=vectors([1, 2, 3]),
    )
    write(
        data / "caption/embeddings/model=clip/view=caption" / "part-00000.parquet",
        sample_id=[5],
        embedding=vectors([1.0]),
    )
    searched = folder / "neighbors/model=vicreg/layer=projector/metric=l2"
    write(searched / "part-00000.parquet", sample_id=[6])
    write(searched / "part-00001.parquet", sample_id=[7])
    write(data / "caption/neighbors/model=clip/mode=t2i/part-00000.parquet", sample_id=[8])
    voted = folder / "predictions/knn/model=dino/layer=backbone/metric=l2"
    write(voted / "part-00000.parquet", predictor=["dino_l2"])
    write(data / "caption" / "labels.parquet", label_id=pa.array([0], pa.int32()), label=["x"])
    with catalog.connect(data) as opened:

        def ask(sql):
            return [tuple(row.values()) for row in opened.rows(sql)]

        assert ask("SELECT annotator, sample_id FROM tags ORDER BY ALL") == [
            ("corpus", 1),
            ("visual_words", 2),
        ]
        assert ask("SELECT lane, annotator, tag FROM tag_vocabulary") == [
            ("image", "corpus", "sea")
        ]
        assert ask("SELECT lane, model, layer, view, len(embedding) FROM embeddings ORDER BY sample_id") == [
            ("image", "vicreg", "projector", "crop", 2), ("image", "dino", "backbone", "crop", 3),
            ("caption", "clip", None, "caption", 1),
        ]  # fmt: skip
        assert ask("SELECT lane, model, layer, metric, mode, sample_id FROM neighbors ORDER BY ALL DESC") == [
            ("image", "vicreg", "projector", "l2", None, 7),
            ("image", "vicreg", "projector", "l2", None, 6),
            ("caption", "clip", None, None, "t2i", 8),
        ]  # fmt: skip
        assert ask("SELECT DISTINCT lane FROM labels ORDER BY lane") == [("caption",), ("image",)]
        asked = "SELECT DISTINCT predictor, model, layer, metric FROM predictions ORDER BY 1"
        assert ask(asked) == [
            ("classifier", None, None, None),
            ("dino_l2", "dino", "backbone", "l2"),
            ("vicreg", "vicreg", "projector", "l2"),
        ]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("caption/neighbors/model=clip/mode=t2i", ("clip", None, None, "t2i")),
        ("image/neighbors/model=dino/layer=backbone/metric=l2", ("dino", "backbone", "l2", None)),
    ],
)
def test_a_view_has_the_columns_of_all_lanes_whichever_was_run(tmp_path, place, expected):
    write(tmp_path / place / "part-00000.parquet", sample_id=[8])
    with catalog.connect(tmp_path) as opened:
        (row,) = opened.rows("SELECT model, layer, metric, mode FROM neighbors")
        assert tuple(row.values()) == expected


def test_other_readers_see_the_names_of_the_folders_as_columns(tmp_path):
    """Embeddings and neighbors hold nothing but tables, so that a whole folder can be opened."""
    for model, ids in (("a", [1, 2]), ("b", [3])):
        place = tmp_path / partition(model=model, layer="projector", metric="l2")
        write(place / "part-00000.parquet", sample_id=ids)
    seen = {(1, "a", "l2"), (2, "a", "l2"), (3, "b", "l2")}
    pattern = f"{tmp_path}/**/*.parquet"
    rows = duckdb.sql(f"SELECT sample_id, model, metric FROM read_parquet('{pattern}')").fetchall()
    assert set(rows) == seen
    rows = pads.dataset(tmp_path, partitioning="hive").to_table().to_pylist()
    assert {(row["sample_id"], row["model"], row["metric"]) for row in rows} == seen


@pytest.mark.parametrize("sandboxed", [True, False])
def test_scores_of_an_older_version_are_refused_with_what_they_lack(data, sandboxed):
    path = data / "image/scores.parquet"
    scores = pq.read_table(path)
    old = scores.drop_columns(["model", "layer", "metric"])
    metadata = scores.schema.metadata | {b"dejavu.version": b"2"}
    pq.write_table(old.replace_schema_metadata(metadata), path)
    message = (
        r"scores.parquet: expected a 'image_scores' table of version 3, found 'image_scores' of "
        r"version 2 without the columns model, layer, metric\. Run `dvc repro`"
    )
    with (
        pytest.raises(ArtifactError, match=message),
        catalog.connect(data, only=["image_scores"], sandboxed=sandboxed),
    ):
        pass


def test_views_exist_only_for_tables_that_exist(data):
    with catalog.connect(data) as opened:
        names = [view.name for view in opened.views()]
        assert names == [
            "crops", "image_scores", "labels", "memorized_samples", "predictions", "samples", "splits",
        ]  # fmt: skip
        columns = {view.name: view.columns for view in opened.views()}["labels"]
        assert columns == {"lane": "VARCHAR", "label_id": "INTEGER", "label": "VARCHAR"}


def test_views_do_not_depend_on_the_folder_one_stands_in(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with catalog.connect(data.relative_to(tmp_path)) as opened:
        os.chdir("/")
        assert opened.table("FROM samples").num_rows == 4


def snapshot(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{samples}'",
        "COPY samples TO '{folder}/new.parquet'",
        "WITH written AS (COPY (SELECT 1) TO '{samples}' (USE_TMP_FILE false)) FROM written",
        "FROM query('WITH w AS (COPY (SELECT 1) TO ''{samples}'' (USE_TMP_FILE false)) FROM w')",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{samples}'",
        "EXPORT DATABASE '{folder}/export'",
        "ATTACH '{folder}/new.duckdb'",
        "SET enable_external_access = true",
        "SET temp_directory = '{folder}'",
        "INSTALL httpfs",
        "FROM read_text('/etc/hostname')",
        "FROM read_parquet('{samples}')",
        "FROM glob('/*')",
        "DELETE FROM samples",
        "INSERT INTO labels VALUES ('image', 9, 'x')",
    ],
)
@pytest.mark.slow
def test_no_statement_reaches_a_file(data, sql):
    before = snapshot(data)
    with catalog.connect(data) as opened:
        with pytest.raises(QueryError):
            opened.table(sql.format(folder=data, samples=data / "image" / "samples.parquet"))
        assert opened.table("FROM samples").num_rows == 4
    assert snapshot(data) == before


@pytest.mark.parametrize(
    "sql",
    [
        "SUMMARIZE samples",
        "DESCRIBE samples",
        "SHOW TABLES",
        "FROM labels LIMIT 1",
        "PIVOT labels ON label USING count(*)",
        "WITH a AS (FROM labels) SELECT count(*) FROM a",
        "EXPLAIN FROM labels",
    ],
)
@pytest.mark.slow
def test_questions_of_every_kind_are_answered(data, sql):
    with catalog.connect(data) as opened:
        assert opened.table(sql).num_rows >= 1


def test_a_mistake_is_one_line_that_names_the_views(data):
    with catalog.connect(data) as opened, pytest.raises(QueryError) as caught:
        opened.table("SELECT nothing FROM image_score")
    message = str(caught.value)
    assert "\n" not in message
    assert 'Did you mean "image_scores"?' in message
    assert "Views: crops, image_scores, labels" in message


def test_an_empty_project_says_what_to_run(tmp_path):
    with (
        pytest.raises(ArtifactError, match=r"no tables here yet\. Run `dvc repro`"),
        catalog.connect(tmp_path),
    ):
        pass


def test_a_missing_table_that_is_needed_is_named(data):
    with (
        pytest.raises(ArtifactError, match=r"no files for \['tags'\]"),
        catalog.connect(data, only=["samples", "tags"]),
    ):
        pass


def test_a_broken_file_is_named(data):
    (data / "image" / "crops.parquet").write_bytes(b"PAR1 this is not a table")
    with (
        pytest.raises(ArtifactError, match=r"crops\.parquet: not a readable Parquet table"),
        catalog.connect(data),
    ):
        pass


CANARY = "canary.csv"


@pytest.mark.slow
def test_the_name_of_a_column_is_a_name_and_no_sql(data):
    """With vectors, whose columns are named in a statement, and before the sandbox was locked."""
    target = data.parent / CANARY
    name = f"x::FLOAT[] AS x) FROM _v); COPY (SELECT 1) TO '{target}'; SELECT * REPLACE (x\""
    place = data / "image/embeddings/model=m/layer=backbone/view=crop/part-00000.parquet"
    for column in (name, 'a"b', "a'b", "a;b", "sélect", "select", "a b"):
        write(place, sample_id=[1], **{column: vectors([1, 2])})
        for sandboxed in (True, False):
            with catalog.connect(data, sandboxed=sandboxed) as opened:
                row = opened.rows("FROM embeddings")[0]
                assert row[column] == [1, 2]
    assert not target.exists()


def test_the_sandbox_is_locked_before_a_table_is_opened(data, monkeypatch):
    seen = []
    make = catalog.make

    def watched(connection, *args):
        settings = ("enable_external_access", "lock_configuration")
        for setting in settings:
            seen.extend(connection.execute(f"SELECT current_setting('{setting}')").fetchall()[0])
        return make(connection, *args)

    monkeypatch.setattr(catalog, "make", watched)
    with catalog.connect(data):
        pass
    assert set(seen[::2]) == {False}
    assert set(seen[1::2]) == {True}


@pytest.mark.parametrize("sandboxed", [True, False])
@pytest.mark.parametrize(
    "name", ["a*b", "a?b", "a[xy]b", "a[", "**", "a'b", 'a"b', "x=1", "a{b,c}", "a\\*b", "a b", "é"]
)
@pytest.mark.slow
def test_a_path_is_no_pattern(tmp_path, name, sandboxed):
    for folder, value in ((name, "mine"), ("axb", "other"), ("a", "other"), ("b", "other")):
        write(tmp_path / folder / "image" / "labels.parquet", label=[value])
    with catalog.connect(tmp_path / name, sandboxed=sandboxed) as opened:
        assert opened.rows("FROM labels") == [{"lane": "image", "label": "mine"}]


def test_a_folder_for_sorts_may_have_a_quote(data, tmp_path, monkeypatch):
    folder = tmp_path / "it's"
    folder.mkdir()
    monkeypatch.setattr(catalog.tempfile, "tempdir", str(folder))
    with catalog.connect(data) as opened:
        assert opened.table("FROM samples").num_rows == 4


def test_columns_of_one_name_are_told_apart(data):
    sql = (
        "SELECT a.sample_id, b.sample_id, a.sample_id AS sample_id_1, 9 AS Sample_ID "
        "FROM samples a, samples b WHERE a.sample_id = 1 AND b.sample_id = 2"
    )
    with catalog.connect(data) as opened:
        table = opened.table(sql)
    assert table.to_pylist() == [
        {"sample_id": 1, "sample_id_2": 2, "sample_id_1": 1, "Sample_ID_3": 9}
    ]


def test_a_layer_may_hold_a_dash(data):
    place = data / "image/neighbors/model=m/layer=block-4/metric=cosine/part-00000.parquet"
    write(place, sample_id=[1])
    with catalog.connect(data) as opened:
        assert opened.rows("SELECT layer, metric FROM neighbors") == [
            {"layer": "block-4", "metric": "cosine"}
        ]


def test_what_the_path_says_goes_before_a_column_of_the_same_name(data):
    write(data / "image" / "labels.parquet", lane=["x"], label=["y"])
    with catalog.connect(data) as opened:
        assert opened.rows("SELECT lane FROM labels") == [{"lane": "image"}]


def test_a_file_that_is_damaged_inside_ends_in_one_line(data):
    place = data / "image" / "labels.parquet"
    write(place, label=["x" * 1000] * 5000)
    raw = bytearray(place.read_bytes())
    raw[4:200] = bytes(196)
    place.write_bytes(raw)
    for sandboxed in (True, False):
        with (
            catalog.connect(data, sandboxed=sandboxed) as opened,
            pytest.raises(QueryError) as caught,
        ):
            opened.table("FROM labels")
        assert "\n" not in str(caught.value)


def test_text_that_is_not_utf_8_ends_in_one_line(data):
    bad = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    write(data / "image" / "labels.parquet", label=bad)
    with catalog.connect(data) as opened, pytest.raises(QueryError):
        opened.rows("FROM labels")
