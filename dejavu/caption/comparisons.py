"""Who is compared with whom in the caption lane."""

import dataclasses
from collections.abc import Mapping

from dejavu.errors import ParamsError, suggestion
from dejavu.params.caption import CaptionModelParams, CaptionScoreParams, TrainedClipParams
from dejavu.params.report import CaptionHeadline
from dejavu.roles import ORACLE, SECOND_MODEL, TEXT_MODEL


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Predictor:
    """What guesses the objects of a caption: a model searching in one mode, or the oracle."""

    model: str
    mode: str  # t2i or t2t; empty for the oracle, which searches nothing


@dataclasses.dataclass(frozen=True, slots=True)
class CaptionComparison:
    """A target model in one mode against one reference."""

    target: str
    reference: str
    mode: str
    reference_predictor: Predictor

    @property
    def target_predictor(self) -> Predictor:
        """Return the target model searching in `mode`."""
        return Predictor(self.target, self.mode)


def reference_names(models: Mapping[str, CaptionModelParams]) -> dict[str, str]:
    """Return the text model behind each reference name.

    The first text model is called ``text_model``, any other ``text_model_<its name>``.
    """
    texts = [name for name, model in models.items() if _is_text_model(model)]
    return {TEXT_MODEL if i == 0 else f"{TEXT_MODEL}_{name}": name for i, name in enumerate(texts)}


def _is_text_model(model: CaptionModelParams) -> bool:
    if model.source == "embeddings":
        return model.is_text_model
    return model.source == "sentence_transformers"


def target_names(models: Mapping[str, CaptionModelParams]) -> list[str]:
    """Return the models under audit: those that see images and are nobody's second model."""
    seconds = {model.second_model for model in models.values()}
    return [
        name for name, model in models.items() if not _is_text_model(model) and name not in seconds
    ]


def headline_mode(model: CaptionModelParams, headline: CaptionHeadline) -> str:
    """Return the mode in which a target opens: the headline's, else its own first one."""
    modes: tuple[str, ...] = model.modes
    return headline.mode if headline.mode in modes else modes[0]


def plan(
    models: Mapping[str, CaptionModelParams], settings: CaptionScoreParams, *, knows_truth: bool
) -> list[CaptionComparison]:
    """List every comparison, in the order of the score table's key.

    Args:
        models: section ``caption.models``.
        settings: section ``caption.score``.
        knows_truth: whether the corpus knows P(object | caption), which the oracle needs.

    Raises:
        ParamsError: a reference or a second model has no entry, or cannot search as its target does.
    """
    texts = reference_names(models)
    known = {SECOND_MODEL, ORACLE, *texts}
    comparisons: list[CaptionComparison] = []
    for reference in settings.references:
        if reference not in known:
            raise ParamsError(
                f"caption.score.references: unknown reference {reference!r}."
                + suggestion(reference, known)
            )
    for target in target_names(models):
        for mode in models[target].modes:
            for reference in settings.references:
                predictor = _predictor(reference, target, mode, models, texts)
                if predictor is None or (reference == ORACLE and not knows_truth):
                    continue
                comparisons.append(CaptionComparison(target, reference, mode, predictor))
    return sorted(comparisons, key=lambda each: (each.target, each.reference, each.mode))


def _predictor(
    reference: str,
    target: str,
    mode: str,
    models: Mapping[str, CaptionModelParams],
    texts: Mapping[str, str],
) -> Predictor | None:
    if reference == ORACLE:
        return Predictor(ORACLE, "")
    if reference != SECOND_MODEL:
        return Predictor(texts[reference], "t2t")
    second = models[target].second_model
    if second is None:
        return None
    if second not in models:
        raise ParamsError(
            f"caption.models.{target}.second_model: no model {second!r}."
            + suggestion(second, models)
        )
    if mode not in models[second].modes:
        raise ParamsError(
            f"caption.models.{second}.modes lacks {mode!r}, which its target {target!r} is scored in; "
            "give both the same modes."
        )
    return Predictor(second, mode)


def trained_pairs(models: Mapping[str, CaptionModelParams]) -> dict[str, TrainedClipParams]:
    """Return the models of the pairs that are trained here, targets and second models."""
    found: dict[str, TrainedClipParams] = {}
    for name, entry in models.items():
        second = models.get(entry.second_model or "")
        if isinstance(entry, TrainedClipParams) and isinstance(second, TrainedClipParams):
            found |= {name: entry, str(entry.second_model): second}
    return found
