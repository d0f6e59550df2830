"""Which predictors are under audit in the image lane, and which second model answers each."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence

from dejavu.errors import ParamsError
from dejavu.params.encoders import ModelParams
from dejavu.params.predictions import PredictionsParams
from dejavu.params.search import NeighborsParams
from dejavu.roles import CONTROL, TARGET, Role, predictor_name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One attacked predictor: a model in one layer and metric, or guesses that were made elsewhere."""

    name: str  # of the predictor
    model: str
    layer: str | None  # None: its guesses were made elsewhere
    metric: str | None  # None: likewise
    votes: int | None  # public images that voted for each guess; None: guesses that are no votes
    second_model: str | None  # predictor of the second model in the same layer and metric
    is_headline: bool  # the model's first layer and first metric
    roles_seen: tuple[Role, ...] = (TARGET,)  # whose samples the model was trained on

    @property
    def is_negative_control(self) -> bool:
        """Return whether it saw target and control alike: what it shows of memorization is a false alarm."""
        return (TARGET in self.roles_seen) == (CONTROL in self.roles_seen)

    @property
    def search(self) -> str:
        """Return how it guesses, for people: its layer and metric."""
        return "guesses made elsewhere" if self.layer is None else f"{self.layer}, {self.metric}"


def targets_of(
    models: Mapping[str, ModelParams],
    predictions: Mapping[str, PredictionsParams],
    neighbors: NeighborsParams,
) -> list[Target]:
    """List the predictors under audit.

    They are every model that is nobody's second model, layer by layer, and every entry of guesses made
    elsewhere that says what it was trained on.

    Args:
        models: section ``image.models``.
        predictions: section ``image.predictions``.
        neighbors: section ``image.neighbors``; its first metric is the headline.

    Returns:
        In the order of the parameters, models first.
    """
    guesses = [
        Target(
            name=name, model=name, layer=None, metric=None, votes=entry.votes,
            second_model=entry.second_model, is_headline=True, roles_seen=entry.roles_seen,
        )
        for name, entry in predictions.items()
        if entry.is_target
    ]  # fmt: skip
    return [*_networks(models, neighbors), *guesses]


def _networks(models: Mapping[str, ModelParams], neighbors: NeighborsParams) -> Iterator[Target]:
    seconds = {model.second_model for model in models.values()}
    metrics = neighbors.metrics
    for name, model in models.items():
        if name in seconds:
            continue
        for layer in model.layers:
            for metric in metrics:
                yield Target(
                    name=_predictor(name, models, layer, metric, metrics),
                    model=name,
                    layer=layer,
                    metric=metric,
                    votes=neighbors.k,
                    second_model=None
                    if model.second_model is None
                    else _predictor(model.second_model, models, layer, metric, metrics),
                    is_headline=(layer, metric) == (model.layers[0], metrics[0]),
                    roles_seen=model.roles_seen,
                )


def _predictor(
    model: str, models: Mapping[str, ModelParams], layer: str, metric: str, metrics: Sequence[str]
) -> str:
    return predictor_name(model, layer, metric, layers=models[model].layers, metrics=metrics)


def under_audit(targets: Collection[Target]) -> set[str]:
    """Return the predictors that are no references: targets, and their second models."""
    return {name for each in targets for name in (each.name, each.second_model) if name}


def require_references(where: str, names: Collection[str], targets: Collection[Target]) -> None:
    """Refuse a target, or its second model, among references: nobody is a reference of itself.

    Args:
        where: the key of params.yaml, for the message.
        names: what it names.
        targets: the predictors under audit.

    Raises:
        ParamsError: a name is of a predictor under audit.
    """
    for name in names:
        if name in under_audit(targets):
            raise ParamsError(
                f"{where}: {name!r} is under audit, or the second model of what is, and so no reference. "
                "Leave it out; second_model stands for every second model."
            )
