import re

import pytest

from dejavu.errors import ParamsError
from dejavu.params import section
from dejavu.params.encoders import Models, RecipeParams, ReleasedRecipe

TARGET = "{source: trained, recipe: r, trained_on: target, second_model: b, layers: [projector]}"
SECOND = (
    "{source: trained, recipe: r, trained_on: reference, second_model: null, layers: [projector]}"
)


def models(tmp_path, **entries):
    text = "\n".join(f"  {name}: {entry}" for name, entry in entries.items())
    (tmp_path / "params.yaml").write_text(f"models:\n{text}\n")
    return section(tmp_path / "params.yaml", "models", Models)


def test_a_model_and_its_second_model(tmp_path):
    assert list(models(tmp_path, a=TARGET, b=SECOND)) == ["a", "b"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (SECOND.replace("recipe: r", "recipe: q"), "has recipe 'q', expected 'r'"),
        (SECOND.replace("reference", "target"), "expected target and reference"),
        (SECOND.replace("[projector]", "[backbone]"), "lacks layers ['projector']"),
        (SECOND.replace("[projector]", "[]"), "at least one"),
    ],
)
def test_a_second_model_that_does_not_fit(tmp_path, second, message):
    with pytest.raises(ParamsError, match=re.escape(message)):
        models(tmp_path, a=TARGET, b=second)


def test_a_second_model_that_is_not_there(tmp_path):
    with pytest.raises(ParamsError, match="second_model 'b' is not among the models"):
        models(tmp_path, a=TARGET)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (TARGET, "the layers of a network of a recipe are projector and backbone"),
        ("{source: untrained, recipe: r}", "the layers of a network of a recipe are projector and"),
        ("{source: file, weights: f}", "a folder has the layers that its maker named; name modules in"),
        ("{source: embeddings, path: f}", "vectors of a module are one more folder below path"),
        (
            "{source: vicreg, recipe: released, trained_on: target, second_model: null, "
            "layers: [projector], weights: f}",
            "modules must not name projector",
        ),
    ],
)  # fmt: skip
def test_modules_where_there_are_none(tmp_path, entry, message):
    modules = ", modules: {projector: {module: layer1, pooling: map}}}"
    with pytest.raises(ParamsError, match=message):
        models(tmp_path, a=entry.removesuffix("}") + modules, b=SECOND)


def recipe(tmp_path, text):
    (tmp_path / "params.yaml").write_text(f"recipe: {text}\n")
    return section(tmp_path / "params.yaml", "recipe", RecipeParams)


def test_an_empty_recipe_is_that_of_released_models(tmp_path):
    assert isinstance(recipe(tmp_path, "{}"), ReleasedRecipe)


def test_a_key_of_another_method_is_refused(tmp_path):
    with pytest.raises(ParamsError, match="redundancy: unknown key"):
        recipe(tmp_path, "{method: vicreg, redundancy: 0.005}")


def test_an_unknown_method_names_the_known_ones(tmp_path):
    with pytest.raises(ParamsError, match=r"vicregg.*'vicreg', 'barlow_twins', 'simclr', 'dino'"):
        recipe(tmp_path, "{method: vicregg}")
