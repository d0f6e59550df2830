"""Hostile names on every mapping of params.yaml whose keys reach a command, a path or a key of DVC."""

import functools
import json

import pytest

from dejavu import params
from dejavu.check import check
from dejavu.errors import ParamsError
from dejavu.params import names
from dejavu.params.caption import CaptionModels, CaptionScoreParams
from dejavu.params.encoders import Models
from dejavu.params.report import ReportParams, ScoreParams
from tests.paths import ROOT

HOSTILE = (
    "`touch x`", "a$(touch x)", "vicreg; touch x; #", "a && touch x", "a | touch x", "a > x",
    "a\ntouch x", "$HOME", "${machine.data_root}", "../x", "..", ".", "/etc/x", "a/b", "ViT-B/32",
    "gte@base", "a b", " a", "-rf", "--out", "32", "1e5", "0x1f", "1_000", "", "a.b", "a:b", "a'b",
    'a"b', "a\\b", "*", "a\0b", "\x1b[31ma", "vіcreg", "ｖicreg", "a\u202eb", "a\u200bb", "é", "null",
    "True", "nan", "2020-01-31", "x" * 65,
)  # fmt: skip
PARAMS = ROOT / "params.yaml"
MAPPINGS = (
    "image.models", "image.annotators", "image.predictions", "image.classifiers", "caption.models",
    "recipes",
)  # fmt: skip
REFERENCES = (  # section, its schema, the key that names something
    ("image.models", Models, "vicreg.recipe"),
    ("image.models", Models, "vicreg.second_model"),
    ("image.models", Models, "vicreg.layers"),
    ("image.score", ScoreParams, "references"),
    ("image.score", ScoreParams, "consensus_of"),
    ("caption.models", CaptionModels, "clip.recipe"),
    ("caption.models", CaptionModels, "clip.second_model"),
    ("caption.score", CaptionScoreParams, "references"),
    ("report", ReportParams, "headline.image.target"),
    ("report", ReportParams, "headline.image.reference"),
)


@pytest.fixture
def write(tmp_path):
    """Write a params.yaml that holds one section only; JSON is YAML, and can escape every character."""

    def write(section, content):
        for key in reversed(section.split(".") if section else ()):
            content = {key: content}
        path = tmp_path / "params.yaml"
        path.write_text(json.dumps(content))
        return path

    return write


@functools.cache
def default(section):
    return json.dumps(functools.reduce(dict.get, section.split("."), params.read(PARAMS)))


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_no_entry_has_a_hostile_name(write, mapping, name):
    path = write(mapping, {"good": {}, name: {}})
    with pytest.raises(ParamsError) as caught:
        params.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {mapping}: ")  # where it stands
    assert message.isprintable()


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "gte@base"])
@pytest.mark.parametrize(("section", "schema", "key"), REFERENCES)
@pytest.mark.slow
def test_no_reference_is_a_hostile_name(write, section, schema, key, name):
    content = json.loads(default(section))
    *above, last = key.split(".")
    entry = functools.reduce(dict.get, above, content)
    entry[last] = [name] if isinstance(entry[last], list) else name
    if len(name) == 65:  # packed names may be longer
        entry[last] = json.loads(json.dumps(entry[last]).replace("x", "xxx"))
    path = write(section, content)
    with pytest.raises(ParamsError) as caught:
        params.section(path, section, schema)
    assert f"{section}.{key.partition('.')[0]}" in str(caught.value)


@pytest.mark.parametrize("name", ["`touch x`", "a b", "ViT-B/32"])
def test_check_refuses_it_too(write, name):
    with pytest.raises(ParamsError, match="recipes: .* a name is text of letters"):
        check(write("recipes", {name: {}}))


@pytest.mark.parametrize(
    "key", ["32", "1.5", "null", "true", "[a]", "2020-01-01"], ids=lambda key: f"unquoted {key}"
)
def test_a_key_is_text(tmp_path, key):
    (tmp_path / "params.yaml").write_text(f"image: {{models: {{{key}: 1}}}}\n")
    with pytest.raises(ParamsError, match=r"image\.models: .* is no text but "):
        params.read(tmp_path / "params.yaml")


def test_names_that_share_a_folder_where_case_is_ignored(write):
    with pytest.raises(ParamsError, match="'vicreg' and 'VICReg' differ in case only"):
        params.read(write("image.models", {"vicreg": {}, "VICReg": {}}))


@pytest.mark.parametrize("name", ["vit-b_32", "2nd", "_x", "A", "e5", "x" * 64, "nano", "1st-try"])
def test_names_of_the_field_are_names(name):
    assert names.problem_of(name) is None


@pytest.mark.parametrize(
    "name", ["naive_bayes@5", "naive_bayes_visual_words@20", "vicreg_backbone_l2", "x" * 190]
)
def test_packed_names_are_references(name):
    assert names.check_reference(name) == name


@pytest.mark.parametrize("name", ["a@", "a@b", "@5", "a@5@6", "a@0", "a@-1", "a@5;", "x" * 193])
def test_what_is_packed_wrongly_is_no_reference(name):
    with pytest.raises(ValueError, match="is not a reference"):
        names.check_reference(name)


def test_folders_of_a_corpus_may_have_any_name(tmp_path):
    (tmp_path / "params.yaml").write_text(
        "image: {split: {roles_from: {source: folders, folders: {val/a b.c: control}}}}\n"
    )
    assert params.read(tmp_path / "params.yaml")["image"]["split"]["roles_from"]["folders"]


def both(section, entries):
    """Return a whole params.yaml whose `section` holds `entries` more."""
    content = params.read(PARAMS)
    *above, last = section.split(".")
    mapping = functools.reduce(dict.__getitem__, above, content)
    mapping[last] = mapping.get(last, {}) | entries
    return content


COLLISIONS = (  # section, the entry that is added, what it would be taken for
    ("image.models", "oracle", "the name of a reference"),
    ("image.models", "Oracle", "the name of a reference"),
    ("image.models", "classifier", "the name of a reference"),
    ("image.models", "second_model", "the name of a reference"),
    ("image.classifiers", "oracle", "the name of a reference"),
    ("image.classifiers", "consensus", "the name of a reference"),
    ("image.classifiers", "naive_bayes", "the name of a reference"),
    ("image.classifiers", "predictions", "the name of a reference"),
    ("image.classifiers", "vicreg", "image.models.vicreg (layer projector, cosine)"),
    ("image.classifiers", "VICReg_L2", "'vicreg_l2' and 'VICReg_L2'"),
    ("image.classifiers", "vicreg_backbone", "image.models.vicreg (layer backbone, cosine)"),
    ("image.classifiers", "naive_bayes_5", "'naive_bayes_5' and 'naive_bayes@5'"),
    ("image.predictions", "consensus", "the name of a reference"),
    ("image.predictions", "classifier", "the name of a reference"),
    ("image.predictions", "vicreg", "image.models.vicreg (layer projector, cosine)"),
    ("image.predictions", "dino_second_backbone_l2", "image.models.dino_second (layer backbone, l2)"),
    ("image.predictions", "naive_bayes_visual_words_1", "image.annotators.visual_words (K = 1)"),
    ("image.models", "__HIVE_DEFAULT_PARTITION__", "NULL"),
    ("caption.models", "oracle", "the name of a reference"),
    ("caption.models", "text_model", "the name of a reference"),
    ("caption.models", "second_model", "the name of a reference"),
)  # fmt: skip


@pytest.mark.parametrize(("section", "name", "taken_for"), COLLISIONS)
@pytest.mark.slow
def test_no_entry_has_the_name_of_something_else(write, section, name, taken_for):
    path = write("", both(section, {name: {}}))
    for read in (params.read, check):
        with pytest.raises(ParamsError) as caught:
            read(path)
        assert f"{section}.{name}" in str(caught.value)
        assert taken_for in str(caught.value)


def test_a_layer_of_one_model_is_not_another_model(write):
    content = both("image.models", {})
    content["image"]["models"]["vicreg_backbone"] = content["image"]["models"]["vicreg_second"]
    with pytest.raises(ParamsError, match="would share the name 'vicreg_backbone'"):
        params.read(write("", content))


def test_a_layer_is_not_called_as_a_metric(write):
    content = both("image.models", {"given": {"layers": ["features", "l2"]}})
    with pytest.raises(ParamsError, match="would share the name 'given_l2'"):
        params.read(write("", content))


def test_layers_that_differ_in_case_only_are_one_folder(write):
    models = json.loads(default("image.models"))
    models["vicreg"]["layers"] = ["projector", "Projector"]
    with pytest.raises(ParamsError, match="each layer once"):
        params.section(write("image.models", models), "image.models", Models)


def test_a_family_may_have_a_member_of_its_own_name(write):
    content = both("image.predictions", {"predictions": {"path": "guesses.csv"}})
    assert "classifier" in content["image"]["classifiers"]
    assert params.read(write("", content))


@pytest.mark.parametrize("odd", [None, [], "x", 5, {"a": None}, {"a": []}, {"a": {"layers": "b"}}])
@pytest.mark.parametrize(
    "section", ["models", "classifiers", "neighbors", "naive_bayes", "annotators"]
)
def test_sections_of_another_shape_are_left_to_their_readers(write, section, odd):
    assert params.read(write(f"image.{section}", odd))
