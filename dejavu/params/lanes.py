"""What a lane that is used has to name; one that is not used names nothing."""

from pathlib import Path

from dejavu.errors import ParamsError
from dejavu.params import section
from dejavu.params.caption import CaptionModels
from dejavu.params.corpora import CorpusParams
from dejavu.params.encoders import Models
from dejavu.params.predictions import Predictions
from dejavu.params.references import Annotators
from dejavu.params.report import ScoreParams

_MODELS = {"image": Models, "caption": CaptionModels}


def is_used(path: Path, lane: str) -> bool:
    """Return whether params.yaml gives a lane a corpus."""
    return bool(section(path, f"{lane}.corpus", CorpusParams).root.adapter != "none")


def require_entries(path: Path) -> None:
    """Refuse a lane that is used and names no model, or no annotator for the tags that it counts.

    Raises:
        ParamsError: the message names the section.
    """
    for lane, schema in _MODELS.items():
        if not is_used(path, lane) or section(path, f"{lane}.models", schema):
            continue
        others = section(path, "image.predictions", Predictions) if lane == "image" else {}
        if not any(entry.is_target for entry in others.values()):
            instead = ", or guesses made elsewhere with trained_on in image.predictions"
            raise ParamsError(
                f"{path}: {lane}.models names no model, expected at least one to audit"
                f"{instead if lane == 'image' else ''}; {lane}.corpus: {{adapter: none}} leaves the lane out."
            )
    if is_used(path, "image") and not section(path, "image.annotators", Annotators):
        score = section(path, "image.score", ScoreParams)
        wanted = [*score.references, *score.consensus_of]
        if tagged := [name for name in wanted if name.startswith("naive_bayes")]:
            raise ParamsError(
                f"{path}: image.annotators names no annotator, and image.score asks for {tagged[0]!r}, which "
                "counts tags. Add one (visual_words needs no weights), or leave that reference out."
            )
