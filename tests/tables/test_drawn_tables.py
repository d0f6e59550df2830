"""However a table was written, its texts come back, or an error names the file."""

import csv
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dejavu.errors import DataError
from dejavu.tables import brought
from dejavu.tables.brought_values import Column

COLUMNS = (
    Column(name="path", kind="text", is_required=True),
    Column(name="caption", kind="text", is_required=True),
)
LETTERS = list("a1é,;\"' |=#🦜\n")  # a backslash that is doubled is as right as two
DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ",", ";", "\t"]),
        "doublequote": st.booleans(),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
    }
)


@given(
    texts=st.lists(st.text(st.sampled_from(LETTERS), max_size=7), min_size=1, max_size=4),
    dialect=DIALECTS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]),
    is_named=st.booleans(),
)
@settings(deadline=None, max_examples=300, derandomize=True)
@pytest.mark.slow
def test_texts_come_back_or_the_file_is_named(tmp_path_factory, texts, dialect, encoding, is_named):
    suffix = "tsv" if dialect["delimiter"] == "\t" else "csv"
    assume(suffix == "csv" or "\n" not in "".join(texts))  # a row of TSV is a line
    stated = f".{encoding}" if is_named else ""
    path = tmp_path_factory.mktemp("drawn") / f"t{stated}.{suffix}"
    try:
        with path.open("w", encoding=encoding, newline="") as stream:
            writer = csv.writer(stream, escapechar="\\", **dialect)
            writer.writerow(["path", "caption"])
            writer.writerows([f"{i}.jpg", text] for i, text in enumerate(texts))
    except UnicodeEncodeError:
        assume(False)
    try:
        found = brought.read(path, COLUMNS, named_by="k")["caption"].to_pylist()
    except DataError as refused:
        named = str(refused).startswith(str(path))
        assert named, refused  # noqa: PT017  # a table is as good as an error
        return
    assert found == [text.strip() or None for text in texts]


@pytest.mark.parametrize("cell", ['a \\"big\\" dog', '"a \\"big\\" dog"'])
def test_what_was_escaped_is_never_taken_as_it_stands(tmp_path, cell):
    path = tmp_path / "t.csv"
    path.write_text(f"path,caption\na.jpg,{cell}\n")
    with pytest.raises(DataError, match=re.escape("a backslash stands before a quote")):
        brought.read(path, COLUMNS, named_by="k")
