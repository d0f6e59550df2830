"""Which predictors are under audit in the image lane, and which second model answers each."""

import dataclasses
from collections.abc import Mapping, Sequence

from dejavu.params.encoders import ModelParams
from dejavu.roles import CONTROL, REFERENCE, TARGET, Role, predictor_name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One attacked predictor: a model in one layer and metric."""

    name: str  # of the predictor
    model: str
    layer: str
    metric: str
    second_model: str | None  # predictor of the second model in the same layer and metric
    is_headline: bool  # the model's first layer and first metric
    roles_seen: tuple[Role, ...] = (TARGET,)  # whose samples the model was trained on

    @property
    def is_negative_control(self) -> bool:
        """Return whether it saw target and control alike: what it shows of memorization is a false alarm."""
        return (TARGET in self.roles_seen) == (CONTROL in self.roles_seen)


def targets_of(models: Mapping[str, ModelParams], metrics: Sequence[str]) -> list[Target]:
    """List the predictors under audit: every model that is nobody's second model, layer by layer.

    Args:
        models: section ``image.models``.
        metrics: ``image.neighbors.metrics``, the headline first.

    Returns:
        In the order of the parameters.
    """
    seconds = {model.second_model for model in models.values()}
    return [
        Target(
            name=_predictor(name, models, layer, metric, metrics),
            model=name,
            layer=layer,
            metric=metric,
            second_model=None
            if model.second_model is None
            else _predictor(model.second_model, models, layer, metric, metrics),
            is_headline=(layer, metric) == (model.layers[0], metrics[0]),
            roles_seen=model.roles_seen,
        )
        for name, model in models.items()
        if name not in seconds
        for layer in model.layers
        for metric in metrics
    ]


def _predictor(
    model: str, models: Mapping[str, ModelParams], layer: str, metric: str, metrics: Sequence[str]
) -> str:
    return predictor_name(model, layer, metric, layers=models[model].layers, metrics=metrics)


def is_paired(entry: object) -> bool:
    """Return whether an entry of ``image.models`` is one of a pair that is trained here."""
    is_trained = getattr(entry, "source", None) == "trained"
    has_partner = getattr(entry, "second_model", None) is not None
    return is_trained and (has_partner or getattr(entry, "trained_on", None) == REFERENCE)
