"""The list of memorized crops, against the same arithmetic in plain Python."""

import math

import numpy as np
import pytest

from dejavu.image import memorized
from dejavu.statistics.memorized_rows import ListInputs
from dejavu.tables import catalog, queries
from dejavu.tables.schemas import MEMORIZED_SAMPLES
from tests.report.world import build, target, write_list

N = 60


def slow(votes, labels, is_target):
    """z and p-values as docs/method.md writes them; 20 public images vote."""
    odds = [math.log((v + 0.5) / (20.5 - v)) for v in votes]
    mean = sum(odds) / len(odds)
    variance = sum((o - mean) ** 2 for o in odds) / len(odds)
    z = []
    for value, label in zip(odds, labels, strict=True):
        own = [o for o, other in zip(odds, labels, strict=True) if other == label]
        mu = (sum(own) + 5 * mean) / (len(own) + 5)
        spread = (sum((o - mu) ** 2 for o in own) + 10 * variance) / (len(own) + 10)
        z.append((value - mu) / math.sqrt(spread))
    control = [each for each, flag in zip(z, is_target, strict=True) if not flag]
    p = [(1 + sum(c >= each for c in control)) / (1 + len(control)) for each in z]
    return z, p


@pytest.fixture
def world(tmp_path):
    rng = np.random.default_rng(0)
    answers = {
        name: (rng.random(2 * N) < 0.3, rng.random(2 * N)) for name in ("vicreg", "classifier")
    }
    return build(tmp_path, n_target=N, n_control=N, answers=answers, n_labels=3)


def test_the_table_says_what_the_definition_says(world):
    rows = MEMORIZED_SAMPLES.read(world.data / "image/memorized_samples.parquet").to_pylist()
    assert len(rows) == 2 * N
    is_target = [row["role"] == "target" for row in rows]
    votes = [row["votes_for_truth"] for row in rows]
    assert set(votes) == {2, 18}
    assert {row["n_votes"] for row in rows} == {20}
    z, p = slow(votes, [i % 3 for i in range(2 * N)], is_target)
    assert [row["z"] for row in rows] == pytest.approx(z)
    for row, flag, expected in zip(rows, is_target, p, strict=True):
        if flag:
            assert row["p_value"] == pytest.approx(expected)
            assert row["is_listed"] == (row["q_value"] <= 0.1)
        else:
            assert (row["p_value"], row["q_value"], row["is_listed"]) == (None, None, False)


def test_it_is_a_view_and_its_counts_are_those_of_the_report(world):
    with catalog.connect(world.data) as opened:
        listed = opened.rows("FROM memorized_samples WHERE is_listed")
        counts = opened.rows(queries.text("memorized_counts"))
        named = opened.rows(queries.text("memorized_listed"))
    assert [(r["lane"], r["target"], r["n_target"], r["n_control"]) for r in counts] == [
        ("image", "vicreg", N, N)
    ]
    assert counts[0]["n_listed"] == len(listed) == len(named)


def test_the_level_is_a_parameter_and_storey_lengthens_the_list(tmp_path):
    rng = np.random.default_rng(1)
    is_target = np.arange(400) < 200
    correct = rng.random(400) < np.where(is_target, 0.9, 0.002)
    answers = {"vicreg": (correct, rng.random(400)), "classifier": (correct, rng.random(400))}
    world = build(
        tmp_path, n_target=200, n_control=200, answers=answers, targets=[target(second=None)]
    )
    path = world.data / "image/memorized_samples.parquet"
    counts = {}
    for share, storey in ((0.004, False), (0.1, False), (0.1, True)):
        memorized.write(
            settings=memorized.ImageListSettings(
                share=share, storey=storey, targets=world.settings.targets
            ),
            inputs=ListInputs(attacked=world.data / "image/predictions"), out=path,
        )  # fmt: skip
        rows = MEMORIZED_SAMPLES.read(path).to_pylist()
        counts[share, storey] = sum(row["is_listed"] for row in rows)
        q = [row["q_value"] for row in rows if row["q_value"] is not None]
        assert counts[share, storey] == sum(each <= share for each in q)
    assert counts[0.004, False] == 0
    assert 150 < counts[0.1, False] <= counts[0.1, True]


def test_without_control_nothing_is_listed(tmp_path):
    answers = {name: ([True] * 8, [0.5] * 8) for name in ("vicreg", "classifier")}
    world = build(tmp_path, n_target=8, n_control=0, answers=answers, with_scores=False)
    write_list(world)
    assert MEMORIZED_SAMPLES.read(world.data / "image/memorized_samples.parquet").num_rows == 0


def test_without_a_model_the_list_is_empty(tmp_path):
    (tmp_path / "knn").mkdir()
    settings = memorized.ImageListSettings(share=0.1, storey=False, targets=[])
    inputs = ListInputs(attacked=tmp_path / "knn")
    memorized.write(settings=settings, inputs=inputs, out=tmp_path / "list.parquet")
    assert MEMORIZED_SAMPLES.read(tmp_path / "list.parquet").num_rows == 0
