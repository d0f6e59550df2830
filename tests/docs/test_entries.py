"""The entries that recipes.md shows for files of four libraries open them, and give the lines it prints."""

import re

import pytest
import torch
import yaml
from pydantic import TypeAdapter

from dejavu.check import models as check_models
from dejavu.params.encoders import ModelParams, ReleasedRecipe
from tests.models import fixtures
from tests.models.encoders.test_programs import Pooling, own, save_onnx  # noqa: F401  # a fixture
from tests.models.encoders.test_state_dict import lightning
from tests.models.encoders.test_transformers import hub_folder
from tests.models.training.world import MACHINE
from tests.paths import ROOT

HEADING = "## Audit a network of your own class"
PART = (
    (ROOT / "docs/recipes.md").read_text(encoding="utf-8").partition(HEADING)[2].split("\n## ")[0]
)
SHOWN = re.findall(r"```yaml\n(.*?)```\n\n```text\n(.*?)\n```", PART, re.DOTALL)


@pytest.fixture
def files(tmp_path, own):  # noqa: F811  # the imported fixture
    weights = tmp_path / "weights"
    weights.mkdir()
    (tmp_path / "a.th").rename(weights / "own.th")
    lightning(weights / "last.ckpt")
    hub_folder(weights / "dinov2", "dinov2")
    torch.manual_seed(0)
    save_onnx(fixtures.fill(Pooling(), 8), weights / "model.onnx", 2, 48)
    return tmp_path


@pytest.mark.slow
def test_the_entries_give_what_is_shown(files):
    machine = MACHINE.model_copy(update={"data_root": str(files), "run_code_of_models": True})
    assert len(SHOWN) == 4
    for entry, told in SHOWN:
        assert len(entry.strip().splitlines()) <= 5
        ((name, content),) = yaml.safe_load(entry).items()
        values = {
            "image.models": {name: TypeAdapter(ModelParams).validate_python(content)},
            "image.recipes.released": ReleasedRecipe(),
        }
        found = check_models.look_at_images(values, machine, knows_truth=False, dims={})
        lines = [f"{each.area}  {each.status}  {each.what}  {each.detail}" for each in found]
        assert lines == [told]
