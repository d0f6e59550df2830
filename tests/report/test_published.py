"""results.json has a published shape: a JSON Schema, a version, units, and one typed reader."""

import fnmatch
import json

import jsonschema
import numpy as np
import pytest

from dejavu.errors import ArtifactError
from dejavu.report import published
from scripts import describe_results
from tests.paths import ROOT
from tests.report.world import build, report

N = 120


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    rng = np.random.default_rng(0)
    answers = {name: (rng.random(N) < 0.4, rng.random(N)) for name in ("vicreg", "classifier")}
    world = build(
        tmp_path_factory.mktemp("world"), n_target=70, n_control=50, answers=answers, resamples=20
    )
    return report(world, tmp_path_factory.mktemp("reports"))


def require_published(found):
    schema = json.loads((ROOT / "docs/results.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(found)


def test_the_published_schema_is_that_of_the_code():
    assert (ROOT / "docs/results.schema.json").read_text(
        encoding="utf-8"
    ) == describe_results.text()


@pytest.mark.slow
def test_a_report_keeps_to_the_schema_and_says_its_version(reports):
    found = json.loads((reports / "results.json").read_text())
    require_published(found)
    assert found["about"]["schema_version"] == published.SCHEMA_VERSION


@pytest.mark.slow
def test_a_run_of_both_lanes_keeps_to_the_schema(small_run):
    found = json.loads(small_run.read("reports/results.json"))
    require_published(found)
    lanes = {lane for lane, _ in published.read(small_run.folder / "reports").decided()}
    assert lanes == {"image", "caption"}


@pytest.mark.slow
def test_the_schema_refuses_what_is_not_of_its_version(reports):
    found = json.loads((reports / "results.json").read_text())
    found["calibrated"]["image"]["vicreg"]["verdict"]["word"] = "guilty"
    with pytest.raises(jsonschema.ValidationError, match="guilty"):
        require_published(found)
    del found["calibrated"]
    with pytest.raises(jsonschema.ValidationError, match="calibrated"):
        require_published(found)


@pytest.mark.slow
def test_the_reader_gives_what_the_report_says(reports):
    found = published.read(reports).decided()["image", "vicreg"]
    told = json.loads((reports / "results.json").read_text())["calibrated"]["image"]["vicreg"]
    assert found.adjusted.value == told["adjusted"]["value"]
    assert found.verdict.text == told["verdict"]["text"]
    assert found.samples_listed.n_listed == told["list"]["n_listed"]


@pytest.mark.slow
def test_units_name_every_number_that_is_no_share(reports):
    def numbers(node, name=""):
        if isinstance(node, dict):
            for key, value in node.items():
                yield from numbers(value, key)
        elif isinstance(node, float) and not -1 <= node <= 1:
            yield name, node

    found = json.loads((reports / "results.json").read_text())
    units = list(found["about"]["units"])
    for name, value in numbers(found["image"]):
        unit = next(pattern for pattern in units if fnmatch.fnmatch(name, pattern))
        assert unit != "*", (name, value)


@pytest.mark.slow
def test_results_of_another_version_are_named(reports, tmp_path):
    found = json.loads((reports / "results.json").read_text())
    found["about"]["schema_version"] = 2
    (tmp_path / "results.json").write_text(json.dumps(found))
    with pytest.raises(ArtifactError, match=r"about\.schema_version.*dvc repro"):
        published.read(tmp_path)
