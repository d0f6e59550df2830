"""Other measures in the report, and the stage that takes them in the image lane, by hand."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest

from dejavu.image.measure import MeasureInputs, MeasureSettings, measure
from dejavu.statistics.intervals import clopper_pearson
from dejavu.statistics.measure_rows import rows_of
from dejavu.tables.schemas import EMBEDDINGS, MEASURES, NEIGHBORS
from tests.report.world import build, report, target

N = 150


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """150 target and 150 control samples with two measures; the norm is 2 higher on target."""
    rng = np.random.default_rng(0)
    names = ("vicreg", "vicreg_second", "classifier", "naive_bayes@5")
    answers = {name: (rng.random(2 * N) < 0.4, rng.random(2 * N)) for name in names}
    world = build(tmp_path_factory.mktemp("world"), n_target=N, n_control=N, answers=answers)
    values = {
        "embedding_norm": rng.normal(size=2 * N) + np.repeat([2.0, 0.0], N),
        "kernel_vote": (rng.random(2 * N) < 0.5).astype(float),
    }
    roles = pa.array(["target"] * N + ["control"] * N)
    rows = rows_of("vicreg", np.arange(2 * N), roles, values)
    MEASURES.write(rows, world.data / "image/measures.parquet", inputs={})
    out = report(world, tmp_path_factory.mktemp("reports"))
    found = json.loads((out / "results.json").read_text())["calibrated"]["image"]["vicreg"]
    return found["measures"], values, (out / "index.html").read_text()


@pytest.mark.slow
def test_means_gap_and_adjusted_excess_stand_in_the_measures_unit(reported):
    found, values, _ = reported
    norm = values["embedding_norm"]
    each = found["embedding_norm"]
    assert each["measure_mean_target"] == pytest.approx(norm[:N].mean(), abs=1e-6)
    assert each["measure_mean_control"] == pytest.approx(norm[N:].mean(), abs=1e-6)
    assert each["measure_gap"]["value"] == pytest.approx(
        norm[:N].mean() - norm[N:].mean(), abs=1e-6
    )
    assert each["measure_adjusted"]["value"] == pytest.approx(2.0, abs=0.3)
    assert found["kernel_vote"]["unit"] == "share"


@pytest.mark.slow
def test_members_are_counted_where_control_is_large_enough_for_the_cut(reported):
    found, values, _ = reported
    norm = values["embedding_norm"]
    cut = np.sort(norm[N:])[-2]  # one of 150 may pass at 1 %
    n_above = int((norm[:N] > cut).sum())
    each = found["embedding_norm"]
    assert each["tpr_at_fpr_1"] == pytest.approx(n_above / N, abs=1e-6)
    assert each["tpr_at_fpr_1_ci95"] == pytest.approx(clopper_pearson(n_above, N), abs=1e-6)
    assert each["tpr_at_fpr_0.1"] is None
    assert each["tpr_at_fpr_0.1_reason"] == "a cut at 0.1 % needs 1,000 control samples, found 150"
    assert "right or wrong" in found["kernel_vote"]["tpr_at_fpr_1_reason"]


@pytest.mark.slow
def test_the_page_shows_them_as_exploratory(reported):
    _, _, page = reported
    assert "Other measures (exploratory)" in page
    assert "embedding norm" in page


def test_the_stage_measures_each_layer_once_where_the_metric_does_not_matter(tmp_path):
    answers = {name: ([True] * 6, [0.5] * 6) for name in ("vicreg", "classifier")}
    build(tmp_path, n_target=3, n_control=3, answers=answers, n_labels=2)
    image = tmp_path / "image"
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 4)).astype(np.float32)
    cells = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 4)
    rows = pa.table({"sample_id": range(6), "embedding": cells})
    for view in ("crop", "public_image"):
        place = image / f"embeddings/model=vicreg/layer=projector/view={view}/part-00000.parquet"
        EMBEDDINGS.write(rows, place, inputs={})
    near = {"sample_id": range(6), "neighbor_ids": [[1, 2]] * 6, "similarities": [[-1.0, -4.0]] * 6}
    for metric in ("cosine", "l2"):
        place = image / f"neighbors/model=vicreg/layer=projector/metric={metric}/part-00000.parquet"
        NEIGHBORS.write(pa.table(near, schema=NEIGHBORS.schema), place, inputs={})
    first = dataclasses.replace(target(), metric="cosine")
    measure(
        settings=MeasureSettings(
            targets=[first, dataclasses.replace(first, name="vicreg_l2", metric="l2")],
            metrics=("cosine", "l2"), names=("kernel_vote", "embedding_norm", "nearest_public"),
            temperature=0.07,
        ),
        inputs=MeasureInputs(
            samples=image / "samples.parquet", splits=image / "splits.parquet",
            embeddings=image / "embeddings", neighbors=image / "neighbors",
        ),
        out=image / "measures.parquet",
    )  # fmt: skip
    found = MEASURES.read(image / "measures.parquet").to_pylist()
    taken = {(row["target"], row["measure"]) for row in found}
    assert taken == {
        ("vicreg", "kernel_vote"), ("vicreg", "embedding_norm"), ("vicreg", "nearest_public"),
        ("vicreg_l2", "kernel_vote"), ("vicreg_l2", "nearest_public"),
    }  # fmt: skip
    by = {(row["target"], row["measure"], row["sample_id"]): row for row in found}
    for i in range(6):
        norm = by["vicreg", "embedding_norm", i]
        assert norm["value"] == pytest.approx(np.linalg.norm(vectors[i].astype(float)))
        assert norm["role"] == ("target" if i < 3 else "control")
        assert by["vicreg_l2", "nearest_public", i]["value"] == 1.0
        # labels are 0, 1, 0, …: sample 1 is nearest and outweighs sample 2
        assert by["vicreg", "kernel_vote", i]["value"] == (i % 2 == 1)
