"""The names of roles, of references and of predictors, once (paper, sections 2 and 3)."""

import dataclasses
import re
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
_NAIVE_BAYES = re.compile(r"naive_bayes(?:_(?P<annotator>.+))?@(?P<top_k>[0-9]+)")


def predictor_name(
    model: str, layer: str, metric: str, *, layers: Sequence[str], metrics: Sequence[str]
) -> str:
    """Return the predictor's name; the first layer and the first metric stay unsaid.

    >>> predictor_name("vicreg", "backbone", "l2", layers=["projector", "backbone"], metrics=["l2"])
    'vicreg_backbone'
    """
    parts = [model, *([layer] if layer != layers[0] else [])]
    return "_".join([*parts, *([metric] if metric != metrics[0] else [])])


def is_paired(entry: object) -> bool:
    """Return whether an entry of ``image.models`` or ``caption.models`` is of a pair that is trained here."""
    is_trained = getattr(entry, "source", None) == "trained"
    has_partner = getattr(entry, "second_model", None) is not None
    return is_trained and (has_partner or getattr(entry, "trained_on", None) == REFERENCE)


@dataclasses.dataclass(frozen=True, slots=True)
class NaiveBayes:
    """The reference that counts the first tags of each crop (paper, section 3.2), and its name in tables.

    >>> NaiveBayes(None, 5).name, NaiveBayes("words", 5).name
    ('naive_bayes@5', 'naive_bayes_words@5')
    >>> NaiveBayes.named("naive_bayes_words@5") == NaiveBayes("words", 5), NaiveBayes.named("classifier")
    (True, None)
    """

    annotator: str | None  # None: the first one, which stays unsaid
    top_k: int  # tags that count

    @classmethod
    def of(cls, annotator: str, top_k: int, annotators: Sequence[str]) -> "NaiveBayes":
        """Return the reference of one of `annotators`."""
        return cls(None if annotator == annotators[0] else annotator, top_k)

    @classmethod
    def named(cls, name: str) -> "NaiveBayes | None":
        """Return the reference of this name; None where it is another kind of reference."""
        found = _NAIVE_BAYES.fullmatch(name)
        return found and cls(found["annotator"], int(found["top_k"]))

    @property
    def name(self) -> str:
        """Return ``naive_bayes@K`` or ``naive_bayes_<annotator>@K``."""
        which = "" if self.annotator is None else f"_{self.annotator}"
        return f"naive_bayes{which}@{self.top_k}"
