"""The attack on the reference role, and the table that puts both models side by side."""

import math

import numpy as np
import pyarrow as pa
import pytest

from dejavu.errors import ArtifactError
from dejavu.image import crossover, embed, memorized
from dejavu.image.embed import EmbedInputs, EmbedSettings
from dejavu.roles import is_paired
from dejavu.statistics.crossover_rows import CrossoverInputs
from dejavu.statistics.memorized_rows import ListInputs
from dejavu.tables.parquet import inputs_of
from dejavu.tables.schemas import (
    CROPS,
    CROSSOVER,
    EMBEDDINGS,
    MEMORIZED_SAMPLES,
    PREDICTIONS,
)
from tests.models.training.world import MACHINE, trained_model
from tests.report.world import build, prediction_rows


def attacked(trained, folder, entry):
    world, encoder = trained
    inputs = EmbedInputs(
        samples=world.samples, images=world.images, splits=world.splits, crops=world.crops,
        encoder=encoder,
    )  # fmt: skip
    settings = EmbedSettings(model="m", entry=entry, machine=MACHINE)
    embed.embed(settings=settings, inputs=inputs, out=folder)


def test_kept_crops_of_the_reference_role_are_embedded_like_all_others(trained, tmp_path):
    world, _ = trained
    attacked(trained, tmp_path, trained_model(second_model="m_second"))
    crops = CROPS.read(world.crops).to_pylist()
    wanted = [row["sample_id"] for row in crops if row["is_kept"] and row["role"] == "reference"]
    for layer in ("projector", "backbone"):
        queries = EMBEDDINGS.read(tmp_path / f"layer={layer}/view=reference_crop")
        assert queries["sample_id"].to_pylist() == sorted(wanted)


def test_only_a_pair_that_is_trained_here_attacks_it(trained, tmp_path):
    attacked(trained, tmp_path, trained_model())
    assert not list(tmp_path.rglob("view=reference_crop"))
    assert is_paired(trained_model(second_model="m_second"))
    assert is_paired(trained_model(trained_on="reference"))


@pytest.fixture
def pair(tmp_path):
    """Two models on 6 target and 4 control samples, and on 5 of the reference role."""
    rng = np.random.default_rng(0)
    answers = {name: (rng.random(10) < 0.5, rng.random(10)) for name in ("vicreg", "vicreg_second")}
    world = build(
        tmp_path, n_target=6, n_control=4, answers=answers | {"classifier": answers["vicreg"]}
    )
    files = sorted((world.data / "image/predictions").rglob("*.parquet"))
    for name in ("vicreg", "vicreg_second"):
        correct = rng.random(5) < 0.5
        rows = prediction_rows(name, ["reference"] * 5, [0, 1, 2, 3, 0], correct, rng.random(5), 4)
        place = rows.schema.get_field_index("sample_id")
        rows = rows.set_column(place, rows.schema.field(place), pa.array(range(100, 105)))
        path = world.data / f"image/reference_role/knn/model={name}/part-00000.parquet"
        PREDICTIONS.write(rows, path, inputs=inputs_of(files[0]))
    return world


def write(world):
    out = world.data / "image/crossover.parquet"
    crossover.write(
        settings=crossover.CrossoverSettings(targets=world.settings.targets),
        inputs=CrossoverInputs(
            attacked=world.data / "image/predictions", reference_role=world.data / "image/reference_role",
        ),
        out=out,
    )  # fmt: skip
    return CROSSOVER.read(out).to_pylist()


def test_both_models_stand_side_by_side_on_both_roles(pair):
    rows = write(pair)
    assert [row["role"] for row in rows] == 2 * (["target"] * 6 + ["reference"] * 5)
    assert [row["measure"] for row in rows] == ["hard"] * 11 + ["soft"] * 11
    guesses = {
        (row["predictor"], row["sample_id"]): row
        for path in (pair.data / "image").glob("*/**/*.parquet")
        if "vicreg" in str(path)
        for row in PREDICTIONS.read(path).to_pylist()
    }
    for row in rows:
        for side, name in (("target", "vicreg"), ("second", "vicreg_second")):
            known = guesses[name, row["sample_id"]]
            votes = round(20 * known["p_truth"])
            odds = math.log((votes + 0.5) / (20 - votes + 0.5))
            expected = known["is_correct"] if row["measure"] == "hard" else pytest.approx(odds)
            assert row[f"{side}_value"] == expected
        assert (row["target"], row["second_model"]) == ("vicreg", "vicreg_second")


def test_models_that_guess_for_different_samples_are_refused(pair):
    path = pair.data / "image/reference_role/knn/model=vicreg/part-00000.parquet"
    from dejavu.tables.parquet import inputs_of

    PREDICTIONS.write(PREDICTIONS.read(path).slice(1), path, inputs=inputs_of(path))
    with pytest.raises(ArtifactError, match="guess for different samples"):
        write(pair)


def test_the_reference_role_joins_control_in_the_list(pair):
    image = pair.data / "image"
    memorized.write(
        settings=memorized.ImageListSettings(
            share=0.1, storey=False, targets=pair.settings.targets
        ),
        inputs=ListInputs(attacked=image / "predictions", reference_role=image / "reference_role"),
        out=image / "memorized_samples.parquet",
    )  # fmt: skip
    rows = MEMORIZED_SAMPLES.read(image / "memorized_samples.parquet").to_pylist()
    assert [row["role"] for row in rows] == ["target"] * 6 + ["control"] * 4 + ["reference"] * 5
    z = np.array([row["z"] for row in rows])
    for row in rows[:6]:
        assert row["p_value"] == (1 + (z[6:] >= row["z"]).sum()) / 10
