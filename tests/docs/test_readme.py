"""The numbers of README.md, of the method and of its results page are those of the committed run."""

import json

from dejavu.report import published
from scripts import readme_numbers
from tests.paths import ROOT


def test_the_table_is_that_of_the_run():
    readme = readme_numbers.README.read_text(encoding="utf-8")
    assert readme_numbers.BETWEEN.search(readme), "README.md has lost its table of numbers"
    fresh = readme_numbers.text(readme, readme_numbers.REPORTS, readme_numbers.caption_headline())
    assert readme == fresh, "run `python -m scripts.readme_numbers`"


def test_a_word_that_its_interval_does_not_show_is_explained(tmp_path):
    raw = json.loads((readme_numbers.REPORTS / "results.json").read_text(encoding="utf-8"))
    nodes = raw["calibrated"]["image"]
    for low, alarm in ((-0.001, "no false alarm"), (0.001, "a false alarm")):
        nodes["dino"]["adjusted"]["ci95"][0] = low
        nodes["untrained"]["adjusted"]["ci95"][0] = low
        (tmp_path / "results.json").write_text(json.dumps(raw))
        said = "".join(readme_numbers.around(tmp_path))
        assert f"points, {alarm}." in said
        assert ("The interval of dino holds 0" in said) == (low < 0)


def test_the_five_line_sum_is_that_of_the_run():
    page = readme_numbers.METHOD.read_text(encoding="utf-8")
    assert readme_numbers.BETWEEN.search(page), "docs/method.md has lost its five-line sum"
    assert page.index("| word |") > page.index("<!-- /numbers -->"), (
        "the sum comes before any table"
    )
    assert page == readme_numbers.method(page, readme_numbers.REPORTS), (
        "run `python -m scripts.readme_numbers`"
    )


def test_the_answers_of_the_estimation_page_are_those_of_the_run():
    page = (ROOT / "docs/results/estimation.md").read_text(encoding="utf-8")
    decided = published.read(readme_numbers.REPORTS).decided()
    assert decided
    for (_, name), model in decided.items():
        assert f"- **{name}: {model.verdict.text}.**" in page
        interval = readme_numbers.points(model.adjusted.value, model.adjusted.ci95)
        assert f"has an adjusted excess of {interval} percentage points" in page, (
            f"{name}: run `python -m benchmarks.estimation_page data params.yaml docs/results/estimation.md`"
        )
