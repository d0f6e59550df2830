import numpy as np
import pytest

from dejavu.caption import score as caption_scores
from dejavu.errors import ArtifactError, ParamsError
from dejavu.tables.schemas import CAPTION_SCORES, REFERENCE_AGREEMENT
from tests.caption import slow, world

SEARCHES = [("clip", "t2i"), ("second", "t2i"), ("text", "t2t")]


def score(tables, folder, settings=None, block_rows=1000):
    out, agreement = folder / "scores.parquet", folder / "agreement.parquet"
    caption_scores.score(
        settings=caption_scores.CaptionScoreSettings(
            models=world.models(), score=settings or world.settings()
        ),
        inputs=tables,
        out=caption_scores.CaptionScoreFiles(scores=out, agreement=agreement),
        block_rows=block_rows,
    )
    return CAPTION_SCORES.read(out).to_pylist(), REFERENCE_AGREEMENT.read(agreement).to_pylist()


def test_one_sample_by_hand(tmp_path):
    objects = [{0, 1}, {2}, {0, 2, 3}]
    neighbors = {
        ("clip", "t2i"): {2: [0, 1]}, ("second", "t2i"): {2: [1, 0]}, ("text", "t2t"): {2: [1, 0]},
    }  # fmt: skip
    tables = world.write(tmp_path, objects, ["public", "public", "target"], neighbors)
    rows, pairs = score(tables, tmp_path)
    first = next(
        r for r in rows if r["reference"] == "second_model" and r["k"] == 1 and r["top"] is None
    )
    assert first == {
        "target": "clip", "reference": "second_model", "mode": "t2i", "k": 1, "top": None,
        "sample_id": 2, "role": "target", "n_objects": 3,
        "target_hits": 1, "target_predicted": 2, "reference_hits": 1, "reference_predicted": 1,
        "target_precision": 0.5, "reference_precision": 1.0,
        "target_recall": 1 / 3, "reference_recall": 1 / 3,
    }  # fmt: skip
    both = [r for r in pairs if (r["first_k"], r["second_k"]) == (2, 1) and r["first_top"] is None]
    assert [(r["first_hits"], r["second_hits"], r["common_hits"]) for r in both] == [(2, 1, 1)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_scores_equal_slow_twin(tmp_path, seed):
    tables, objects, roles, neighbors = world.random(tmp_path, seed)
    settings = world.settings(k=(1, 3), top=(1, 2))
    rows, pairs = score(tables, tmp_path, settings, block_rows=7)
    predictors = {
        "clip": ("clip", "t2i"), "second_model": ("second", "t2i"), "text_model": ("text", "t2t"),
    }  # fmt: skip

    def guess(name, i, k, top):
        return slow.predicted(neighbors[predictors[name]][i], objects, k, top)

    attacked = [i for i in range(len(objects)) if roles[i] != "public" and objects[i]]
    assert len(rows) == 2 * 2 * 3 * len(attacked)
    for row in rows:
        i, truth = row["sample_id"], objects[row["sample_id"]]
        assert (row["role"], row["n_objects"]) == (roles[i], len(truth))
        for side, name in (("target", row["target"]), ("reference", row["reference"])):
            found = guess(name, i, row["k"], row["top"])
            assert row[f"{side}_hits"] == len(found & truth)
            assert row[f"{side}_predicted"] == len(found)
            assert row[f"{side}_precision"] == float(slow.precision(found, truth))
            assert row[f"{side}_recall"] == float(slow.recall(found, truth))
    for row in pairs:
        i, truth = row["sample_id"], objects[row["sample_id"]]
        first = guess(row["first"], i, row["first_k"], row["first_top"]) & truth
        second = guess(row["second"], i, row["second_k"], row["second_top"]) & truth
        found = (row["first_hits"], row["second_hits"], row["common_hits"])
        assert found == (len(first), len(second), len(first & second))


@pytest.mark.slow
def test_rows_come_in_key_order_and_blocks_change_no_byte(tmp_path):
    tables, *_ = world.random(tmp_path, seed=9)
    rows, pairs = score(tables, tmp_path)
    last = float("inf")
    for table, found in ((CAPTION_SCORES, rows), (REFERENCE_AGREEMENT, pairs)):
        keys = [[last if row[name] is None else row[name] for name in table.key] for row in found]
        assert keys == sorted(keys)
        assert len({tuple(key) for key in keys}) == len(keys)
    before = (tmp_path / "scores.parquet").read_bytes()
    score(tables, tmp_path, block_rows=5)
    assert (tmp_path / "scores.parquet").read_bytes() == before


def test_the_oracle_is_one_of_the_references(tmp_path):
    probabilities = [[1.0, 0.6, 0.1, 0.0, 0.0, 0.0]] * 3
    neighbors = {key: {2: [0, 1]} for key in (("clip", "t2i"), ("second", "t2i"))}
    tables = world.write(
        tmp_path, [{0}, {2}, {0, 2}], ["public", "public", "control"], neighbors, probabilities
    )
    rows, _ = score(tables, tmp_path, world.settings(references=("second_model", "oracle")))
    oracle = {(r["k"], r["top"]): r for r in rows if r["reference"] == "oracle"}
    assert {(r["reference_hits"], r["reference_predicted"]) for r in oracle.values()} == {
        (1, 1),
        (1, 2),
    }
    assert oracle[1, None]["reference_predicted"] == oracle[2, None]["reference_predicted"] == 2


def test_only_attacked_captions_need_a_truth_and_the_first_sample_tells_of_one(tmp_path):
    known = [0.9, 0.0, 0.0, 0.0, 0.0, 0.0]
    neighbors = {key: {2: [0, 1]} for key in (("clip", "t2i"), ("second", "t2i"))}
    tables = world.write(
        tmp_path,
        [{0}, {2}, {0, 2}],
        ["public", "public", "control"],
        neighbors,
        [known, None, known],
    )
    rows, _ = score(tables, tmp_path, world.settings(references=("oracle",)))
    assert {(r["reference_hits"], r["reference_predicted"]) for r in rows} == {(1, 1)}


def test_an_oracle_without_truth_gives_no_rows(tmp_path):
    tables, *_ = world.random(tmp_path, seed=1)
    rows, _ = score(tables, tmp_path, world.settings(references=("second_model", "oracle")))
    assert {row["reference"] for row in rows} == {"second_model"}


def test_more_neighbors_than_stored_is_refused(tmp_path):
    tables, *_ = world.random(tmp_path, seed=1, k=3)
    with pytest.raises(ParamsError, match="counts up to 4 neighbors, but clip/t2i holds 3"):
        score(tables, tmp_path, world.settings(k=(1, 4)))


def test_neighbors_of_another_split_are_refused(tmp_path):
    tables, objects, roles, neighbors = world.random(tmp_path, seed=1)
    world.write(tmp_path, objects, roles, neighbors, inputs={"samples": "s", "split": "other"})
    with pytest.raises(ArtifactError, match="do not belong together"):
        score(tables, tmp_path)


def test_neighbors_of_other_samples_are_refused(tmp_path):
    tables, objects, roles, neighbors = world.random(tmp_path, seed=1)
    neighbors["text", "t2t"] = dict(list(neighbors["text", "t2t"].items())[1:])
    world.write(tmp_path, objects, roles, neighbors)
    with pytest.raises(ArtifactError, match="not the samples of"):
        score(tables, tmp_path)


@pytest.mark.parametrize(
    ("references", "message"),
    [(("secnd_model",), "Did you mean 'second_model'"), (("text_model_x",), "unknown reference")],
)
def test_unknown_references_are_refused(tmp_path, references, message):
    tables, *_ = world.random(tmp_path, seed=1)
    with pytest.raises(ParamsError, match=message):
        score(tables, tmp_path, world.settings(references=references))


def test_an_empty_lane_gives_empty_tables(tmp_path):
    neighbors = {("clip", "t2i"): {}, ("second", "t2i"): {}, ("text", "t2t"): {}}
    rows, pairs = score(world.write(tmp_path, [], [], neighbors), tmp_path)
    assert rows == pairs == []


def test_a_model_has_no_gap_with_itself(tmp_path):
    tables, objects, roles, neighbors = world.random(tmp_path, seed=3)
    neighbors["second", "t2i"] = neighbors["clip", "t2i"]
    world.write(tmp_path, objects, roles, neighbors)
    rows, _ = score(tables, tmp_path, world.settings(references=("second_model",)))
    assert all(row["target_hits"] == row["reference_hits"] for row in rows)
    assert np.allclose([r["target_precision"] - r["reference_precision"] for r in rows], 0)


@pytest.mark.parametrize("where", ["public", "target"])
def test_objects_that_the_vocabulary_does_not_name_are_refused(tmp_path, where):
    objects = [{0}, {9}] if where == "target" else [{9}, {0}]
    neighbors = {key: {1: [0, 0]} for key in SEARCHES}
    tables = world.write(tmp_path, objects, ["public", "target"], neighbors)
    with pytest.raises(ArtifactError, match="object id 9, expected 0 to 5"):
        score(tables, tmp_path)
