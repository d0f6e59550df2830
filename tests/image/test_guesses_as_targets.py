"""Guesses made elsewhere under audit: they meet every reference, and are none themselves."""

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pytest

from dejavu.errors import ParamsError
from dejavu.image import score
from dejavu.image.targets import Target, require_references, targets_of
from dejavu.params.predictions import PredictionsParams
from dejavu.params.report import ScoreParams
from dejavu.params.search import NeighborsParams
from dejavu.roles import CONTROL, TARGET
from dejavu.tables.schemas import IMAGE_SCORES, MEMORIZED_SAMPLES
from tests.report.world import build, target, write_list

NEIGHBORS = NeighborsParams(k=20, index="Flat", candidate_margin=5, metrics=("cosine",))
ENTRIES = {
    "elsewhere_theirs": PredictionsParams(
        path="a.csv", trained_on="target", second_model="elsewhere_their_second", votes=20
    ),
    "elsewhere_their_second": PredictionsParams(path="b.csv", trained_on="reference", votes=20),
    "elsewhere_prior": PredictionsParams(path="c.csv"),
    "elsewhere": PredictionsParams(path="d.csv", trained_on="elsewhere"),
}


def test_entries_that_say_what_they_were_trained_on_are_targets():
    theirs, elsewhere = targets_of({}, ENTRIES, NEIGHBORS)
    assert theirs == Target(
        name="elsewhere_theirs", model="elsewhere_theirs", layer=None, metric=None, votes=20,
        second_model="elsewhere_their_second", is_headline=True, roles_seen=(TARGET,),
    )  # fmt: skip
    assert (elsewhere.name, elsewhere.votes) == ("elsewhere", None)
    assert elsewhere.is_negative_control
    assert not theirs.is_negative_control
    assert theirs.search == "guesses made elsewhere"
    assert target().search == "projector, l2"


def world(tmp_path, **options):
    rng = np.random.default_rng(0)
    names = [
        "vicreg",
        "classifier",
        "elsewhere_theirs",
        "elsewhere_their_second",
        "elsewhere_prior",
    ]
    answers = {name: (rng.random(60) < 0.5, np.round(rng.random(60), 3)) for name in names}
    theirs = targets_of({}, {name: ENTRIES[name] for name in ENTRIES if name in names}, NEIGHBORS)
    return build(
        tmp_path, n_target=30, n_control=30, answers=answers, targets=[target(second=None), *theirs],
        **{"references": ["second_model", "classifier", "predictions"], **options},
    )  # fmt: skip


def test_a_target_meets_every_reference_and_is_none(tmp_path):
    made = world(tmp_path)
    rows = IMAGE_SCORES.read(made.data / "image/scores.parquet")
    found = set(zip(rows["target"].to_pylist(), rows["reference"].to_pylist(), strict=True))
    references = {("vicreg", "classifier"), ("vicreg", "elsewhere_prior")}
    for reference in ("classifier", "elsewhere_prior", "second_model"):
        references.add(("elsewhere_theirs", reference))
    assert found == references
    own = rows.filter(pc.equal(rows["target"], "elsewhere_theirs"))
    assert own["layer"].null_count == own["metric"].null_count == len(own) == 180
    assert set(own["model"].to_pylist()) == {"elsewhere_theirs"}
    assert {TARGET, CONTROL} == set(own["role"].to_pylist())


@pytest.mark.parametrize("name", ["elsewhere_theirs", "elsewhere_their_second", "vicreg"])
@pytest.mark.parametrize("key", ["references", "consensus_of"])
def test_what_is_under_audit_is_refused_as_a_reference(tmp_path, name, key):
    made = world(tmp_path, with_scores=False)
    named = {
        "references": ("classifier", "consensus"),
        "consensus_of": ("classifier",),
        key: (name,),
    }
    settings = score.ScoreSettings(
        targets=made.settings.targets, references=ScoreParams(at_percent=(20,), **named)
    )
    with pytest.raises(
        ParamsError, match=rf"image.score.{key}: {name!r} is under audit, or the second"
    ):
        score.score(
            settings=settings, inputs=made.data / "image/predictions", out=tmp_path / "s.parquet"
        )


def test_a_covariate_that_is_under_audit_is_refused():
    targets = targets_of({}, ENTRIES, NEIGHBORS)
    require_references("report.covariates", ("classifier", "elsewhere_prior"), targets)
    with pytest.raises(
        ParamsError, match=r"report.covariates: 'elsewhere_their_second' is under audit"
    ):
        require_references("report.covariates", ("elsewhere_their_second",), targets)


def test_guesses_that_are_no_votes_list_nobody(tmp_path):
    made = world(tmp_path)
    path = made.data / "image/memorized_samples.parquet"
    assert set(MEMORIZED_SAMPLES.read(path)["target"].to_pylist()) == {"vicreg", "elsewhere_theirs"}
    bare = [dataclasses.replace(each, votes=None) for each in made.settings.targets]
    settings = dataclasses.replace(made.settings, targets=tuple(bare))
    write_list(dataclasses.replace(made, settings=settings))
    assert MEMORIZED_SAMPLES.read(path).num_rows == 0
