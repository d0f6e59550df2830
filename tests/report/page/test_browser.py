"""The page in a real browser: quiet, offline, drawn, readable at any width and in the dark."""

import pytest

from tests.report.page.pages import HOSTILE_CAPTION, HOSTILE_LABEL

BACKGROUND = "getComputedStyle(document.body).backgroundColor"
# 96 pixels an inch, without the margins of page.css: as wide as A4, as high as US Letter
SHEET_WIDTH_PX, SHEET_HEIGHT_PX = 687, 965
LABEL_COLOR = "getComputedStyle(document.querySelector('.chart-live svg text')).fill"


def test_it_opens_from_disk_without_complaint_or_request(opened, page_file):
    opened.draw_all()
    outside = [url for url in opened.requests if not url.startswith("data:")]
    assert outside == [page_file.as_uri()]
    assert opened.complaints == []


def test_every_chart_is_drawn_with_marks_in_place_of_the_still_image(opened):
    opened.draw_all()
    n = opened.value("document.querySelectorAll('[data-chart]').length")
    marks = "[...document.querySelectorAll('[data-chart]')].map(c => c.querySelectorAll("
    drawn = opened.value(marks + "'.chart-live svg [class*=mark-] :is(path, line, text)').length)")
    assert n == len(drawn) > 10
    assert min(drawn) > 5
    assert not opened.value(
        "[...document.querySelectorAll('.chart-static')].some(c => c.offsetHeight > 0)"
    )


def test_a_chart_tells_its_values_on_hover(opened):
    opened.draw_all()
    opened.value(
        "(() => { const mark = document.querySelector('#calibration .chart-live .mark-symbol path');"
        "mark.scrollIntoView({block: 'center'}); const box = mark.getBoundingClientRect();"
        "const at = {bubbles: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2};"
        "for (const kind of ['pointerover', 'pointermove', 'mouseover', 'mousemove'])"
        " mark.dispatchEvent(new MouseEvent(kind, at)); })()"
    )
    opened.wait("document.querySelector('#vg-tooltip-element.visible') !== null")
    assert "[" in opened.value("document.querySelector('#vg-tooltip-element').textContent")


def test_the_button_changes_page_and_charts_to_dark_and_back(opened):
    opened.draw_all()
    light, ink = opened.value(BACKGROUND), opened.value(LABEL_COLOR)
    opened.value("document.getElementById('theme').click()")
    assert opened.value("document.documentElement.dataset.theme") == "dark"
    assert opened.value(BACKGROUND) != light
    assert opened.value(LABEL_COLOR) != ink
    opened.value("document.getElementById('theme').click()")
    assert opened.value(BACKGROUND) == light
    opened.value("localStorage.removeItem('dejavu-theme')")


def test_a_dark_system_gets_a_dark_page(opened):
    light = opened.value(BACKGROUND)
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    opened.call("Emulation.setEmulatedMedia", features=dark)
    assert opened.value(BACKGROUND) != light
    opened.call("Emulation.setEmulatedMedia", media="print", features=dark)
    assert opened.value(BACKGROUND) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("width", [320, 400, 768])
def test_narrow_screens_never_scroll_sideways(opened, width):
    opened.resize(width, 900)
    opened.draw_all()
    opened.value("for (const d of document.querySelectorAll('details')) d.open = true")
    assert opened.value("document.documentElement.scrollWidth") <= width


def test_paper_and_readers_without_scripts_get_the_still_images(opened, page_file):
    opened.draw_all()
    heights = "[...document.querySelectorAll('.chart-static')].map(c => c.offsetHeight)"
    opened.call("Emulation.setEmulatedMedia", media="print")
    assert min(opened.value(heights)) > 50
    opened.call("Emulation.setEmulatedMedia", media="")
    opened.call("Emulation.setScriptExecutionDisabled", value=True)
    opened.go(page_file.as_uri())
    assert min(opened.value(heights)) > 50
    assert opened.value("document.getElementById('gallery-static').offsetHeight") > 50


def test_tables_sort_by_value_from_the_keyboard(opened):
    order = (
        "(() => { const table = [...document.querySelectorAll('#calibration table.grid')].find("
        "t => t.caption.textContent.includes('the reference wrong'));"
        "const column = 1; const head = table.tHead.rows[0].cells[column];"
        "head.querySelector('button').focus(); head.querySelector('button').click();"
        "return [head.getAttribute('aria-sort'),"
        " [...table.tBodies[0].querySelectorAll('tr:not(.group)')].map("
        "r => Number(r.cells[column].dataset.order))]; })()"
    )
    direction, values = opened.value(order)
    assert direction == "ascending"
    assert values == sorted(values)
    direction, values = opened.value(order)
    assert direction == "descending"
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 2


def test_the_first_key_skips_to_the_report(opened):
    opened.press("Tab", 9)
    assert opened.value("document.activeElement.className") == "skip"
    opened.press("Enter", 13)
    opened.wait("document.activeElement.id === 'main'")


def test_every_link_of_the_contents_leads_somewhere(opened):
    links = "[...document.querySelectorAll('.toc a')].map(a => a.hash.slice(1))"
    missing = f"{links}.filter(id => !document.getElementById(id))"
    assert opened.value(f"{links}.length") > 15
    assert opened.value(missing) == []


def test_the_gallery_filters_and_sorts(opened):
    opened.wait("!document.getElementById('gallery-app').hidden")
    count = "document.getElementById('gallery-count').textContent"
    before = opened.value(count)
    choose = (
        "(name, value) => { const it = document.getElementById('gallery-filters').elements[name];"
        "it.value = value; it.dispatchEvent(new Event('input', {bubbles: true}));"
        "it.dispatchEvent(new Event('change', {bubbles: true})); }"
    )
    kinds = opened.value(
        "[...document.getElementById('gallery-filters').elements.kind.options].map(o => o.value)"
    )
    opened.value(f"({choose})('kind', {kinds[-1]!r})")
    opened.wait(f"{count} !== {before!r}")
    shown = "[...document.querySelectorAll('#gallery-cards > li.gallery-card')]"
    assert set(opened.value(f"{shown}.map(c => c.dataset.kind)")) <= {kinds[-1]}
    opened.value("document.querySelector('#gallery-filters button[type=reset]').click()")
    opened.wait(f"{count} === {before!r}")
    names = f"{shown}.map(c => c.dataset.sample)"
    first = opened.value(names)
    sorts = opened.value(
        "[...document.getElementById('gallery-filters').elements.sort.options].map(o => o.value)"
    )
    found = []
    for value in sorts:
        opened.value(f"({choose})('sort', {value!r})")
        found.append(opened.value(names))
    assert first in found
    assert any(each != first for each in found)


def test_hostile_texts_are_shown_and_never_run(opened):
    opened.wait("!document.getElementById('gallery-app').hidden")
    opened.draw_all()
    opened.value("for (const d of document.querySelectorAll('details')) d.open = true")
    text = opened.value("document.body.textContent")
    assert HOSTILE_LABEL in text
    opened.value(
        "(() => { const lane = document.querySelector('#gallery-filters [name=lane][value=caption]');"
        "lane.checked = true; lane.dispatchEvent(new Event('input', {bubbles: true}));"
        "lane.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    opened.wait("document.getElementById('gallery').textContent.includes('<img src=x')")
    assert HOSTILE_CAPTION[:40] in opened.value("document.body.textContent")
    assert opened.value("typeof window.broken") == "undefined"
    assert opened.value("document.querySelectorAll('img[src=x], main b b').length") == 0
    assert opened.complaints == []


def test_markup_that_slips_through_could_still_not_run_a_script(opened):
    """The page's own policy is the second wall: only the scripts that it was made with may run."""
    opened.value(
        "(() => { const script = document.createElement('script');"
        "script.textContent = 'window.broken = 3'; document.body.append(script);"
        "const box = document.createElement('div');"
        "box.innerHTML = '<img src=x onerror=\"window.broken = 4\">';"
        "document.body.append(box); })()"
    )
    opened.wait("document.querySelector('img[src=x]').complete")
    assert opened.value("typeof window.broken") == "undefined"
    assert opened.complaints != []


def test_page_one_is_one_sheet_of_paper_and_ends_with_who_signs(opened):
    opened.call("Emulation.setEmulatedMedia", media="print")
    opened.resize(SHEET_WIDTH_PX, 1000)
    parts = opened.value(
        "[...document.querySelectorAll('#answer > *')].map(each => [each.className,"
        " each.getBoundingClientRect().top + scrollY, each.getBoundingClientRect().bottom + scrollY])"
    )
    first, after = ([part for part in parts if name in part[0]] for name in ("first", "after"))
    assert len(first) == 2
    assert len(after) == 2
    assert max(bottom for _, _, bottom in first) <= min(
        SHEET_HEIGHT_PX, *(top for _, top, _ in after)
    )
    rows = opened.value("document.querySelectorAll('.overview tbody tr:not(.group)').length")
    assert rows == opened.value("document.querySelectorAll('.card').length") > 0
    assert opened.value("document.querySelector('.overview').offsetHeight") > 0
    sides = (
        "[...document.querySelectorAll('#answer table, .figures, .figure .scroll, .origin')]"
        ".map(each => each.getBoundingClientRect().right)"
    )
    assert max(opened.value(sides)) <= SHEET_WIDTH_PX  # nothing is cut off
    opened.call("Emulation.setEmulatedMedia", media="screen")
    assert opened.value("document.querySelector('.overview').offsetHeight") == 0  # cards say it


def test_a_button_for_more_cards_is_there_only_while_there_are_more(opened):
    opened.wait("!document.getElementById('gallery-app').hidden")
    more = "document.getElementById('gallery-more')"
    opened.value(f"{more}.hidden = true")
    assert opened.value(f"getComputedStyle({more}).display") == "none"
