"""Section ``image.predictions``: guesses that were made elsewhere."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from dejavu.params.base import Model, Positive, Seen
from dejavu.params.external_files import File
from dejavu.params.names import Name
from dejavu.roles import REFERENCE, TARGET


class PredictionsParams(Model):
    """An entry of ``image.predictions``: a table of guesses about the crops.

    With ``trained_on`` it is a target of the audit, and stands for the network that guessed. Without it, and
    with ``trained_on: reference``, it is a reference, or the second model of the entry that names it.
    """

    no_modules = "guesses come without a network"
    path: File  # .csv, .tsv, .parquet or .jsonl, relative to machine.data_root
    # what the guessing network was trained on: the target role, the reference role, a list of roles, or none
    # of these images; null: it is a reference, of which nothing more is known
    trained_on: Literal["target", "reference", "elsewhere"] | Seen | None = None
    second_model: Name | None = None  # entry of the same recipe on the reference role
    # neighbors whose votes the probabilities are shares of; null: they are no votes
    votes: Positive | None = None

    @property
    def is_target(self) -> bool:
        """Return whether it is under audit."""
        return self.trained_on not in (None, REFERENCE)


def check_predictions(entries: dict[str, PredictionsParams]) -> dict[str, PredictionsParams]:
    """Refuse a second model that is unknown, not of the reference role, or voted otherwise."""
    for name, entry in entries.items():
        if entry.second_model is None:
            continue
        second = entries.get(entry.second_model)
        if second is None:
            raise ValueError(
                f"{name}.second_model {entry.second_model!r} is not among the entries of image.predictions: "
                "guesses made elsewhere have a second model whose guesses were made elsewhere"
            )
        if (entry.trained_on, second.trained_on) != (TARGET, REFERENCE):
            raise ValueError(
                f"{name} has trained_on: {_stated(entry)} and its second_model {entry.second_model!r} has "
                f"trained_on: {_stated(second)}, expected target and reference"
            )
        if entry.votes != second.votes:
            raise ValueError(
                f"{name} has votes: {entry.votes} and its second_model {entry.second_model!r} has votes: "
                f"{second.votes}, expected one number: the two-model test compares networks of one recipe"
            )
    return entries


def _stated(entry: PredictionsParams) -> object:
    if isinstance(entry.trained_on, tuple):
        return list(entry.trained_on)
    return "null" if entry.trained_on is None else entry.trained_on


Predictions = Annotated[dict[Name, PredictionsParams], AfterValidator(check_predictions)]
