"""Pages of results: their tables are those of the committed rows, and their prose says no other number."""

import csv
import re

import numpy as np
import pytest

from benchmarks import depth, draws_of_roles, validity_page
from scripts import draw_sweeps, photograph_tables, seed_tables
from tests.paths import ROOT

RESULTS = ROOT / "docs/results"
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?!\.?\d)")
# What stands in no table of its page, and why it may.
ELSEWHERE = {
    "calibration": {"0.53", "0.16", "0.90", "0.82"},  # of one run; what was said before
    "cifar10": {
        "24.9",
        "25.5",
        "0.501",
        "0.490",
        "0.513",
    },  # of an earlier run with other settings, told once
    "depth": {"6.4"},  # of the caption lane of the same run
    "efficientnet-lite": {
        "6.3",
        "1.2",
        "11.6",
        "5.0",
        "0.3",
        "10.0",
        "1.3",
        "2.14",
    },  # the second draw of roles
    "hostile-inputs": {"1.1"},  # the version of an attack's paper
    "mitigations": {"0.0001", "4.3"},  # a setting of the base, and a quantile
    "rehearsal": {"0.5", "4.8"},  # a load, and what the folder takes
    "speed": {
        "0.4",
        "0.7",
        "1.4",
        "1.8",
        "3.0",
        "4.2",
        "2.4",
        "4.1",
        "8.6",
        "81.5",
        "82.9",
        "150.1",
    },  # goals, single runs told in a sentence, loads
    "sweeps": {
        "1.5",
        "0.19",
        "0.07",
        "0.30",
        "0.09",
        "0.02",
        "0.15",
        "0.12",
        "0.03",
    },  # a mean, the soft measure, ratios
    "tiny-imagenet": {
        "0.2",
        "6.4",
        "2.0",
        "10.8",
    },  # how far folds move a number; what was said before
    "validity": {"92.9", "93.3"},  # of 4,000 further worlds
}
# Answers of the default run, which are held to reports/results.json by tests/docs/test_readme.py.
OF_THE_RUN = {"estimation"}


@pytest.mark.parametrize("page", sorted(path.stem for path in RESULTS.glob("*.md")))
def test_decimals_of_the_prose_stand_in_a_table_of_the_page(page):
    text = (RESULTS / f"{page}.md").read_text(encoding="utf-8")
    lines = re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()
    shown = {each for line in lines if line.startswith("|") for each in DECIMAL.findall(line)}
    if page in OF_THE_RUN:
        shown |= set(DECIMAL.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    for block in re.findall(r"<!-- made by:.*?<!-- /made -->", text, re.DOTALL):
        shown |= set(DECIMAL.findall(block))
    prose = "\n".join(line for line in lines if not line.startswith("|"))
    said = set(DECIMAL.findall(re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose)))
    known = ELSEWHERE.get(page, set())
    assert said - shown - known == set()
    assert known - said == set(), "no longer said"


def rows_of(name):
    with (RESULTS / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("page", "block", "made"),
    [
        ("calibration", "estimators", lambda: seed_tables.estimators(rows_of("seeds.csv"))),
        ("calibration", "seeds", lambda: seed_tables.between_seeds(rows_of("seeds.csv"))),
        ("sweeps", "sweeps", lambda: draw_sweeps.table(RESULTS / "sweeps")),
        ("sweeps", "law", lambda: draw_sweeps.law(RESULTS / "sweeps")),
        ("tiny-imagenet", "models", lambda: photograph_tables.models(rows_of("tiny-imagenet.csv"))),
        ("tiny-imagenet", "recovered", lambda: photograph_tables.recovered(rows_of("tiny-imagenet.csv"))),
        ("tiny-imagenet", "draws", lambda: draws_of_roles.lines(rows_of("tiny-imagenet-draws.csv"))),
        ("depth", "depth", lambda: depth.lines(rows_of("depth.csv"))),
        ("validity", "coverage", lambda: validity_page.coverage_table(rows_of("validity/coverage.csv"))),
        ("validity", "decisions", lambda: validity_page.decision_table(rows_of("validity/decisions.csv"))),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
def test_a_block_is_what_its_rows_make(page, block, made):
    text = (RESULTS / f"{page}.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- made by: {block} -->\n(.*?)<!-- /made -->", text, re.DOTALL)
    assert found[1].splitlines() == list(made())


def test_bias_and_noise_of_tests_are_told_apart():
    rng = np.random.default_rng(0)
    n_seeds = 400
    truth = rng.normal(size=n_seeds)
    tests = {
        (str(place),): np.column_stack(
            [truth + bias + rng.normal(0, 0.5, n_seeds), truth, truth, truth]
        )
        for place, bias in enumerate((2.0, -2.0))
    }
    mean, half, rms, bias, noise = seed_tables.distances(tests)
    assert mean == pytest.approx(0, abs=0.1)
    assert half == pytest.approx(1.97 * 0.5 / np.sqrt(2 * n_seeds), rel=0.1)
    assert (bias, noise) == (pytest.approx(2, abs=0.05), pytest.approx(0.5, abs=0.05))
    assert rms == pytest.approx(np.hypot(bias, noise), rel=0.01)


def test_noise_alone_is_no_bias():
    rng = np.random.default_rng(1)
    tests = {
        (str(place),): np.column_stack([rng.normal(size=8), *np.zeros((3, 8))])
        for place in range(200)
    }
    _, _, rms, bias, noise = seed_tables.distances(tests)
    assert bias < 0.25
    assert (rms, noise) == (pytest.approx(1, abs=0.1), pytest.approx(1, abs=0.1))
