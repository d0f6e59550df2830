"""Read every section as the stages read it, and compare names across sections."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.caption import comparisons
from dejavu.check.findings import Finding, tried
from dejavu.errors import ParamsError, suggestion
from dejavu.image.targets import Target, require_references, targets_of, under_audit
from dejavu.params import lanes
from dejavu.params.base import Positives, Share
from dejavu.params.caption import (
    CaptionModelParams,
    CaptionModels,
    CaptionRecipe,
    CaptionScoreParams,
    ObjectsParams,
)
from dejavu.params.corpora import CorpusParams, CropParams, SplitParams
from dejavu.params.encoders import ModelParams, Models, RecipeParams
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import MachineParams
from dejavu.params.measures import MeasureNames, Temperature
from dejavu.params.predictions import Predictions
from dejavu.params.references import AnnotatorParams, Annotators, ClassifierParams, NaiveBayesParams
from dejavu.params.report import (
    FalseDiscoveryPercent,
    OptionalCaptionHeadline,
    ReportParams,
    ScoreParams,
)
from dejavu.params.search import NeighborsParams, RetrieveParams
from dejavu.report import opening
from dejavu.roles import ORACLE, SECOND_MODEL, NaiveBayes

LANES = ("image", "caption")
# Every `section(params, NAME, SCHEMA)` of stages/; what stands for {} is said in _names.
SECTIONS: tuple[tuple[str, Any], ...] = (
    ("seed", int),
    ("limits", LimitsParams),
    ("limits.unannotated", Share),
    ("{lane}.corpus", CorpusParams),
    ("{lane}.split", SplitParams),
    ("image.crop", CropParams),
    ("image.models", Models),
    ("image.models.{image_model}", ModelParams),
    ("recipes.{image_recipe}", RecipeParams),
    ("image.neighbors", NeighborsParams),
    ("image.predictions", Predictions),
    ("image.annotators", Annotators),
    ("image.annotators.{annotator}", AnnotatorParams),
    ("image.naive_bayes", NaiveBayesParams),
    ("image.naive_bayes.top_k", Positives),
    ("image.classifiers.{classifier}", ClassifierParams),
    ("image.score", ScoreParams),
    ("caption.objects", ObjectsParams),
    ("caption.models", CaptionModels),
    ("caption.models.{caption_model}", CaptionModelParams),
    ("recipes.{caption_recipe}", CaptionRecipe),
    ("caption.retrieve", RetrieveParams),
    ("caption.score", CaptionScoreParams),
    ("measures.image", MeasureNames),
    ("measures.caption", MeasureNames),
    ("measures.temperature", Temperature),
    ("report", ReportParams),
    ("report.false_discovery_percent", FalseDiscoveryPercent),
    ("report.headline.caption", OptionalCaptionHeadline),
    ("report.storey", bool),
    ("machine", MachineParams),
)


def read_all(path: Path) -> tuple[list[Finding], dict[str, Any]]:
    """Read every section of `path` with the schema that its stage uses.

    Returns:
        A finding per section, and what those that fit came to, by name; for recipes see `recipe`.

    Raises:
        ParamsError: the file is missing or no YAML.
    """
    content = params.read(path)
    findings, values = [], {}
    for pattern, schema in SECTIONS:
        for name in _filled(pattern, content):

            def read(
                name: str = name, schema: Any = schema, lane: str = _recipes_of(pattern)
            ) -> str:
                values[lane + name] = params.section(path, name, schema)
                return ""

            findings.append(tried("params", name, read))
    findings.append(tried("params", "names of sections", lambda: _no_stranger(content)))
    findings.append(tried("params", "entries of the lanes", lambda: _entries_of_lanes(path)))
    return findings, values


def _entries_of_lanes(path: Path) -> str:
    lanes.require_entries(path)
    return ""


def recipe(values: Mapping[str, Any], lane: str, model: Any) -> Any:
    """Return the recipe of a model as its lane's stages read it; None if it does not fit."""
    return values.get(f"{lane}.recipes.{model.recipe}")


def compare(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that names which one section uses exist in another; `values` are sections that fit."""
    if {"image.corpus", "image.models", "image.neighbors", "image.score"} <= values.keys():
        yield tried("params", "image.score.references", lambda: _image_references(values))
    if {"caption.corpus", "caption.models", "caption.score"} <= values.keys():
        yield tried("params", "caption.score.references", lambda: _caption_references(values))
    image = {"image.corpus", "image.models", "image.neighbors", "image.score", "report"}
    if image <= values.keys():
        yield tried("params", "report.headline.image", lambda: _image_headline(values))
    if {"caption.corpus", "caption.models", "caption.score", "report"} <= values.keys():
        yield tried("params", "report.headline.caption", lambda: _caption_headline(values))


def _recipes_of(pattern: str) -> str:
    """Return what tells the two readings of one recipe apart: `released` is one of both lanes."""
    return next((f"{lane}." for lane in LANES if f"{{{lane}_recipe}}" in pattern), "")


def _filled(pattern: str, content: Mapping[str, Any]) -> list[str]:
    place = pattern.partition("{")[2].partition("}")[0]
    return [pattern.replace(f"{{{place}}}", name) for name in _names(place, content)]


def _names(place: str, content: Mapping[str, Any]) -> Sequence[str]:
    lane, _, kind = place.partition("_")
    if place in ("", "lane"):
        return LANES if place else ("",)
    if kind == "recipe":
        models = _mapping(content, lane, "models").values()
        recipes = {
            str(m["recipe"]): None for m in models if isinstance(m, Mapping) and "recipe" in m
        }
        return list(recipes)
    if kind == "model":
        return list(_mapping(content, lane, "models"))
    return list(_mapping(content, "image", f"{place}s"))


def _mapping(content: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    value: Any = content
    for key in keys:
        value = value.get(key, {}) if isinstance(value, Mapping) else {}
    return value if isinstance(value, Mapping) else {}


def _no_stranger(content: Mapping[str, Any]) -> str:
    """Refuse keys that no stage reads: DVC would ignore a misspelled section."""
    known: dict[str, set[str]] = {
        "": {"image", "caption", "recipes"},
        "image": set(),
        "caption": set(),
        "measures": set(),
    }
    for pattern, _ in SECTIONS:
        first, _, rest = pattern.partition(".")
        lanes = LANES if first == "{lane}" else (first,)
        for lane in lanes:
            known[""] |= {lane}
            known.get(lane, set()).add(rest.partition(".")[0])
    for where, keys in known.items():
        there = content if not where else _mapping(content, where)
        if strangers := sorted(set(there) - keys):
            raise ParamsError(
                f"{where or 'the file'}: no stage reads {strangers[0]!r}."
                f"{suggestion(strangers[0], keys)}"
            )
    return ""


def _is_used(values: Mapping[str, Any], lane: str) -> bool:
    return bool(values[f"{lane}.corpus"].root.adapter != "none")


def _image_references(values: Mapping[str, Any]) -> str:
    if not _is_used(values, "image"):
        return "the lane is not used"
    score, families = values["image.score"], {*_image_families(values), "consensus"}
    single = {name for members in _image_families(values).values() for name in members}
    for where, names, known in (
        ("references", score.references, single | families),
        ("consensus_of", score.consensus_of, single),
    ):
        require_references(f"image.score.{where}", names, _image_targets(values))
        for name in names:
            if name not in known:
                raise ParamsError(f"image.score.{where}: {name!r}?{suggestion(name, known)}")
    return f"{len(score.references)} references, {len(_image_targets(values))} predictors attacked"


def _image_families(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the one-model references of the parameters, and the second model, by family."""
    targets = _image_targets(values)
    annotators = list(values.get("image.annotators", {}))
    top_k = values.get("image.naive_bayes.top_k", ())
    tagged = [NaiveBayes.of(name, k, annotators).name for name in annotators for k in top_k]
    return {
        SECOND_MODEL: [SECOND_MODEL],
        ORACLE: [ORACLE],
        "classifier": [name.rpartition(".")[2] for name in values if ".classifiers." in name],
        "naive_bayes": tagged,
        "predictions": [
            name for name in values.get("image.predictions", {}) if name not in under_audit(targets)
        ],
    }


def _image_targets(values: Mapping[str, Any]) -> list[Target]:
    guesses = values.get("image.predictions", {})
    return targets_of(values["image.models"], guesses, values["image.neighbors"])


def _caption_references(values: Mapping[str, Any]) -> str:
    if not _is_used(values, "caption"):
        return "the lane is not used"
    models, score = values["caption.models"], values["caption.score"]
    planned = comparisons.plan(models, score, knows_truth=True)
    if max(score.k) > (k := values["caption.retrieve"].k):
        raise ParamsError(f"caption.score.k: {max(score.k)} exceeds caption.retrieve.k = {k}.")
    return f"{len(planned)} comparisons"


def _image_headline(values: Mapping[str, Any]) -> str:
    headline = values["report"].headline.image
    if not _is_used(values, "image"):
        return "the lane is not used"
    targets = _image_targets(values)
    if headline is None:
        raise opening.no_headline("image", [target.name for target in targets])
    by_name = {target.name: target for target in targets}
    opening.require("image.target", headline.target, by_name)
    require_references("report.covariates", values["report"].covariates, targets)
    families, wanted = _image_families(values), values["image.score"].references
    measured = {name for entry in wanted for name in families.get(entry, [entry])}
    if by_name[headline.target].second_model is None:
        measured.discard(SECOND_MODEL)
    opening.require("image.reference", headline.reference, measured)
    return f"{headline.target} against {headline.reference}"


def _caption_headline(values: Mapping[str, Any]) -> str:
    headline = values["report"].headline.caption
    if not _is_used(values, "caption"):
        return "the lane is not used"
    models, score = values["caption.models"], values["caption.score"]
    targets = comparisons.target_names(models)
    if headline is None:
        raise opening.no_headline("caption", targets)
    opening.require("caption.target", headline.target, targets)
    opening.require("caption.mode", headline.mode, models[headline.target].modes)
    opening.require("caption.k", str(headline.k), [str(k) for k in score.k])
    opening.require("caption.top", str(headline.top), [*map(str, score.top), "all"])
    return f"{headline.target}, {headline.mode}, K = {headline.k}, top {headline.top}"
