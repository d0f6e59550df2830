"""docs/coverage.md has a row for every registry entry, and names files and tests that exist."""

import ast
import re

import pytest

from dejavu.annotators.tag_crops import ANNOTATORS
from dejavu.caption import annotate
from dejavu.corpora import build
from dejavu.params.base import tags_of
from dejavu.params.caption import CaptionModelParams
from dejavu.params.encoders import ModelParams
from tests.paths import ROOT

TEXT = (ROOT / "docs/coverage.md").read_text(encoding="utf-8")
SECTIONS = dict(part.split("\n", 1) for part in TEXT.split("\n## ")[1:])


def rows(heading):
    section = next(text for title, text in SECTIONS.items() if title.startswith(heading))
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("Encoders of the image lane", tags_of(ModelParams)),
        ("Models of the caption lane", tags_of(CaptionModelParams)),
        ("Data sets", build._ADAPTERS),
        ("Annotators", {*ANNOTATORS, *annotate._ANNOTATORS}),
    ],
)
def test_every_registry_entry_has_one_row(heading, known):
    assert sorted(rows(heading)) == sorted(known)


NAMED_IN_README = {
    "trained": "trained here", "untrained": "not trained at all", "vicreg": "VICReg",
    "barlow_twins": "Barlow Twins", "dino": "DINO as released", "torchvision": "torchvision",
    "state_dict": "checkpoints of Lightning, MoCo, DINOv2", "transformers": "transformers",
    "onnx": "ONNX", "torch_export": "`torch.export` files", "factory": "your own class",
    "timm": "any network of timm", "file": "folders of another run", "embeddings": "vectors",
}  # fmt: skip


def test_the_readme_names_every_source_of_encoders():
    assert sorted(NAMED_IN_README) == sorted(tags_of(ModelParams))
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    told = text.partition("What can be named: image encoders (")[2].partition("CLIP (")[0]
    assert [words for words in NAMED_IN_README.values() if words not in told] == []


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", TEXT))))
def test_every_file_and_test_that_is_named_exists(place):
    file, _, name = place.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert not name or name in names


def test_names_after_the_first_are_in_the_same_file():
    for file, rest in re.findall(r"`(tests/[\w/]+\.py)::\w+`((?:, `\w+`)+)", TEXT):
        text = (ROOT / file).read_text(encoding="utf-8")
        for name in re.findall(r"`(\w+)`", rest):
            assert f"def {name}(" in text
