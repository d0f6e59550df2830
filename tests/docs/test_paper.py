"""docs/paper.md: every figure and table of the paper has a row, and rows lead to what exists."""

import re

from dejavu.report import paper
from tests.paths import ROOT

TEXT = (ROOT / "docs/paper.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in TEXT.splitlines() if re.match(r"\| (Fig|Tab)", line)]


def numbered(kind):
    named = " ".join(row[0] for row in ROWS if row[0].strip().startswith(kind))
    return {int(n) for n in re.findall(r"\d+", named)}


def test_every_figure_and_table_of_the_paper_has_a_row():
    assert numbered("Figure") == set(range(1, 16))
    assert numbered("Table") == set(range(1, 6))


def test_rows_lead_to_sections_of_the_page():
    named = set(re.findall(r"`#([\w-]+)`", TEXT))
    templates = (ROOT / "dejavu/templates/page").glob("*.html.j2")
    ids = {found for path in templates for found in re.findall(r'id="([\w-]+)"', path.read_text())}
    assert named <= ids | paper.SHOWS.keys()
    assert paper.SHOWS.keys() <= named


def test_presets_that_are_named_exist():
    for row in ROWS:
        for preset in re.findall(r"`([\w-]+)`", row[3]):
            assert (ROOT / f"presets/{preset}.yaml").is_file()
