"""The list of memorized captions, against the same arithmetic in plain Python."""

import math

import pytest

from dejavu.caption import memorized
from dejavu.params.report import CaptionHeadline
from dejavu.statistics.memorized_rows import ListInputs
from dejavu.tables.schemas import MEMORIZED_SAMPLES
from tests.caption import world
from tests.caption.test_caption_score import score

HEADLINE = CaptionHeadline(target="clip", mode="t2i", k=2, top="all")


def listed(folder, headline=HEADLINE):
    out = folder / "memorized_samples.parquet"
    settings = memorized.CaptionListSettings(
        share=0.1, storey=False, models=world.models(), headline=headline
    )
    inputs = ListInputs(attacked=folder / "scores.parquet")
    memorized.write(settings=settings, inputs=inputs, out=out)
    return MEMORIZED_SAMPLES.read(out).to_pylist()


def test_hits_of_true_objects_are_compared_among_samples_of_as_many(tmp_path):
    tables, *_ = world.random(tmp_path, seed=0)
    scores, _ = score(tables, tmp_path)
    wanted = {
        row["sample_id"]: row for row in scores
        if (row["reference"], row["k"], row["top"]) == ("text_model", 2, None)
    }  # fmt: skip
    rows = listed(tmp_path)
    assert [row["sample_id"] for row in rows] == sorted(wanted)
    odds = {}
    for row in rows:
        known = wanted[row["sample_id"]]
        hits, m = known["target_hits"], known["n_objects"]
        assert (row["votes_for_truth"], row["n_votes"], row["role"]) == (hits, m, known["role"])
        odds[row["sample_id"]] = math.log((hits + 0.5) / (m - hits + 0.5))
        assert row["log_odds"] == pytest.approx(odds[row["sample_id"]])
    mean = sum(odds.values()) / len(odds)
    variance = sum((each - mean) ** 2 for each in odds.values()) / len(odds)
    first = rows[0]
    own = [odds[row["sample_id"]] for row in rows if row["n_votes"] == first["n_votes"]]
    mu = (sum(own) + 5 * mean) / (len(own) + 5)
    spread = (sum((each - mu) ** 2 for each in own) + 10 * variance) / (len(own) + 10)
    assert first["z"] == pytest.approx((odds[first["sample_id"]] - mu) / math.sqrt(spread))


def test_a_target_that_has_no_such_mode_stands_at_its_first(tmp_path):
    tables, *_ = world.random(tmp_path, seed=1)
    score(tables, tmp_path)
    expected = listed(tmp_path)
    assert listed(tmp_path, HEADLINE.model_copy(update={"mode": "t2t"})) == expected


def test_a_lane_that_is_not_used_has_no_list(tmp_path):
    tables, *_ = world.random(tmp_path, seed=2)
    score(tables, tmp_path)
    assert listed(tmp_path, None) == []
