"""A run of many models: the report is made in its memory, and its charts stay readable."""

import re

import numpy as np
import pytest

from dejavu.report.gallery import image as gallery
from dejavu.report.image.table_records import Agreement
from dejavu.report.make import tables_of
from dejavu.report.page import image_references
from tests.report.page import browser
from tests.report.world import NO_CAPTIONS, build, report, target

MODELS = tuple(f"model_{place:02}" for place in range(40))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    rng, n = np.random.default_rng(0), 20
    names = [*MODELS, *(f"{name}_second" for name in MODELS), "classifier"]
    return build(
        tmp_path_factory.mktemp("many"), n_target=n, n_control=n, resamples=10, knows_truth=False,
        answers={name: (rng.random(2 * n) < 0.3, rng.random(2 * n)) for name in names},
        targets=[target(name, f"{name}_second") for name in MODELS],
        references=("second_model", "classifier"),
    )  # fmt: skip


def test_memory_for_the_galleries_does_not_grow_with_the_number_of_files(many):
    with tables_of(many.data, many.settings, NO_CAPTIONS) as (opened, _, _):
        opened.connection.execute("SET threads = 1")
        opened.connection.execute("SET memory_limit = '100MB'")  # one file per network: 80 of them
        found = gallery.gather(opened, many.settings)
    assert {card.by for card in found.cards} == set(MODELS)


def test_figure_3a_draws_as_many_references_as_it_can_name():
    others = ["classifier", "naive_bayes@1", "naive_bayes@5"]
    names = [*(f"{name}_second" for name in MODELS), *others]
    rows = [
        Agreement(
            first=first, second=second, n=9, n_both_right=1, n_either_right=2, n_agree=8,
            overlap=0.5, agreement=8 / 9,
        )
        for place, first in enumerate(names)
        for second in names[place + 1 :]
    ]  # fmt: skip
    heads = [target(name, f"{name}_second") for name in MODELS]
    (figure,) = image_references.figure_3a(rows, heads).figures
    assert "24 of 43; all of them in tables/image_agreement.csv" in figure.title
    assert len(figure.grid.rows) == 24 * 23 / 2
    assert {"classifier", "NB@1", "NB@5"} <= {row[1].text for row in figure.grid.rows}
    (few,) = image_references.figure_3a(rows[:3], heads).figures
    assert few.title == "Overlap of right guesses, %"


@pytest.fixture(scope="module")
def chromium():
    with browser.started() as found:
        yield found


@pytest.fixture(scope="module")
def page(many, tmp_path_factory):
    return report(many, tmp_path_factory.mktemp("reports")) / "index.html"


@pytest.mark.slow
def test_a_page_of_many_models_shows_a_table_and_the_first_of_each_kind_of_figure(page):
    html = page.read_text(encoding="utf-8")
    answer = html[html.index('<section id="answer"') : html.index('<section id="calibration"')]
    assert '<div class="overview">' in answer
    assert "Each of the 40 models in words" in answer
    assert "24 of 40; all of them in the table above" in answer
    assert html.count("32 more figures") == 3  # every test, Figure 5, Figure 7
    one_chart = re.findall(r'<div class="chart-static"><svg [^>]*height="(\d+)"', html)
    assert max(map(int, one_chart)) < 3000


@pytest.mark.slow
def test_a_page_of_many_models_is_short_until_it_is_opened(page, chromium):
    with chromium.tab() as tab:
        tab.resize(1400, 900)
        tab.go(page.as_uri())
        short = tab.value("document.documentElement.scrollHeight")
        tab.value("for (const each of document.querySelectorAll('details.more')) each.open = true")
        assert short < tab.value("document.documentElement.scrollHeight") / 2
