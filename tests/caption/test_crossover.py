"""The crossover of the caption lane, and the reference role beside control, from scored captions."""

import dataclasses

import pytest

from dejavu.caption import annotate, crossover, memorized
from dejavu.caption.comparisons import trained_pairs
from dejavu.params.report import CaptionHeadline
from dejavu.statistics.crossover_rows import CrossoverInputs
from dejavu.statistics.memorized_rows import ListInputs
from dejavu.tables.schemas import CAPTION_SCORES, CROSSOVER, MEMORIZED_SAMPLES
from tests.caption import world
from tests.caption.test_caption_score import score

HEADLINE = CaptionHeadline(target="clip", mode="t2i", k=2, top="all")


@pytest.fixture
def scored(tmp_path):
    """Scores of the attacked roles, and of the reference role: samples that were control before."""
    tables, objects, roles, neighbors = world.random(tmp_path / "all", seed=3)
    rows, _ = score(tables, tmp_path / "all")
    held = [i for i, role in enumerate(roles) if role == "control"][::2]
    own = {
        key: {i: ids for i, ids in found.items() if i not in held}
        for key, found in neighbors.items()
    }
    other = {key: {i: found[i] for i in held} for key, found in neighbors.items()}
    roles = ["reference" if i in held else role for i, role in enumerate(roles)]
    settings = world.settings(references=("second_model",))
    for name, found in (("own", own), ("reference_role", other)):
        made = world.write(tmp_path / name, objects, roles, found)
        shared = tables if name == "own" else made
        score(dataclasses.replace(made, samples=shared.samples), tmp_path / name, settings)
    return tmp_path, rows, set(held)


def write(folder):
    crossover.write(
        settings=crossover.CaptionCrossoverSettings(models=world.models(), headline=HEADLINE),
        inputs=CrossoverInputs(
            attacked=folder / "own/scores.parquet",
            reference_role=folder / "reference_role/scores.parquet",
        ),
        out=folder / "crossover.parquet",
    )  # fmt: skip
    return CROSSOVER.read(folder / "crossover.parquet").to_pylist()


def test_both_models_stand_side_by_side_on_both_roles(scored):
    folder, rows, held = scored
    known = {
        row["sample_id"]: row for row in rows
        if (row["reference"], row["k"], row["top"]) == ("second_model", 2, None)
    }  # fmt: skip
    wanted = [i for i in known if known[i]["role"] == "target" or i in held]
    found = write(folder)
    for measure in ("precision", "recall"):
        own = [row for row in found if row["measure"] == measure]
        assert sorted(row["sample_id"] for row in own) == sorted(wanted)
        for row in own:
            sample = known[row["sample_id"]]
            assert row["role"] == ("reference" if row["sample_id"] in held else "target")
            assert row["target_value"] == sample[f"target_{measure}"]
            assert row["second_value"] == sample[f"reference_{measure}"]


def test_without_scored_samples_of_the_reference_role_there_is_none(scored):
    folder, *_ = scored
    nothing = CAPTION_SCORES.schema.empty_table()
    CAPTION_SCORES.write(nothing, folder / "reference_role/scores.parquet", inputs={})
    assert write(folder) == []


def test_the_reference_role_joins_control_in_the_list(scored):
    folder, _, held = scored
    memorized.write(
        settings=memorized.CaptionListSettings(
            share=0.1, storey=False, models=world.models(), headline=HEADLINE
        ),
        inputs=ListInputs(
            attacked=folder / "own/scores.parquet",
            reference_role=folder / "reference_role/scores.parquet",
        ),
        out=folder / "listed.parquet",
    )  # fmt: skip
    rows = MEMORIZED_SAMPLES.read(folder / "listed.parquet").to_pylist()
    others = [row["z"] for row in rows if row["role"] != "target"]
    assert {row["sample_id"] for row in rows if row["role"] == "reference"} == {
        i for i in held if i in {row["sample_id"] for row in rows}
    }
    assert any(row["role"] == "reference" for row in rows)
    for row in rows:
        if row["role"] == "target":
            above = sum(z >= row["z"] for z in others)
            assert row["p_value"] == pytest.approx((1 + above) / (1 + len(others)))


def test_only_pairs_that_are_trained_here_attack_it():
    models = world.models()
    assert set(trained_pairs(models)) == {"clip", "second"}
    alone = models | {"clip": models["clip"].model_copy(update={"second_model": None})}
    assert trained_pairs(alone) == {}


def test_the_reference_role_need_not_be_annotated(tmp_path):
    import duckdb

    with duckdb.connect() as database:
        database.execute(
            "CREATE VIEW wanted AS SELECT * FROM (VALUES (1, 'a', 'target'), (2, 'b', 'reference')) "
            "AS t(sample_id, sample_name, role)"
        )
        database.execute("CREATE VIEW annotated AS SELECT 1 AS sample_id")
        missing, notes = annotate.unannotated(database, allow_missing=False, limit=0.0)
    assert missing.num_rows == 0
    assert notes == {}
