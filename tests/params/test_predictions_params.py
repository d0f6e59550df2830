"""Section ``image.predictions``: which guesses made elsewhere are under audit, and what does not fit."""

import re

import pytest

from dejavu.errors import ParamsError
from dejavu.params import lanes, section
from dejavu.params.predictions import Predictions
from tests.paths import ROOT

TARGET = "{path: a.csv, trained_on: target, second_model: b}"
SECOND = "{path: b.csv, trained_on: reference}"


def predictions(tmp_path, **entries):
    text = "\n".join(f"  {name}: {entry}" for name, entry in entries.items())
    (tmp_path / "params.yaml").write_text(f"predictions:\n{text}\n")
    return section(tmp_path / "params.yaml", "predictions", Predictions)


@pytest.mark.parametrize(
    ("trained_on", "is_target", "roles"),
    [
        (None, False, ()),
        ("reference", False, ("reference",)),
        ("target", True, ("target",)),
        ("elsewhere", True, ()),
        ("[control, target]", True, ("target", "control")),
    ],
)
def test_what_it_was_trained_on_makes_it_a_target(tmp_path, trained_on, is_target, roles):
    stated = "" if trained_on is None else f", trained_on: {trained_on}"
    (entry,) = predictions(tmp_path, a=f"{{path: a.csv{stated}}}").values()
    assert (entry.is_target, entry.roles_seen) == (is_target, roles)


def test_a_target_and_its_second_model(tmp_path):
    assert predictions(tmp_path, a=TARGET, b=SECOND)["a"].second_model == "b"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"a": TARGET}, "a.second_model 'b' is not among the entries of image.predictions: guesses made"),
        ({"a": TARGET, "b": "{path: b.csv}"},
         "a has trained_on: target and its second_model 'b' has trained_on: null, expected target and"),
        ({"a": TARGET, "b": "{path: b.csv, trained_on: target}"}, "expected target and reference"),
        ({"a": "{path: a.csv, trained_on: target, second_model: a}"},
         "its second_model 'a' has trained_on: target, expected target and reference"),
        ({"a": TARGET.replace("on: target", "on: reference"), "b": SECOND},
         "a has trained_on: reference and its second_model"),
        ({"a": "{path: a.csv, second_model: b}", "b": SECOND}, "a has trained_on: null and its second_model"),
        ({"a": "{path: a.csv, trained_on: [target, control], second_model: b}", "b": SECOND},
         "a has trained_on: ['target', 'control'] and its"),
        ({"a": TARGET, "b": "{path: b.csv, trained_on: reference, votes: 5}"},
         "a has votes: None and its second_model 'b' has votes: 5, expected one number"),
        ({"a": "{path: a.csv, trained_on: targets}"}, "a.trained_on"),
        ({"a": "{path: a.csv, votes: 0}"}, "a.votes"),
        ({"a": "{path: a.csv, modules: {x: {module: y, pooling: map}}}"}, "guesses come without a network"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(tmp_path, entries, message):
    with pytest.raises(ParamsError, match=re.escape(message)):
        predictions(tmp_path, **entries)


def lane(tmp_path, predictions):
    from dejavu.api.settings import editor

    values = editor().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["image"] |= {"models": {}, "predictions": predictions}
    path = tmp_path / "params.yaml"
    with path.open("w", encoding="utf-8") as stream:
        editor().dump(values, stream)
    return path


def test_a_lane_needs_a_model_or_guesses_that_are_under_audit(tmp_path):
    lanes.require_entries(lane(tmp_path, {"a": {"path": "a.csv", "trained_on": "target"}}))
    path = lane(tmp_path, {"a": {"path": "a.csv"}})
    with pytest.raises(
        ParamsError, match="or guesses made elsewhere with trained_on in image.pred"
    ):
        lanes.require_entries(path)
