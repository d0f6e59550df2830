"""Folders of text models: nothing in them is run, and nothing about them is guessed."""

import json
import shutil

import numpy as np
import pytest

from dejavu.errors import WeightsError
from dejavu.models import packaged
from dejavu.models.clip import load
from dejavu.models.clip.sentence_transformers import check_folder
from dejavu.params.caption import SentenceTransformerParams
from tests.models.training.world import MACHINE


def text_params(weights, prompt=""):
    return SentenceTransformerParams(
        source="sentence_transformers", recipe="released", weights=weights, prompt=prompt,
        second_model=None, modes=("t2t",),
    )  # fmt: skip


@pytest.fixture
def copied(tmp_path):
    """The packaged model in a folder of its own; its large file is a link."""
    original = packaged.locate(packaged.MINILM).parent
    big = original / "model.safetensors"
    folder = tmp_path / "model"
    shutil.copytree(original, folder, ignore=shutil.ignore_patterns(big.name))
    (folder / big.name).symlink_to(big)
    return folder


def rewrite(path, change):
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def test_the_packaged_folder_is_fine(copied):
    check_folder(copied)


def with_module(kind, path="evil"):
    return lambda modules: [*modules, {"idx": 9, "name": "9", "path": path, "type": kind}]


@pytest.mark.parametrize(
    "kind",
    ["evil.Module", "os.system", "sentence_transformers", "sentence_transformersx.Evil", 7, None],
)
def test_modules_of_somebody_else_are_refused_and_never_imported(copied, kind, monkeypatch):
    (copied / "evil.py").write_text("raise SystemExit('ran')")
    monkeypatch.chdir(copied)
    rewrite(copied / "modules.json", with_module(kind))
    with pytest.raises(WeightsError, match="not one of sentence_transformers' own"):
        load.opened(text_params(str(copied)), MACHINE)


def test_a_module_outside_the_folder_is_refused(copied):
    rewrite(copied / "modules.json", with_module("sentence_transformers.models.Dense", "../other"))
    with pytest.raises(WeightsError, match="expected a folder inside"):
        check_folder(copied)


def test_an_activation_that_is_code_is_refused(copied):
    rewrite(copied / "modules.json", with_module("sentence_transformers.models.Dense", "3_Dense"))
    (copied / "3_Dense").mkdir()
    (copied / "3_Dense" / "config.json").write_text('{"activation_function": "os.abort"}')
    with pytest.raises(WeightsError, match=r"'os.abort' is not one of torch.nn"):
        check_folder(copied)


def test_remote_code_is_refused(copied):
    rewrite(copied / "config.json", lambda c: c | {"auto_map": {"AutoModel": "modeling.Evil"}})
    with pytest.raises(WeightsError, match="auto_map"):
        check_folder(copied)


@pytest.mark.parametrize(
    ("missing", "told"), [("modules.json", "pooling"), ("1_Pooling/config.json", "way of pooling")]
)
def test_pooling_is_never_guessed(copied, missing, told):
    (copied / missing).unlink()
    with pytest.raises(WeightsError, match=told):
        check_folder(copied)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[[", "[" * 100_000])
def test_a_damaged_list_of_modules_is_named(copied, text):
    (copied / "modules.json").write_text(text)
    with pytest.raises(WeightsError, match=r"modules\.json"):
        check_folder(copied)


def test_an_empty_prompt_means_none_whatever_the_folder_says(copied):
    plain = load.opened(text_params(str(copied)), MACHINE).embed_texts(["a red cup"])
    (copied / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "search: "}, "default_prompt_name": "query"})
    )
    found = load.opened(text_params(str(copied)), MACHINE).embed_texts(["a red cup"])
    np.testing.assert_array_equal(found, plain)


def test_a_changed_package_is_not_used(copied, monkeypatch):
    changed = packaged.Packaged(
        **{name: getattr(packaged.MINILM, name) for name in ("package", "distribution", "file", "title")},
        sha256="0" * 64,
    )  # fmt: skip
    with pytest.raises(WeightsError, match="as published has 0000"):
        packaged.locate(changed)
