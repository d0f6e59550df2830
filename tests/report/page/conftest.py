"""One run with both lanes in miniature and hostile texts, and the page that the report makes of it."""

import json

import pytest

from tests.report.gallery import world
from tests.report.page import browser
from tests.report.page.pages import HOSTILE_CAPTION, HOSTILE_LABEL, Reader, report


@pytest.fixture(scope="session")
def page_file(tmp_path_factory):
    made = world.write(
        tmp_path_factory.mktemp("page-world"),
        labels=[HOSTILE_LABEL, "dog", "anchor & chain", "</script><b>bold</b>"],
        change_caption=lambda caption: f"{caption} {HOSTILE_CAPTION}",
    )
    return report(made, tmp_path_factory.mktemp("page-reports")) / "index.html"


@pytest.fixture(scope="session")
def html(page_file):
    return page_file.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def read(html):
    return Reader(html)


@pytest.fixture(scope="session")
def results(page_file):
    return json.loads(page_file.with_name("results.json").read_text())


@pytest.fixture(scope="session")
def chromium():
    with browser.started() as found:
        yield found


@pytest.fixture
def opened(chromium, page_file):
    """Return the page in a fresh tab of a desktop's width."""
    with chromium.tab() as tab:
        tab.resize(1280, 900)
        tab.go(page_file.as_uri())
        yield tab
