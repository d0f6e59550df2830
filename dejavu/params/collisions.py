"""Names of params.yaml that are right alone, and cannot stand beside each other.

Every predictor of the image lane has one name in the tables, whatever it was made from: a network in a
layer and metric, a classifier, Naive Bayes on an annotator, guesses made elsewhere, the oracle. Two that
share a name would be taken for one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dejavu.roles import (
    CONSENSUS,
    ORACLE,
    SECOND_MODEL,
    TEXT_MODEL,
    NaiveBayes,
    predictor_name,
)

# What readers of partitioned folders (DuckDB, pandas, polars) take for NULL
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
OF_BOTH_LANES = {SECOND_MODEL, ORACLE, CONSENSUS}
# Families of references, and the section whose entries may have that name all the same
FAMILIES = {"classifier": "classifiers", "predictions": "predictions", "naive_bayes": None}

Named = tuple[str, str]  # a predictor's name, and which entry has it


def problem_of(content: Mapping[str, Any]) -> str | None:
    """Say which two things of a params.yaml would have one name; None if there are none.

    Args:
        content: the file as plain values. What has another shape than a section asks for is left out
            here: the section's own reader refuses it.

    >>> problem_of({"image": {"models": {"oracle": {}}}})
    "image.models.oracle: 'oracle' is the name of a reference. Rename the entry"
    """
    entries = [*_image_entries(content), *_caption_entries(content)]
    for where, name, own in entries:
        if name == NO_VALUE:
            return f"{where}: readers of tables take this name for NULL. Rename the entry"
        if name.lower() in _reserved(where, own):
            return f"{where}: {name!r} is the name of a reference. Rename the entry"
    seen: dict[str, Named] = {}
    for name, where in _image_predictors(content):
        key = name.replace(
            "@", "_"
        ).lower()  # as metrics are called, and files where case is ignored
        other, first = seen.setdefault(key, (name, where))
        if first != where:
            names = f"{name!r}" if other == name else f"{other!r} and {name!r}"
            return f"{first} and {where} would share the name {names} in the results. Rename one"
    return None


def _reserved(where: str, section: str) -> set[str]:
    if where.startswith("caption."):
        return OF_BOTH_LANES | {TEXT_MODEL}
    return OF_BOTH_LANES | {family for family, own in FAMILIES.items() if own != section}


def _image_entries(content: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (where, name, section) of all entries whose name becomes one of a predictor."""
    for section in ("models", "classifiers", "predictions"):
        for name in _mapping(content, "image", section):
            yield f"image.{section}.{name}", name, section


def _caption_entries(content: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in _mapping(content, "caption", "models"):
        yield f"caption.models.{name}", name, "models"


def _image_predictors(content: Mapping[str, Any]) -> Iterator[Named]:
    metrics = _texts(_mapping(content, "image", "neighbors").get("metrics"))
    for model, settings in _mapping(content, "image", "models").items():
        layers = _texts(settings.get("layers")) if isinstance(settings, Mapping) else []
        for layer in layers:
            for metric in metrics:
                name = predictor_name(model, layer, metric, layers=layers, metrics=metrics)
                yield name, f"image.models.{model} (layer {layer}, {metric})"
    for section in ("classifiers", "predictions"):
        for name in _mapping(content, "image", section):
            yield name, f"image.{section}.{name}"
    top_k = _mapping(content, "image", "naive_bayes").get("top_k")
    annotators = list(_mapping(content, "image", "annotators"))
    for annotator in annotators:
        for k in top_k if isinstance(top_k, list) else []:
            name = NaiveBayes.of(annotator, k, annotators).name
            yield name, f"image.annotators.{annotator} (K = {k})"


def _mapping(content: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    value: Any = content
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[str]:
    """Return the texts of a list, each once: repeats are refused by the section's own reader."""
    values = value if isinstance(value, list) else []
    return list(dict.fromkeys(each for each in values if isinstance(each, str)))
