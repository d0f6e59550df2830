"""What a lane that is used has to name, and that one that is not used names nothing."""

import pytest
from ruamel.yaml import YAML

from dejavu.errors import ParamsError
from dejavu.params import lanes
from tests.paths import ROOT


@pytest.fixture
def values():
    return YAML().load(ROOT / "params.yaml")


def written(values, folder):
    with (folder / "params.yaml").open("w") as stream:
        YAML().dump(values, stream)
    return folder / "params.yaml"


@pytest.mark.parametrize("lane", ["image", "caption"])
def test_a_lane_that_is_used_names_a_model(values, tmp_path, lane):
    values[lane]["models"] = {}
    with pytest.raises(ParamsError, match=f"{lane}.models names no model, expected at least one"):
        lanes.require_entries(written(values, tmp_path))
    values[lane]["corpus"] = {"adapter": "none"}
    lanes.require_entries(written(values, tmp_path))


def test_naive_bayes_needs_an_annotator_and_nothing_else_does(values, tmp_path):
    values["image"]["annotators"] = {}
    with pytest.raises(ParamsError, match="asks for 'naive_bayes', which counts tags"):
        lanes.require_entries(written(values, tmp_path))
    values["image"]["score"] |= {"references": ["classifier"], "consensus_of": ["classifier"]}
    lanes.require_entries(written(values, tmp_path))
