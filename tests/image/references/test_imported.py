"""Guesses that were made elsewhere become a reference; what nobody stated is undefined, not zero."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import DataError
from dejavu.image.kept_crops import CropTables, kept_crops
from dejavu.image.references import imported
from dejavu.params.predictions import PredictionsParams
from dejavu.roles import ATTACKED
from dejavu.tables.schemas import PREDICTIONS
from tests.models.training.world import World
from tests.report.world import build, report, target


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("guesses") / "data")


@pytest.fixture
def guesses(world):
    """A guess per attacked crop with its probabilities, in another order and with a stranger."""
    attacked = kept_crops(world.samples, world.crops, roles=ATTACKED, columns=["sample_name"])
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1], len(attacked))
    rows = [
        {
            "sample_name": name, "predicted": ["red", "blue"][int(row[1] > row[0])],
            "probabilities": row.tolist(),
            "entropy": float(-(row * np.log(row)).sum()),
        }
        for name, row in zip(attacked["sample_name"].to_pylist(), p, strict=True)
    ]  # fmt: skip
    rows.append(rows[0] | {"sample_name": "stranger"})
    return pa.Table.from_pylist(rows).take(rng.permutation(len(rows)))


def tables_of(world):
    return CropTables(samples=world.samples, labels=world.labels, crops=world.crops)


def written(world, tmp_path, table, name="g.parquet"):
    path = tmp_path / name
    if name.endswith("csv"):
        import pyarrow.csv

        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    imported.write_predictions(
        settings=imported.ImportedGuesses(
            entries={"theirs": PredictionsParams(path=name)}, data_folder=tmp_path
        ),
        inputs=tables_of(world),
        out=imported.ImportedFiles(
            attacked=tmp_path / "out.parquet", reference_role=tmp_path / "other.parquet"
        ),
    )  # fmt: skip
    return PREDICTIONS.read(tmp_path / "out.parquet")


def test_probabilities_give_everything_and_agree_with_the_stated_entropy(
    world, guesses, tmp_path, monkeypatch
):
    monkeypatch.setattr(imported, "CELLS_AT_ONCE", 10)  # five samples at once
    whole = written(world, tmp_path, guesses.drop_columns(["entropy"]))
    stated = written(world, tmp_path, guesses.drop_columns(["probabilities"]))
    assert whole["predictor"].unique().to_pylist() == ["theirs"]
    for column in ("sample_id", "role", "label_id", "predicted_id", "is_correct"):
        assert whole[column].equals(stated[column])
    for column in ("entropy", "confidence"):
        np.testing.assert_allclose(whole[column].to_numpy(), stated[column].to_numpy(), atol=1e-8)
    assert whole["p_truth"].null_count == 0
    assert stated["p_truth"].null_count == len(stated)


def test_without_an_entropy_confidence_is_unknown_and_not_zero(world, guesses, tmp_path):
    bare = written(world, tmp_path, guesses.select(["sample_name", "predicted"]), "g.csv")
    for column in ("entropy", "confidence", "p_truth"):
        assert bare[column].null_count == len(bare) > 0
    right = bare["label_id"].to_numpy() == bare["predicted_id"].to_numpy()
    assert bare["is_correct"].to_pylist() == right.tolist()


def test_ids_may_stand_for_names(world, guesses, tmp_path):
    by_name = written(world, tmp_path, guesses)
    names = guesses["sample_name"].to_pylist()
    by_id = pa.table(
        {
            "sample_id": [999 if name == "stranger" else int(name[1:]) for name in names],
            "predicted_id": [["red", "blue"].index(n) for n in guesses["predicted"].to_pylist()],
            "probabilities": guesses["probabilities"],
        }
    )
    assert written(world, tmp_path, by_id).equals(by_name)


def test_no_entry_gives_an_empty_table(world, tmp_path):
    imported.write_predictions(
        settings=imported.ImportedGuesses(entries={}, data_folder=tmp_path),
        inputs=tables_of(world),
        out=imported.ImportedFiles(
            attacked=tmp_path / "out.parquet", reference_role=tmp_path / "other.parquet"
        ),
    )  # fmt: skip
    assert PREDICTIONS.read(tmp_path / "out.parquet").num_rows == 0


def with_column(table, name, values):
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))


BROKEN = {
    "a crop without a guess": (lambda t: t.slice(3), "no guess for [23] of"),
    "a crop twice": (lambda t: pa.concat_tables([t, t.slice(0, 1)]), "1 samples occur more than once"),
    "a label that does not exist": (
        lambda t: with_column(t, "predicted", ["gren"] * len(t)),
        r"guesses are no label of this corpus: 'gren'. Its first labels are 'red', 'blue'",
    ),
    "too few probabilities": (
        lambda t: with_column(t, "probabilities", [[1.0]] * len(t)), "do not have 2 numbers"
    ),
    "no distribution": (
        lambda t: with_column(t, "probabilities", [[0.9, 0.9]] * len(t)), "are no distribution"
    ),
    "logits": (
        lambda t: with_column(t, "probabilities", [[-0.5, 2.5]] * len(t)),
        "the first adds up to 2, its least is -0.5; expected 1, and none below 0. Take the softmax",
    ),
    "counts of votes": (
        lambda t: with_column(t, "probabilities", [[3.0, 2.0]] * len(t)), "the first adds up to 5,"
    ),
    "probabilities of classes in another order": (
        lambda t: with_column(t, "probabilities", [row[::-1] for row in t["probabilities"].to_pylist()]),
        "the probabilities give another label the most. State them in the order of labels.parquet",
    ),
    "paths in the place of names": (
        lambda t: with_column(t, "sample_name", [f"/photos/{n}.jpg" for n in t["sample_name"].to_pylist()]),
        "no guess for ([0-9]+) of \\1 samples that need one: .*its first row is about '/photos/",
    ),
    "ids of labels in the place of names": (
        lambda t: with_column(t, "predicted", ["01"[n == "blue"] for n in t["predicted"].to_pylist()]),
        "Call the column predicted_id if these are ids",
    ),
    "ids of labels that count from 1": (
        lambda t: with_column(t, "predicted", [2] * len(t)).rename_columns(
            ["sample_name", "predicted_id", "probabilities", "entropy"]
        ),
        "guesses are no label of this corpus: 2. Its first labels are 0, 1",
    ),
    "no guess for some": (
        lambda t: with_column(t, "predicted", [None, *t["predicted"].to_pylist()[1:]]),
        "1 guesses are no label of this corpus: None",
    ),
    "an entropy below zero": (
        lambda t: with_column(t, "entropy", [-1.0] * len(t)).drop_columns(["probabilities"]),
        "missing, negative or not finite",
    ),
    "some entropies": (
        lambda t: with_column(t, "entropy", [None] + [1.0] * (len(t) - 1)).drop_columns(["probabilities"]),
        "missing, negative or not finite",
    ),
    "no guess": (lambda t: t.select(["sample_name"]), "expected a column predicted, predicted_id or prob"),
    "no names": (lambda t: t.select(["predicted"]), "no column sample_name or sample_id"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_table_ends_in_an_error_that_names_the_file(world, guesses, tmp_path, case):
    how, message = BROKEN[case]
    with pytest.raises(DataError, match=message) as caught:
        written(world, tmp_path, how(guesses))
    assert "g.parquet" in str(caught.value)


def shares_of(guesses, votes):
    """Round probabilities to shares of votes; the guess keeps the most."""
    rounded = []
    for p, guess in zip(
        guesses["probabilities"].to_pylist(), guesses["predicted"].to_pylist(), strict=True
    ):
        most = max(round(max(p) * votes), votes // 2 + 1)
        rounded.append([(votes - most) / votes, most / votes][:: 1 if guess == "blue" else -1])
    return with_column(guesses, "probabilities", rounded).drop_columns(["entropy"])


def imported_pair(world, tmp_path, table, votes=None):
    for name in ("a", "b"):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    entries = {
        "a": PredictionsParams(
            path="a.parquet", trained_on="target", second_model="b", votes=votes
        ),
        "b": PredictionsParams(path="b.parquet", trained_on="reference", votes=votes),
        "c": PredictionsParams(path="a.parquet"),
    }
    out = imported.ImportedFiles(
        attacked=tmp_path / "out.parquet", reference_role=tmp_path / "other.parquet"
    )
    imported.write_predictions(
        settings=imported.ImportedGuesses(entries=entries, data_folder=tmp_path),
        inputs=tables_of(world), out=out,
    )  # fmt: skip
    return PREDICTIONS.read(out.attacked), PREDICTIONS.read(out.reference_role)


def test_shares_of_votes_are_votes(world, guesses, tmp_path):
    table = shares_of(guesses, 5)
    attacked, _ = imported_pair(world, tmp_path, table, votes=5)
    votes = attacked["p_truth"].to_numpy() * 5
    np.testing.assert_array_equal(votes, np.rint(votes))
    with pytest.raises(
        DataError, match=r"a.parquet: [0-9]+ of [0-9]+ lists of probabilities are no shares of 7"
    ):
        imported_pair(world, tmp_path, table, votes=7)
    with pytest.raises(DataError, match="has votes: 5, expected a column probabilities"):
        imported_pair(world, tmp_path, table.drop_columns(["probabilities"]), votes=5)


def test_the_tables_of_a_pair_may_hold_the_reference_role_whole(world, guesses, tmp_path):
    attacked, other = imported_pair(world, tmp_path, guesses)
    assert (len(attacked), len(other)) == (3 * (len(guesses) - 1), 0)
    crops = kept_crops(world.samples, world.crops, roles=("reference",), columns=["sample_name"])
    rows = pa.concat_tables([guesses.slice(0, 1)] * len(crops))
    whole = pa.concat_tables(
        [guesses, with_column(rows, "sample_name", crops["sample_name"].to_pylist())]
    )
    same, other = imported_pair(world, tmp_path, whole)
    assert same.equals(attacked)
    assert set(other["predictor"].to_pylist()) == {"a", "b"}
    assert set(other["role"].to_pylist()) == {"reference"}
    assert len(other) == 2 * len(crops) > 0
    with pytest.raises(DataError, match=f"no guess for 2 of {len(crops)} samples that need one"):
        imported_pair(world, tmp_path, whole.slice(0, len(whole) - 2))


@pytest.mark.slow
def test_scores_without_entropies_are_undefined_in_the_report_and_the_rest_is_as_ever(tmp_path):
    rng = np.random.default_rng(1)
    n = {"n_target": 160, "n_control": 155}
    answers = {
        name: (rng.random(315) < 0.5, np.round(rng.random(315), 3))
        for name in ("vicreg", "classifier", "elsewhere")
    }
    results = {}
    for known in (True, False):
        if not known:
            answers["elsewhere"] = (answers["elsewhere"][0], np.full(315, np.nan))
        world = build(
            tmp_path / str(known), **n, answers=answers, targets=[target(second=None)],
            references=["classifier", "predictions", "consensus"], consensus_of=["classifier", "elsewhere"],
        )  # fmt: skip
        out = report(world, tmp_path / f"report {known}")
        results[known] = (out / "results.json").read_text()
    image = {known: json.loads(text)["image"]["vicreg"] for known, text in results.items()}
    assert image[True]["classifier"] == image[False]["classifier"]
    for reference in ("elsewhere", "consensus"):
        known, unknown = image[True][reference], image[False][reference]
        for role in ("target", "control", "excess"):
            for name in ("dejavu_score", "memorized_share", "at_20_paired"):
                assert unknown[role][name] == known[role][name]
            assert known[role]["dejavu_score_at_20"] is not None
            assert unknown[role]["dejavu_score_at_20"] is None
            assert unknown[role]["dejavu_score_at_20_ci95"] is None
            assert "without an entropy" in unknown[role]["dejavu_score_at_20_reason"]
        assert unknown["excess"]["memorized_share_at_fpr_5"] is None
        assert known["excess"]["memorized_share_at_fpr_5"] is not None
