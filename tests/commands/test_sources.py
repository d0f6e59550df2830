"""What params.yaml can name is listed, with what is missing for it here."""

import json

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dejavu import cli, params
from dejavu.annotators.tag_crops import ANNOTATORS
from dejavu.check import sources
from dejavu.corpora import build
from dejavu.downloads.published_files import DOWNLOADS
from dejavu.models import clip, encoders
from dejavu.params.base import Needs, tags_of
from dejavu.params.caption import CaptionModelParams
from dejavu.params.encoders import ModelParams
from dejavu.params.released import TimmModel
from tests.pipeline.project import ROOT

KINDS = ("models", "corpora", "annotators")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path))

    def invoke(*words):
        return CliRunner().invoke(cli.app, words, catch_exceptions=False).stdout

    return invoke


def names(kind, section):
    return {s.name for s in sources.sources(kind, {}, ROOT) if s.section == section}


def test_every_source_that_can_be_named_is_listed():
    assert names("models", "image.models") == set(tags_of(ModelParams))
    assert names("annotators", "image.annotators") == set(ANNOTATORS)
    listed = names("corpora", "image.corpus") | names("corpora", "caption.corpus")
    assert listed == set(build._ADAPTERS)
    assert "coco" not in names("corpora", "image.corpus")  # it has no labels


def test_needs_are_of_known_downloads():
    listed = [source for kind in KINDS for source in sources.sources(kind, {}, ROOT)]
    assert {name for source in listed for name in source.fetch} <= set(DOWNLOADS)


def test_every_source_of_models_is_the_module_of_its_name():
    for name in tags_of(ModelParams):
        assert callable(encoders.source_of(name).make)
    for name in tags_of(CaptionModelParams):
        assert callable(clip.source_of(name).make)


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_says_what_it_is(kind, run):
    listed = json.loads(run(kind, "--json"))
    assert listed["entries"] == []  # no params.yaml here
    for source in listed["sources"]:
        assert source["about"].endswith(".")
        assert "``" not in source["about"]
        assert not source["about"].startswith(("An entry of", "Section"))


def test_entries_say_which_files_are_there(run, tmp_path):
    values = params.read(ROOT / "params.yaml")
    values["image"]["models"]["mine"] = {
        "source": "timm", "recipe": "released", "name": "resnet50", "weights": "w/mine.pth",
        "trained_on": "elsewhere", "second_model": None, "layers": ["backbone"],
    }  # fmt: skip
    with (tmp_path / "params.yaml").open("w") as stream:
        YAML().dump(values, stream)
    listed = json.loads(run("models", "--json"))
    entry = next(e for e in listed["entries"] if e["name"] == "image.models.mine")
    assert entry["files"] == {"w/mine.pth": False}
    timm = next(s for s in listed["sources"] if s["name"] == "timm")
    assert timm["used_by"] == ["image.models.mine"]
    assert "w/mine.pth (not there)" in run("models")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "mine.pth").touch()
    assert "not there" not in run("models")


def test_missing_packages_and_fetched_files_are_told(run, tmp_path, monkeypatch):
    need = Needs(packages=("no_such_module",), install="pip install it", fetch=("gte_base",))
    monkeypatch.setattr(TimmModel, "needs", need)
    shown = run("models")
    assert "no package no_such_module" in shown
    assert "pip install it; dejavu fetch gte_base" in shown
    entry = DOWNLOADS["gte_base"]
    for file in entry.files:
        path = tmp_path / entry.folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    source = next(s for s in json.loads(run("models", "--json"))["sources"] if s["name"] == "timm")
    assert source["fetch"] == {"gte_base": True}
    assert source["can_run"] is False
