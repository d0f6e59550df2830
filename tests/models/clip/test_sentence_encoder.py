"""Folders of text models: nothing in them is run, and nothing about them is guessed."""

import json
import shutil

import numpy as np
import pytest
import torch

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


EVIL = "from pathlib import Path\nPath('ran').touch()\n\nclass Evil:\n    pass\n"


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("WordEmbeddings", {"wordembedding_config.json": {"tokenizer_class": "evil.Evil"}}),
        (
            "Router",
            {
                "router_config.json": {
                    "types": {"a": "evil.Evil"},
                    "structure": {"query": ["a"]},
                    "parameters": {},
                },
                "a/config.json": {},
            },
        ),
    ],
)
def test_a_module_that_names_a_class_is_refused_and_imports_nothing(
    copied, kind, settings, monkeypatch
):
    monkeypatch.chdir(copied)
    monkeypatch.syspath_prepend(copied)
    rewrite(copied / "modules.json", with_module(f"sentence_transformers.models.{kind}", "3"))
    for place in (copied, copied / "3", copied / "3" / "a"):
        place.mkdir(exist_ok=True)
        (place / "evil.py").write_text(EVIL)
    for name, content in settings.items():
        (copied / "3" / name).write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="take code that a file names"):
        load.opened(text_params(str(copied)), MACHINE)
    assert not (copied / "ran").exists()


@pytest.mark.parametrize(
    "kind",
    [
        "util.http_get",
        "base.model.pickle",
        "nothing.Nothing",
        "SentenceTransformer",
        ".x",
        "models",
    ],
)
def test_what_is_no_module_of_a_text_model_is_named(copied, kind):
    rewrite(copied / "modules.json", with_module(f"sentence_transformers.{kind}"))
    with pytest.raises(WeightsError, match="which is none of"):
        check_folder(copied)


@pytest.mark.parametrize("name", ["config.json", "sentence_bert_config.json"])
@pytest.mark.parametrize("nested", [False, True])
def test_attention_that_is_code_of_a_hub_is_refused(copied, name, nested):
    asked = {"attn_implementation": "evil/kernel"}
    rewrite(copied / name, lambda c: c | ({"model_args": asked} if nested else asked))
    with pytest.raises(WeightsError, match="'evil/kernel' is code of a hub"):
        check_folder(copied)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config_sentence_transformers.json", [1]),
        ("sentence_bert_config.json", [1]),
        ("1_Pooling/config.json", [1]),
        ("config.json", {"model_type": "bert", "hidden_size": "x"}),
        ("adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "evil/base"}),
        ("tokenizer.json", {}),
    ],
)
def test_odd_settings_end_in_one_line(copied, name, content):
    (copied / name).write_text(json.dumps(content))
    with pytest.raises(WeightsError) as error:
        load.opened(text_params(str(copied)), MACHINE)
    assert "\n" not in str(error.value)
    assert str(copied) in str(error.value)


def test_pickled_weights_of_a_folder_run_nothing(copied, tmp_path):
    (copied / "model.safetensors").unlink()
    torch.save({"weight": Evil(tmp_path / "ran")}, copied / "pytorch_model.bin")
    with pytest.raises(WeightsError) as error:
        load.opened(text_params(str(copied)), MACHINE)
    assert "weights_only" not in str(error.value)  # torch's advice
    assert not (tmp_path / "ran").exists()


class Evil:
    """Whoever unpickles it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_remote_code_is_refused_wherever_it_is_named(copied, name):
    rewrite(copied / name, lambda c: c | {"auto_map": {"AutoTokenizer": "modeling.Evil"}})
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


@pytest.mark.slow
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
