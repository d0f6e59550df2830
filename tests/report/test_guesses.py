"""The report names the files of guesses that were made elsewhere."""

import dataclasses
import json

import numpy as np
import pytest

from dejavu.params.predictions import PredictionsParams
from dejavu.report import guesses
from dejavu.report.from_params import Settings
from dejavu.report.make import make
from dejavu.report.sharing import Sharing
from tests.report import world
from tests.report.page.pages import Reader

DIGEST = "0123456789abcdef" * 4
ENTRIES = {
    "vicreg": PredictionsParams(path="theirs/votes.parquet", trained_on="target", votes=20),
    "rules": PredictionsParams(path="rules.csv"),
}


@pytest.fixture
def data(tmp_path):
    answers = {
        name: (np.arange(40) % step == 0, np.ones(40))
        for name, step in (("vicreg", 2), ("classifier", 4))
    }
    made = world.build(tmp_path / "data", n_target=20, n_control=20, answers=answers)
    place = tmp_path / "data" / guesses.RECORD
    place.parent.mkdir(parents=True)
    outside = [
        {"path": "theirs/votes.parquet", "sha256": DIGEST},
        {"path": "rules.csv", "is_missing": True},
    ]
    place.write_text(json.dumps({"outside": outside}))
    return made


def test_files_are_named_with_their_hash_where_one_was_noted(data):
    first, second = guesses.read(data.data, ENTRIES)
    assert (first.file, first.sha256, first.votes) == ("theirs/votes.parquet", DIGEST, 20)
    assert (second.file, second.sha256, second.trained_on) == ("rules.csv", None, None)
    roles = {"two": ENTRIES["vicreg"].model_copy(update={"trained_on": ("target", "control")})}
    (found,) = guesses.read(data.data, roles, has_names=False)
    assert (found.file, found.trained_on) == (None, "target, control")


@pytest.mark.slow
def test_summary_and_page_name_them_and_without_names_their_hash_alone(data, tmp_path):
    settings = Settings(image=data.settings, captions=world.NO_CAPTIONS, guesses=ENTRIES)
    make(settings=settings, inputs=data.data, out=tmp_path / "all")
    make(
        settings=settings, inputs=data.data, out=tmp_path / "bare", sharing=Sharing(has_names=False)
    )
    summary, page = ((tmp_path / "all" / f).read_text() for f in ("summary.md", "index.html"))
    text = Reader(page).text
    assert "| rules | guesses made elsewhere, rules.csv |" in summary
    assert f"file {DIGEST[:12]}" in summary
    assert "guesses made elsewhere (theirs/votes.parquet); file 0123456789ab" in text
    one = text[: text.index("Test by test")] if "Test by test" in text else text
    assert "images: guesses made elsewhere, SHA-256" in one
    bare = [(tmp_path / "bare" / file).read_text() for file in ("summary.md", "index.html")]
    assert all("votes.parquet" not in each and DIGEST[:12] in each for each in bare)


def test_a_run_without_a_record_names_the_file_alone(tmp_path):
    (found, _) = guesses.read(tmp_path, ENTRIES)
    assert dataclasses.astuple(found)[1:3] == ("theirs/votes.parquet", None)
