"""Sections that may not be empty: a stage would wait for what no other stage writes."""

import pytest

from dejavu.errors import ParamsError
from dejavu.params import section
from dejavu.params.encoders import Models
from dejavu.params.references import Annotators


@pytest.mark.parametrize(
    ("name", "schema", "message"),
    [
        ("annotators", Annotators, "expected at least one: visual_words needs no weights"),
        ("models", Models, "names no model, expected at least one to audit"),
    ],
)
def test_an_empty_section_says_what_is_expected(tmp_path, name, schema, message):
    (tmp_path / "params.yaml").write_text(f"image: {{{name}: {{}}}}\n")
    with pytest.raises(ParamsError, match=message):
        section(tmp_path / "params.yaml", f"image.{name}", schema)
