"""Documents in Markdown write a number in one way."""

import re

import pytest

from dejavu.report import markdown
from tests.paths import ROOT

TEMPLATES = sorted((ROOT / "dejavu" / "templates").glob("*.md.j2"))
SMALL = ("n_references", "n_objects")  # of one model, of one sample: never a thousand


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_every_count_has_commas_between_thousands(template):
    shown = re.findall(r"\{\{([^}]*\.(n|n_\w+|length|resamples)\b[^}]*)\}\}", template.read_text())
    bare = [text for text, name in shown if "grouped" not in text and name not in SMALL]
    assert not [text for text in bare if "| share" not in text]


def test_grouped_is_there_for_every_document():
    assert markdown.templates().from_string("{{ 1012 | grouped }}").render() == "1,012"
