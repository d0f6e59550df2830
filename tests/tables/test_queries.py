import importlib.resources
import re

import numpy as np
import pytest

from dejavu.errors import ParamsError
from dejavu.report import paper
from dejavu.tables import catalog, queries
from tests.report.world import build, target

YES, NO = True, False
IMAGE_QUERIES = [name for name in queries.names() if name.startswith("image_")]


@pytest.mark.parametrize("name", queries.names())
def test_every_query_orders_its_rows_and_says_what_it_tells(name):
    sql = re.sub(r"--.*", "", queries.text(name))
    assert "ORDER BY" in sql.rsplit("FROM", 1)[1]
    assert len(queries.about(name)) > 20
    assert "->" not in sql  # DuckDB 2 refuses arrow lambdas


@pytest.mark.parametrize("name", queries.names())
def test_every_query_opens_with_what_it_feeds(name):
    fed = queries.feeds(name)
    assert re.search(r"Figures? \d|Tables? \d|results\.json|tables/|page|summary|dejavu sql", fed)
    for figure in re.findall(r"Figures? (\d+[ab]?)", fed):
        assert any(re.match(rf"Figure {figure}\b", title) for title, _ in paper.SHOWS.values())


def test_queries_are_packaged_with_the_library():
    files = (importlib.resources.files("dejavu") / "sql").iterdir()
    assert sorted(file.name.removesuffix(".sql") for file in files) == queries.names()


def test_an_unknown_query_gets_a_suggestion():
    with pytest.raises(ParamsError, match=r"Did you mean 'image_planted'\?"):
        queries.text("image_plante")


@pytest.fixture(scope="module", params=[True, False], ids=["sandboxed", "trusted"])
def opened(request, tmp_path_factory):
    """Four target samples (two planted) and four control samples, labels 0 0 1 1 0 0 1 1."""
    answers = {
        "vicreg": ([YES, YES, YES, NO, YES, NO, NO, NO], [0.1, 0.2, 0.3, 0.0, 0.1, 0.2, 0.3, 0.4]),
        "vicreg_second": ([YES, NO, NO, NO, NO, NO, YES, NO], [0.5, 0.9, 0.4, 0.1, 0.6, 0, 0.1, 0]),
        "dino": ([NO] * 8, [0] * 8),
        "dino_second": ([YES, YES, NO, NO, NO, NO, NO, NO], [0] * 8),
        "classifier": ([NO, YES, NO, YES, NO, YES, NO, YES], [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]),
    }
    world = build(
        tmp_path_factory.mktemp("world"), n_target=4, n_control=4, answers=answers,
        targets=[target(), target("dino", "dino_second")], label_ids=[0, 0, 1, 1, 0, 0, 1, 1],
        planted=np.array([1, 0, 1, 0, 1, 1, 1, 1]), at_percent=(50, 1),
        references=["second_model", "classifier"],
    )  # fmt: skip
    with catalog.connect(
        world.data, settings=world.settings.tables(), sandboxed=request.param
    ) as found:
        yield found


def run(opened, name, *columns, **where):
    rows = opened.rows(queries.text(name))
    return [
        tuple(row[column] for column in columns)
        for row in rows
        if all(row[key] == value for key, value in where.items())
    ]


@pytest.mark.parametrize("name", IMAGE_QUERIES)
@pytest.mark.slow
def test_every_image_query_runs(opened, name):
    named = {"target": "vicreg", "predictor": "vicreg", "reference": "second_model"}
    text = queries.text(name)
    opened.table(text, {key: value for key, value in named.items() if f"${key}" in text})


def test_score_counts(opened):
    columns = (
        "role",
        "n",
        "n_target_correct",
        "n_reference_correct",
        "n_memorized",
        "n_reference_only",
    )
    assert run(
        opened, "image_score_counts", *columns, target="vicreg", reference="second_model"
    ) == [
        ("control", 4, 1, 1, 1, 1),
        ("target", 4, 3, 1, 2, 0),
    ]


def test_scores_at_percent(opened):
    # surest half of the target: samples 3 (wrong) and 0 (right); the second model is surest about
    # samples 3 (wrong) and 2 (wrong), and right on sample 0
    columns = (
        "percent",
        "n_top",
        "n_target_correct",
        "n_reference_correct_own",
        "n_reference_correct_paired",
    )
    where = {"target": "vicreg", "reference": "second_model", "role": "target"}
    assert run(opened, "image_scores_at_percent", *columns, **where) == [
        (1, 1, 0, 0, 0),
        (50, 2, 1, 0, 1),
    ]
    # the classifier is equally sure about all: ties go to samples 0 (wrong) and 1 (right)
    where["reference"] = "classifier"
    assert run(opened, "image_scores_at_percent", *columns, **where)[1] == (50, 2, 1, 1, 1)


def test_detection(opened):
    # memorized: target 1 (0.7) and 2 (0.1), control 4 (0.5); 1 % and 5 % of four control samples: none
    columns = ("percent", "cut", "n_target_above", "n_control_above")
    found = run(opened, "image_detection", *columns, target="vicreg", reference="second_model")
    assert found == [(1, 0.5, 1, 0), (5, 0.5, 1, 0)]
    # dino is never right: nobody is on the list and no cut is needed
    found = run(opened, "image_detection", *columns, target="dino", reference="second_model")
    assert found == [(1, None, 0, 0), (5, None, 0, 0)]


def test_planted(opened):
    # confidences of planted 0 and 2: 0.4, 0.1; of others 1 and 3: 0.7, 0.1: one win, one tie of four
    columns = ("n_planted", "n_other", "n_planted_memorized", "n_other_memorized", "auroc")
    found = run(opened, "image_planted", *columns, target="vicreg", reference="second_model")
    assert found == [(2, 2, 1, 1, 1.5 / 4)]


def test_accuracy(opened):
    found = run(opened, "image_accuracy", "predictor", "role", "n_correct", "accuracy", "is_target")
    assert found[:2] == [("dino", "target", 0, 0.0, True), ("dino", "control", 0, 0.0, True)]
    assert ("classifier", "control", 2, 0.5, False) in found


def test_labels_with_most_correlations(opened):
    found = run(
        opened, "image_correlations_by_class", "reference", "place", "label", "n", "n_correct"
    )
    assert found[:2] == [("classifier", 1, "label 0", 2, 1), ("classifier", 2, "label 1", 2, 1)]
    assert found[2] == ("dino_second", 1, "label 0", 2, 2)


def test_agreement(opened):
    columns = ("first", "second", "n_both_right", "n_either_right", "n_agree", "overlap")
    assert run(opened, "image_agreement", *columns) == [
        ("classifier", "dino_second", 1, 3, 2, 1 / 3),
        ("classifier", "vicreg_second", 0, 3, 1, 0.0),
        ("dino_second", "vicreg_second", 1, 2, 3, 0.5),
    ]


def test_intersection(opened):
    # both second models are right on sample 0 only, the classifier is wrong there
    columns = ("reference", "scope", "n_intersection", "n_recovered", "share")
    assert run(opened, "image_intersection", *columns) == [
        ("classifier", scope, 1, 0, 0.0) for scope in ("all", "top-20", "top-5", "top-1")
    ]


def test_most_memorized(opened):
    columns = ("place", "sample_name", "label", "memorization_confidence", "is_planted")
    found = run(opened, "image_most_memorized", *columns, target="vicreg", reference="second_model")
    assert found == [
        (1, "image-00001", "label 0", 0.7, False),
        (2, "image-00002", "label 1", 0.1, True),
    ]


def test_what_was_used(opened):
    assert run(opened, "image_dropped", "step", "role", "reason", "n") == [
        ("split", "control", "kept", 4), ("split", "target", "kept", 4),
        ("crop", "control", "kept", 4), ("crop", "target", "kept", 4),
    ]  # fmt: skip


def test_balance(opened):
    assert run(opened, "image_label_balance", "label_id", "n_target", "n_control") == [
        (0, 2, 2),
        (1, 2, 2),
    ]
    areas = run(opened, "image_crop_areas", "role", "sample_id", "area_px")
    assert areas[0] == ("control", 4, 24 * 20)
    assert areas[4] == ("target", 0, 20 * 20)
