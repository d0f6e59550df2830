"""The crossover in the report, and the network that saw target and control alike."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest

from dejavu.statistics.crossover_rows import rows_of
from dejavu.tables.schemas import CROSSOVER, SPLITS
from tests.report.world import build, report, target


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Two models on 40 target and 40 control samples; the reference role has 30, known to the splits."""
    rng = np.random.default_rng(0)
    names = (
        "vicreg", "vicreg_second", "untrained", "untrained_backbone", "classifier", "naive_bayes@5",
    )  # fmt: skip
    rates = {"vicreg": np.repeat([0.9, 0.1], 40)}
    answers = {n: (rng.random(80) < rates.get(n, 0.2), rng.random(80)) for n in names}
    blank = dataclasses.replace(target("untrained", None), roles_seen=())
    other = dataclasses.replace(
        blank, name="untrained_backbone", layer="backbone", is_headline=False
    )
    world = build(
        tmp_path_factory.mktemp("world"), n_target=40, n_control=40, answers=answers,
        targets=[target(), blank, other], consensus_of=["classifier"],
    )  # fmt: skip
    image = world.data / "image"
    rows = SPLITS.read(image / "splits.parquet").to_pylist()
    rows += [{"sample_id": 100 + i, "role": "reference", "group_id": 100 + i} for i in range(30)]
    right = rng.random((70, 2)) < 0.5
    samples = pa.table(
        {
            "sample_id": [*range(40), *range(100, 130)],
            "role": ["target"] * 40 + ["reference"] * 30,
        }
    )
    values = tuple(right.T.astype(np.float64))
    measures = {"hard": values, "soft": tuple(3 * each for each in values)}
    table = rows_of("vicreg", "vicreg_second", samples, measures)
    CROSSOVER.write(table, image / "crossover.parquet", inputs={})
    from dejavu.tables.parquet import inputs_of

    inputs = inputs_of(image / "splits.parquet")
    SPLITS.write(
        pa.Table.from_pylist(rows, schema=SPLITS.schema), image / "splits.parquet", inputs=inputs
    )
    out = report(world, tmp_path_factory.mktemp("reports"))
    found = json.loads((out / "results.json").read_text())["calibrated"]["image"]
    return found, right, (out / "summary.md").read_text()


@pytest.mark.slow
def test_it_is_half_the_difference_of_the_differences(node):
    found, right, _ = node
    gap = right[:, 0].astype(float) - right[:, 1]
    crossed = found["vicreg"]["crossover"]
    assert crossed["value"] == pytest.approx((gap[:40].mean() - gap[40:].mean()) / 2, abs=1e-6)
    assert (crossed["n_target"], crossed["n_control"]) == (40, 30)
    assert found["vicreg"]["crossover_soft"]["value"] == pytest.approx(
        3 * crossed["value"], abs=3e-6
    )


@pytest.mark.slow
def test_a_network_without_second_model_says_why_it_has_none(node):
    found, _, _ = node
    assert found["untrained"]["crossover"] == {
        "value": None,
        "reason": "there is no second model of its recipe",
    }


@pytest.mark.slow
def test_a_negative_control_gets_numbers_and_no_word(node):
    found, _, summary = node
    assert found["vicreg"]["verdict"]["word"] == "memorizes"
    assert found["vicreg"]["roles_seen"] == ["target"]
    assert "verdict" not in found["untrained"]
    assert found["untrained"]["is_negative_control"]
    assert found["untrained"]["adjusted"]["value"] is not None
    assert "- **untrained: negative control.**" in summary
    assert found["untrained_backbone"]["is_negative_control"]
    assert summary.count("negative control.**") == 1  # its other layers are exploratory
    assert "- **untrained** (" not in summary  # no sentence says what it was trained on
