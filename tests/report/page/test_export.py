"""What the page saves: tables as CSV, Markdown and LaTeX, charts that need no page around them."""

import csv
import io

import pytest

TABLE = (
    "[...document.querySelectorAll('table.grid')].find("
    "t => t.caption.textContent.includes('the reference wrong'))"
)
SAVED = (  # the text of the file that a button saves
    "(async (button) => { const made = []; const before = URL.createObjectURL;"
    " URL.createObjectURL = (blob) => { made.push(blob); return 'data:,'; };"
    " HTMLAnchorElement.prototype.click = () => {}; button.click();"
    " for (let i = 0; i < 100 && !made.length; i++) await new Promise(r => setTimeout(r, 50));"
    " URL.createObjectURL = before;"
    " return made[0].type.startsWith('image/png') ? String(made[0].size) : await made[0].text(); })"
)


@pytest.fixture
def saved(opened):
    def save(element, name):
        bar = f"[...({element}).nextElementSibling.querySelectorAll('button')]"
        button = f"{bar}.find(b => b.textContent === {name!r})"
        return opened.value(f"{SAVED}({button})")

    return save


def test_tables_are_saved_with_the_model_in_front(opened, saved):
    rows = list(csv.reader(io.StringIO(saved(f"({TABLE}).closest('.scroll')", "CSV"))))
    assert rows[0][:2] == ["model", "reference"]
    assert {row[0] for row in rows[1:]} == {"VICReg"}
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if "−" in cell]
    markdown = saved(f"({TABLE}).closest('.scroll')", "Markdown").splitlines()
    assert markdown[1].startswith("| --- | --- |")
    assert len(markdown) == len(rows) + 1
    latex = saved(f"({TABLE}).closest('.scroll')", "LaTeX")
    assert latex.count(r"\\") == len(rows)
    assert r"NB@1" in latex
    assert r"\%" in latex


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "＝1+1",
        "＋1+1",
        "－1+1",
        "＠x",
        "\u200b=1",
        "+1+cmd|'/C calc'!A0",
        "−1+HYPERLINK(1)",
        "-1 to cmd|x",
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_saved_as_text(opened, saved, cell):
    opened.value(f"({TABLE}).tBodies[0].rows[1].cells[0].textContent = {cell!r}")
    rows = list(csv.reader(io.StringIO(saved(f"({TABLE}).closest('.scroll')", "CSV"))))
    assert "'" + cell.replace("−", "-") in rows[1]


def test_numbers_of_the_page_are_saved_as_numbers(opened, saved):
    cells = [
        "+1.5",
        "-54 [-170, 19] %",
        "+13.3 to +26.7 points",
        "-0.1 [-0.3, +1e-05]",
        "-1,234",
        "-2e-05",
    ]
    for place, cell in enumerate(cells):
        opened.value(f"({TABLE}).tBodies[0].rows[1].cells[{place}].textContent = {cell!r}")
    rows = list(csv.reader(io.StringIO(saved(f"({TABLE}).closest('.scroll')", "CSV"))))
    assert [cell for cell in cells if cell in rows[1]] == cells
    assert not [cell for row in rows for cell in row if cell.startswith("'")]


def test_charts_are_saved_with_colors_of_their_own(opened, saved):
    opened.draw_all()
    chart = "document.querySelector('[data-chart]')"
    text = saved(chart, "SVG")
    assert text.startswith("<svg")
    assert "var(--" not in text
    assert 'fill="white"' in text
    assert int(saved(chart, "PNG")) > 1000


def test_what_is_folded_away_is_open_on_paper_and_folded_again(opened):
    """Numbers that repeat a chart are printed where a reader has opened them."""
    folded = "document.querySelectorAll('main details:not([open])').length"
    before = opened.value(folded)
    assert before > 3
    opened.value("document.querySelector('details.numbers').open = true")
    opened.value("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.value("document.querySelectorAll('details.origin:not([open])').length") == 0
    opened.call("Emulation.setEmulatedMedia", media="print")
    heights = "[...document.querySelectorAll('details.numbers')].map(each => each.offsetHeight > 0)"
    first, *others = opened.value(heights)
    assert (first, any(others)) == (True, False)
    opened.call("Emulation.setEmulatedMedia", media="")
    opened.value("document.querySelector('details.numbers').open = false")
    opened.value("window.dispatchEvent(new Event('afterprint'))")
    assert opened.value(folded) == before
