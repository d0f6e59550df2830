"""Tables that people bring are read as what they are, or refused by column and row."""

import contextlib
import json
import os
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu.errors import DataError
from dejavu.tables import brought
from dejavu.tables.brought import Column

COLUMNS = (
    Column(name="path", kind="text", is_required=True), Column(name="x0", kind="number"),
    Column(name="n", kind="integer"), Column(name="boxes", kind="boxes"),
    Column(name="probabilities", kind="numbers"),
)  # fmt: skip


def read(path, **options):
    return brought.read(path, COLUMNS, named_by="a.key", **options).to_pydict()


def write(path, content):
    if isinstance(content, dict):
        pq.write_table(pa.table(content), path)
    elif isinstance(content, list):
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    else:
        path.write_bytes(content)
    return path


def test_text_stays_text_and_what_is_empty_stays_empty(tmp_path):
    path = write(tmp_path / "a.csv", b"path,x0,n\n007,1.50,3\n  ,,\nNA,2,4.0\n")
    assert read(path) == {"path": ["007", None, "NA"], "x0": [1.5, None, 2.0], "n": [3, None, 4]}
    rows = [{"path": 7, "x0": 1}, {"path": None, "n": 2.0}, {"path": "NA", "x0": "2"}]
    found = read(write(tmp_path / "a.jsonl", rows))
    assert found == {"path": ["7", None, "NA"], "x0": [1.0, None, 2.0], "n": [None, 2, None]}
    table = {"path": [7, None], "x0": [1.5, float("nan")], "n": [1.0, float("nan")]}
    found = read(write(tmp_path / "a.parquet", table))
    assert found["path"] == ["7", None]
    assert found["n"] == [1, None]
    assert np.isnan(found["x0"][1])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_encodings(tmp_path, encoding, suffix):
    text = {"csv": "path,x0\ncafé,1\n", "tsv": "path\tx0\ncafé\t1\n"}
    content = text.get(suffix, '{"path": "café", "x0": 1}\n').encode(encoding)
    stated = "a.cp1252" if encoding == "cp1252" else "a"
    assert read(write(tmp_path / f"{stated}.{suffix}", content)) == {"path": ["café"], "x0": [1.0]}
    if encoding == "cp1252":
        with pytest.raises(
            DataError, match=r"state its encoding in its name, like captions.cp1252.csv"
        ):
            read(write(tmp_path / f"a.{suffix}", content))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", {"path": [["a man"]]}, r"column 'path', row 1: found list \['a man'\], expected text"),
        ("a.parquet", {"path": [None, {"a": 1}]}, r"column 'path', row 2: found dict"),
        ("a.parquet", {"path": [b"a"]}, r"column 'path', row 1: found bytes b'a'"),
        ("a.parquet", {"path": [float("nan")]}, r"column 'path', row 1: found NaN nan, expected text"),
        ("a.parquet", {"path": [1.5]}, r"column 'path', row 1: found float 1.5"),
        ("a.parquet", {"path": ["a"], "x0": [True]}, r"column 'x0', row 1: found bool True, expected a num"),
        ("a.parquet", {"path": ["a", "b"], "n": [1.0, 2.5]}, r"column 'n', row 2: found float 2.5"),
        ("a.jsonl", [{"path": "a"}, {"path": ["b"]}], r"column 'path', row 2: found list"),
        ("a.jsonl", [{"path": "a"}, {"path": True}], r"column 'path', row 2: found bool"),
        ("a.jsonl", [{"path": "a", "x0": {}}], r"column 'x0', row 1: found dict"),
        ("a.jsonl", [["path"]], r"row 1 is a list, expected an object per line"),
        ("a.jsonl", b'{"path": "a"}\n{"path": \n', "row 2 is not JSON"),
        ("a.jsonl", [{"path": "a", "boxes": [{"x0": 1}]}], r"column 'boxes', row 1"),
        ("a.csv", b"path,x0\na,1\nb,left\n", r"column 'x0', row 2: found str 'left', expected a number"),
        ("a.csv", b"path,n\na,1\nb,2.5\n", r"column 'n', row 2: found str '2.5', expected a whole number"),
        ("a.csv", b"path,X0\na,1\n", r"has a column 'X0', and none called 'x0'. Rename it"),
        ("a.csv", b"path,xmin\na,1\n", r"has a column 'xmin', and none called 'x0'"),
        ("a.csv", b"path,x0,x0\na,1,2\n", r"columns occur more than once: 'x0'"),
        ("a.csv", b"file,x0\na,1\n", r"lacks column path; found file, x0"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"p\0a\0t\0h\0", "UTF-16 without a byte order mark"),
        ("a.csv", b"path,x0\na,1,2\n", "not a readable table"),
        ("a.parquet", b"PAR1 rotten PAR1", "not a readable table"),
        ("a.xlsx", b"x", r"expected a table that ends in .csv, .jsonl, .parquet, .tsv"),
    ],
)  # fmt: skip
def test_what_is_not_of_its_kind_is_refused_by_column_and_row(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(write(tmp_path / name, content))
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_quote_behind_a_backslash_is_refused(tmp_path, suffix):
    """Spark writes quotes so; read by the rule of CSV the text would be another one, without a word."""
    between = {"csv": ",", "tsv": "\t"}[suffix]
    path = tmp_path / f"t.{suffix}"
    path.write_text(f'path{between}caption\na{between}fine\nb{between}"a \\"big\\" dog"\n')
    with pytest.raises(
        DataError, match=r"'caption', row 2: a backslash stands before a quote.*twice"
    ):
        brought.read(path, [Column(name="caption", kind="text")], named_by="k")


def test_boxes_and_numbers_as_lists_or_as_json(tmp_path):
    box = {"x0": 1, "y0": 2, "x1": 3, "y1": 4, "label": "cat"}
    rows = [{"path": "a", "boxes": [box], "probabilities": [0.5, 0.5]}, {"path": "b", "boxes": []}]
    for name, content in (
        ("a.jsonl", rows), ("a.parquet", pa.Table.from_pylist(rows).to_pydict()),
        ("a.tsv", f"path\tboxes\tprobabilities\na\t{json.dumps([box])}\t[0.5, 0.5]\nb\t[]\t\n".encode()),
    ):  # fmt: skip
        found = read(write(tmp_path / name, content))
        assert found["boxes"] == [[box], []]
        assert found["probabilities"] == [[0.5, 0.5], None]


def test_half_a_character_is_no_reason_to_stop(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"path": "a \\ud83d b"}\n')
    assert read(path) == {"path": ["a � b"]}


def test_repeats_are_refused_with_their_keys(tmp_path):
    path = write(tmp_path / "a.csv", b"path,x0\na,1\nb,1\na,1\n")
    with pytest.raises(
        DataError, match=r"1 values of path, x0 occur in more than one row.*\('a', 1.0\)"
    ):
        read(path, unique=("path", "x0"))


def test_ignored_columns_are_named(tmp_path, capsys):
    read(write(tmp_path / "a.csv", b"path,comment\na,1\n"))
    assert "columns that nothing reads: comment" in capsys.readouterr().err


def test_a_text_that_stands_for_gigabytes_is_refused_before_it_is_written_out(tmp_path):
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), ["x" * (1 << 20)])
    path = write(tmp_path / "bomb.parquet", {"path": texts})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match=r"60,000 texts of 62,914,560,000 bytes"):
        read(path)


def test_texts_of_any_encoding_and_columns_of_any_kind_are_read_from_parquet(tmp_path):
    columns = {"path": ["a", None, "a"], "x0": [1.0, 2.0, 3.0], "other": [{"x": "y"}] * 3}
    for options in ({"use_dictionary": False}, {"use_dictionary": True}):
        pq.write_table(pa.table(columns), tmp_path / "t.parquet", **options)
        assert read(tmp_path / "t.parquet") == {"path": ["a", None, "a"], "x0": [1.0, 2.0, 3.0]}


def test_no_pipe_and_no_folder_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, message in (
        ("pipe", "is no regular file"),
        ("folder", "is a folder"),
        ("no", "no such"),
    ):
        with pytest.raises(DataError, match=message):
            read(tmp_path / f"{name}.csv")


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


def named_or_read(path):
    """Read a table; anything but a table or an error that names the file fails."""
    with contextlib.suppress(DataError):
        read(path)
        return
    with pytest.raises(DataError, match=re.escape(str(path))):
        read(path)


@given(
    rows=st.lists(st.dictionaries(st.sampled_from([c.name for c in COLUMNS]), VALUES), max_size=4)
)
@settings(deadline=None, max_examples=150)
@pytest.mark.slow
def test_whatever_json_says_ends_in_a_table_or_in_a_named_error(tmp_path_factory, rows):
    path = write(tmp_path_factory.mktemp("drawn") / "a.jsonl", rows or [{}])
    named_or_read(path)


@given(content=st.binary(max_size=200), suffix=st.sampled_from(brought.SUFFIXES))
@settings(deadline=None, max_examples=200)
@pytest.mark.slow
def test_whatever_bytes_say_ends_in_a_table_or_in_a_named_error(tmp_path_factory, content, suffix):
    path = write(
        tmp_path_factory.mktemp("drawn") / f"a{suffix}", b"path,x0\n" * (suffix == ".csv") + content
    )
    named_or_read(path)
