"""The names of roles, of references and of predictors, once (paper, sections 2 and 3)."""

from collections.abc import Sequence
from typing import Final, Literal

Role = Literal["target", "reference", "public", "control"]

TARGET: Final = "target"  # the model under test was trained on it, and it is attacked
REFERENCE: Final = "reference"  # trains the references and the second model
PUBLIC: Final = "public"  # the labelled bank that neighbors come from
CONTROL: Final = "control"  # no model was trained on it; attacked exactly like the target role
UNUSED: Final = "unused"  # has no role

ROLES: Final = (TARGET, REFERENCE, PUBLIC, CONTROL)
ATTACKED: Final = (TARGET, CONTROL)

SECOND_MODEL: Final = "second_model"  # reference: a model of the same recipe on the reference role
TEXT_MODEL: Final = "text_model"  # reference, caption lane: a text embedding model
ORACLE: Final = "oracle"  # reference: the true distribution, which embedded corpora know
CONSENSUS: Final = "consensus"  # reference: right if any of several references is right


def predictor_name(
    model: str, layer: str, metric: str, *, layers: Sequence[str], metrics: Sequence[str]
) -> str:
    """Return the predictor's name; the first layer and the first metric stay unsaid.

    >>> predictor_name("vicreg", "backbone", "l2", layers=["projector", "backbone"], metrics=["l2"])
    'vicreg_backbone'
    """
    parts = [model, *([layer] if layer != layers[0] else [])]
    return "_".join([*parts, *([metric] if metric != metrics[0] else [])])


def naive_bayes_name(annotator: str, top_k: int, annotators: Sequence[str]) -> str:
    """Return ``naive_bayes@K`` for the first of `annotators`, ``naive_bayes_<annotator>@K`` else.

    >>> naive_bayes_name("ram", 5, ["ram", "dog"])
    'naive_bayes@5'
    >>> naive_bayes_name("dog", 5, ["ram", "dog"])
    'naive_bayes_dog@5'
    """
    which = "" if annotator == annotators[0] else f"_{annotator}"
    return f"naive_bayes{which}@{top_k}"
