import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import ArtifactError, ParamsError
from dejavu.image import score
from dejavu.tables import parquet
from dejavu.tables.schemas import IMAGE_SCORES, PREDICTIONS
from tests.report.world import build, comparisons, prediction_rows, target

YES, NO = True, False
FLAT = np.zeros(4)


def rows_of(world, target_name, reference):
    rows = IMAGE_SCORES.read(world.data / "image" / "scores.parquet").to_pylist()
    return [r for r in rows if (r["target"], r["reference"]) == (target_name, reference)]


def test_memorized_is_target_right_and_reference_wrong(tmp_path):
    world = build(
        tmp_path,
        n_target=3,
        n_control=1,
        answers={
            "vicreg": ([YES, YES, NO, NO], [0.1, 0.2, 0.3, 0.4]),
            "vicreg_second": ([YES, NO, YES, NO], [0.5, 0.1, 0.3, 0.9]),
        },
    )
    rows = rows_of(world, "vicreg", "second_model")
    assert [r["is_memorized"] for r in rows] == [False, True, False, False]
    assert [r["role"] for r in rows] == ["target"] * 3 + ["control"]
    assert [r["memorization_confidence"] for r in rows] == [0.4, -0.1, 0.0, 0.5]
    of = world.settings.targets[0]
    assert {(r["model"], r["layer"], r["metric"]) for r in rows} == {
        (of.model, of.layer, of.metric)
    }


def test_every_target_meets_every_reference_that_exists(tmp_path):
    names = ["vicreg", "vicreg_second", "released", "classifier", "naive_bayes@1", "naive_bayes@5"]
    world = build(
        tmp_path,
        n_target=2,
        n_control=2,
        answers=dict.fromkeys(names, (FLAT > 1, FLAT)),
        targets=[target(), target("released", None)],
        consensus_of=["classifier", "naive_bayes@5"],
    )
    found = {
        (r["target"], r["reference"])
        for r in IMAGE_SCORES.read(world.data / "image" / "scores.parquet").to_pylist()
    }
    common = {"classifier", "naive_bayes@1", "naive_bayes@5", "consensus"}  # no oracle here
    assert found == {("vicreg", r) for r in common | {"second_model"}} | {
        ("released", r) for r in common
    }


def test_each_target_has_its_own_guesses(tmp_path):
    world = build(
        tmp_path,
        n_target=3,
        n_control=1,
        answers={
            "vicreg": ([YES, NO, NO, YES], FLAT), "released": ([NO, YES, NO, NO], FLAT + 0.1),
            "classifier": ([NO] * 4, FLAT + 0.3), "naive_bayes@5": ([YES] * 4, FLAT + 0.4),
        },
        targets=[target(second=None), target("released", None)],
        references=["classifier", "naive_bayes"],
    )  # fmt: skip
    for name, expected in (("vicreg", [YES, NO, NO, YES]), ("released", [NO, YES, NO, NO])):
        for reference in ("classifier", "naive_bayes@5"):
            rows = rows_of(world, name, reference)
            assert [r["target_correct"] for r in rows] == expected


def test_consensus_is_right_if_any_member_is(tmp_path):
    world = build(
        tmp_path,
        n_target=4,
        n_control=0,
        answers={
            "vicreg": ([YES, YES, YES, NO], FLAT),
            "vicreg_second": ([NO, NO, NO, NO], FLAT),
            "classifier": ([YES, NO, NO, NO], FLAT + 0.2),
            "naive_bayes@5": ([NO, YES, NO, NO], FLAT + 0.4),
        },
        consensus_of=["classifier", "naive_bayes@5"],
    )
    rows = rows_of(world, "vicreg", "consensus")
    assert [r["is_memorized"] for r in rows] == [False, False, True, False]
    assert {r["reference_entropy"] for r in rows} == {0.3}


def test_consensus_can_include_the_second_model_of_each_target(tmp_path):
    world = build(
        tmp_path,
        n_target=2,
        n_control=2,
        answers={
            "vicreg": ([YES] * 4, FLAT), "vicreg_second": ([YES, NO, NO, NO], FLAT),
            "classifier": ([NO, YES, NO, NO], FLAT),
        },
        consensus_of=["classifier", "second_model"],
    )  # fmt: skip
    rows = rows_of(world, "vicreg", "consensus")
    assert [r["reference_correct"] for r in rows] == [True, True, False, False]


def test_scores_say_what_they_were_made_from(tmp_path):
    answers = {"vicreg": (FLAT > 1, FLAT), "classifier": (FLAT > 1, FLAT)}
    world = build(tmp_path, n_target=2, n_control=2, answers=answers)
    inputs = parquet.inputs_of(world.data / "image" / "scores.parquet")
    assert set(inputs) == {"samples", "split", "crops", "predictions"}


@pytest.mark.parametrize(
    ("references", "message"),
    [
        (["clasifier"], "no reference 'clasifier'. Did you mean 'classifier'?"),
        (["second_model"], "no reference applies to any target"),
    ],
)
def test_a_reference_that_nobody_is_gets_a_suggestion(tmp_path, references, message):
    with pytest.raises(ParamsError, match=message.replace("?", r"\?")):
        build(
            tmp_path, n_target=2, n_control=2, references=references, targets=[target(second=None)],
            answers={"vicreg": (FLAT > 1, FLAT), "classifier": (FLAT > 1, FLAT)},
        )  # fmt: skip


def test_a_target_without_predictions_is_named(tmp_path):
    with pytest.raises(ArtifactError, match="no predictor 'dino'"):
        build(
            tmp_path, n_target=2, n_control=2, targets=[target("dino")],
            answers={"vicreg": (FLAT > 1, FLAT), "classifier": (FLAT > 1, FLAT)},
            references=["classifier"],
        )  # fmt: skip


def test_predictors_of_other_samples_are_refused(tmp_path):
    answers = {"vicreg": (FLAT > 1, FLAT), "classifier": (FLAT > 1, FLAT)}
    world = build(tmp_path, n_target=2, n_control=2, answers=answers, with_scores=False)
    file = tmp_path / "image" / "predictions" / "classifiers" / "classifier.parquet"
    inputs = parquet.inputs_of(file)
    PREDICTIONS.write(PREDICTIONS.read(file).slice(1), file, inputs=inputs)
    with pytest.raises(ArtifactError, match=r"differ in column 'sample_id' \(4 and 3 rows\)"):
        score.score(
            settings=comparisons(world.settings), inputs=tmp_path / "image" / "predictions",
            out=tmp_path / "scores.parquet",
        )  # fmt: skip


def test_predictors_of_another_split_are_refused(tmp_path):
    answers = {"vicreg": (FLAT > 1, FLAT), "classifier": (FLAT > 1, FLAT)}
    world = build(tmp_path, n_target=2, n_control=2, answers=answers, with_scores=False)
    file = tmp_path / "image" / "predictions" / "classifiers" / "classifier.parquet"
    PREDICTIONS.write(PREDICTIONS.read(file), file, inputs={"split": "another"})
    with pytest.raises(ArtifactError, match="do not belong together"):
        score.score(
            settings=comparisons(world.settings), inputs=tmp_path / "image" / "predictions",
            out=tmp_path / "scores.parquet",
        )  # fmt: skip


def test_the_order_of_rows_in_files_is_irrelevant(tmp_path):
    rng = np.random.default_rng(0)
    answers = {n: (rng.random(30) < 0.5, rng.random(30)) for n in ("vicreg", "classifier")}
    world = build(tmp_path, n_target=20, n_control=10, answers=answers)
    first = IMAGE_SCORES.read(tmp_path / "image" / "scores.parquet")
    file = tmp_path / "image" / "predictions" / "classifiers" / "classifier.parquet"
    rows = PREDICTIONS.read(file)
    shuffled = rows.take(pa.array(rng.permutation(30))).replace_schema_metadata(
        rows.schema.metadata
    )
    pq.write_table(shuffled, file)
    score.score(
        settings=comparisons(world.settings), inputs=tmp_path / "image" / "predictions",
        out=tmp_path / "again.parquet",
    )  # fmt: skip
    assert IMAGE_SCORES.read(tmp_path / "again.parquet").equals(first)


def test_one_predictor_in_two_files_is_refused(tmp_path):
    answers = {"vicreg": (FLAT > 1, FLAT), "classifier": (FLAT > 1, FLAT)}
    build(tmp_path, n_target=2, n_control=2, answers=answers, with_scores=False)
    rows = prediction_rows("vicreg", ["target"] * 4, [0] * 4, FLAT > 1, FLAT, 4)
    PREDICTIONS.write(rows, tmp_path / "image" / "predictions" / "old.parquet", inputs={})
    with pytest.raises(ArtifactError, match="both hold predictor 'vicreg'"):
        score.PredictionFolder(tmp_path / "image" / "predictions")
