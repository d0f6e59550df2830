"""`dejavu verify` computes the headline again and names every number that the tables do not give."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.commands import recomputed_numbers
from dejavu.commands.recomputed_numbers import Recomputed
from tests.report.world import NO_CAPTIONS, build, report, target

pytestmark = pytest.mark.slow  # they share a report, which takes seconds

N = 200


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    rng = np.random.default_rng(0)
    rates = {"vicreg": np.where(np.arange(N) < N // 2, 0.6, 0.2), "dino": 0.2, "classifier": 0.2}
    answers = {name: (rng.random(N) < rate, rng.random(N)) for name, rate in rates.items()}
    folder = tmp_path_factory.mktemp("project")
    world = build(
        folder / "data", n_target=N // 2, n_control=N // 2, answers=answers,
        targets=[target(second=None), target("dino", None)],
    )  # fmt: skip
    report(world, folder / "reports")
    return world


@pytest.fixture
def world(made):
    """Give a project whose files every test may change, and put them back."""
    root = made.data.parent
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    yield made
    for file, content in before.items():
        file.write_bytes(content)


def compared(world):
    found = Recomputed()
    reports = world.data.parent / "reports"
    recomputed_numbers.compare(world.data, reports, world.settings, NO_CAPTIONS, found)
    return found


def change(world, name, edit):
    path = world.data.parent / "reports" / name
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_the_report_of_a_run_says_what_its_tables_give(world):
    found = compared(world)
    assert found.differences == []
    assert found.n_numbers > N


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("vicreg.adjusted.value", 0.01, "is 0.01, computed again 0."),
        ("vicreg.adjusted.ci95", [0.0, 0.02], "is 0.0, computed again"),
        ("vicreg.adjusted.p_one_sided", 1e-300, "is 1e-300, computed again"),
        ("vicreg.verdict.text", "at most 1.0 points", 'is "at most 1.0 points", computed again "memorizes"'),
        ("dino.verdict", None, "is not there, computed again"),
        ("dino.list.n_listed", 7, "is 7, computed again"),
        ("dino.is_negative_control", True, "is true, computed again false"),
        ("swin", {"adjusted": {"value": 0.0}}, "computed again not there"),
    ],
)  # fmt: skip
def test_a_number_that_the_tables_do_not_give_is_named(world, path, value, told):
    def edit(results):
        *above, last = path.split(".")
        node = results["calibrated"]["image"]
        for name in above:
            node = node[name]
        node[last] = value

    change(world, "results.json", edit)
    found = compared(world).differences
    assert all(each.place == "numbers" for each in found)
    place = f"reports/results.json: calibrated.image.{path}"
    assert all(each.path.startswith(place) for each in found)
    assert any(told in each.what for each in found)


def test_a_forged_headline_is_named(world):
    change(world, "metrics.json", lambda metrics: metrics["vicreg"].update(excess_points_high=1.0))
    (found,) = compared(world).differences
    assert found.path == "reports/metrics.json: vicreg (image).excess_points_high"


def test_a_forged_list_is_named(world):
    path = world.data / "image" / "memorized_samples.parquet"
    rows = pq.read_table(path)
    flags = np.array(rows["is_listed"])
    flags[3] = not flags[3]
    place = rows.schema.get_field_index("is_listed")
    pq.write_table(rows.set_column(place, rows.schema.field(place), pa.array(flags)), path)
    found = [each for each in compared(world).differences if each.stage == "list_samples@image"]
    assert [each.what.partition(":")[0] for each in found] == [
        "is_listed of 1 rows, first dino, sample 3"
    ]


def test_forged_guesses_change_the_excess(world):
    (path,) = world.data.glob("image/predictions/knn/model=vicreg/**/*.parquet")
    rows = pq.read_table(path)
    place = rows.schema.get_field_index("is_correct")
    rows = rows.set_column(place, rows.schema.field(place), pa.array(np.zeros(N, dtype=bool)))
    pq.write_table(rows, path)
    found = {each.path for each in compared(world).differences}
    assert "reports/results.json: calibrated.image.vicreg.adjusted.value" in found


def test_a_last_digit_of_another_processor_is_no_difference(world):
    def edit(results):
        node = results["calibrated"]["image"]["vicreg"]["adjusted"]
        node["value"] += 1e-6
        node["p_one_sided"] *= 1.000001

    change(world, "results.json", edit)
    assert compared(world).differences == []


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"calibrated": 3}'])
def test_results_that_are_none_differ(world, content):
    (world.data.parent / "reports" / "results.json").write_text(content)
    assert compared(world).differences


def test_what_is_not_here_is_said(tmp_path):
    assert recomputed_numbers.verify(tmp_path, {}).reason == "there is no reports/results.json here"
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "results.json").write_text("{}")
    assert recomputed_numbers.verify(tmp_path, {}).reason == "there are no scores below data/ here"


def test_a_whole_run_is_right_and_other_parameters_are_named(small_run, tmp_path, monkeypatch):
    project = small_run.copy(tmp_path / "run")
    monkeypatch.chdir(project.folder)
    done = CliRunner().invoke(cli.app, ["verify", "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["differences"], told["not_recomputed"]) == (0, [], None)
    assert told["n_numbers"] > 100
    project.params["report"]["tolerance"] = 2.0
    project.save()
    done = CliRunner().invoke(cli.app, ["verify"])
    assert "params.yaml is not what the report was made with: report." in done.stdout


def test_a_look_at_images_that_are_not_here_is_left_alone(world):
    """The report saw mean colors; here are tables only."""

    def seen(results):
        check = results["calibrated"]["image"]["vicreg"]["control_check"]
        check["blind_baseline"] |= {"auroc": 0.9, "left_out": {}, "looked_at": ["mean color"]}
        check["reasons"] = ["told apart"]

    path = world.data.parent / "reports" / "results.json"
    results = json.loads(path.read_text())
    seen(results)
    path.write_text(json.dumps(results))
    assert compared(world).differences == []
