"""The source of encoders that CONTRIBUTING.md adds as an example works in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from tests.models import fixtures
from tests.models.encoders.test_released_folders import seen
from tests.models.fixtures import prefixed
from tests.paths import ROOT

BLOCK = re.compile(r"^   ```python\n   # (dejavu/\S+)\n(.*?)^   ```$", re.MULTILINE | re.DOTALL)
TRIAL = """
import json, sys
from pathlib import Path
import numpy as np, torch
from tests.models.encoders.test_released_folders import made, pixels
from dejavu.check import sources
folder = Path(sys.argv[1])
encoder = made(folder, "simsiam")
np.save(folder / "vectors.npy", encoder.embed(pixels(224))["backbone"])
listed = next(s for s in sources.sources("models", {}, folder) if s.name == "simsiam")
print(json.dumps([listed.about, listed.hint]))
"""


def blocks():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return {file: textwrap.dedent(code) for file, code in BLOCK.findall(text)}


def simsiam_file(path):
    """SimSiam's own layout: the projector is the `fc` of the encoder, a predictor lies beside it."""
    backbone = fixtures.fill(fixtures.TinyResNet(), 3)
    head = fixtures.projector(backbone.dim, 16, bias=False)
    state = {
        **prefixed("module.encoder.", backbone), **prefixed("module.encoder.fc.", head),
        **prefixed("module.predictor.", fixtures.projector(16, 16, bias=False, n_maps=2)),
    }  # fmt: skip
    torch.save({"epoch": 100, "arch": "resnet50", "state_dict": state, "optimizer": {}}, path)
    return backbone


@pytest.mark.slow
def test_the_example_needs_its_section_and_its_module_alone(tmp_path):
    found = blocks()
    assert list(found) == ["dejavu/params/released.py", "dejavu/models/encoders/simsiam.py"]
    for name in ("dejavu", "tests"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "pipeline")
        )
    section, module = (tmp_path / file for file in found)
    text = section.read_text(encoding="utf-8")
    union = "AnyReleased = (\n"
    assert union in text
    added = f"{found['dejavu/params/released.py']}\n\n{union}    SimsiamModel\n    | "
    section.write_text(text.replace(union + "    ", added), encoding="utf-8")
    module.write_text(found["dejavu/models/encoders/simsiam.py"], encoding="utf-8")
    backbone = simsiam_file(tmp_path / "a.pth")
    done = subprocess.run(
        [sys.executable, "-c", TRIAL, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    assert json.loads(done.stdout) == [
        "A released SimSiam checkpoint.", "a checkpoint that SimSiam's authors published",
    ]  # fmt: skip
    with torch.no_grad():
        torch.testing.assert_close(
            torch.from_numpy(np.load(tmp_path / "vectors.npy")), backbone(seen(224)),
            rtol=1e-4, atol=1e-5,
        )  # fmt: skip
