"""The published shape of results.json, for whoever reads it: commands, a CI job, other people's code.

Numbers are shares (0.05 is five points) unless a name says otherwise. What a version of this shape holds
stays readable: fields are added, and none is renamed or given another meaning under the same number.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dejavu.errors import ArtifactError
from dejavu.files import merge_conflicts
from dejavu.statistics.verdict import Word

SCHEMA_VERSION = 1
# By name of a number, the first that fits (`*` stands for anything); written into the file
UNITS: Mapping[str, str] = {
    "n*": "count",
    "adjusted_soft": "nats: difference of the mean log odds of the votes",
    "crossover_soft": "nats: half the difference of the mean log odds of the votes",
    "cut_at_fpr_*": "nats: memorization confidence",
    "crop_area": "square pixels",
    "measure_*": "as `unit` beside it says; empty: a plain number",
    "hotelling_t2": "none: a test statistic",
    "*": "share or difference of shares: 0.05 is five percentage points",
}
Share = Annotated[float, Field(ge=0, le=1)]
Lane = Literal["image", "caption"]
Count = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """A part of results.json; what others do not build on, or a later version adds, is left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Difference(Record):
    """A difference between target and control, with its interval; or why there is none."""

    value: float | None  # shares; of ``adjusted_soft``: nats
    ci95: tuple[float, float] | None = None
    se: float | None = None
    p_one_sided: Share | None = None
    n_target: Count | None = None
    n_control: Count | None = None
    reason: str | None = None  # why there is no value


class Listed(Record):
    """How many target samples are listed as memorized at the stated false discovery rate."""

    n_listed: Count
    n_target: Count
    n_control: Count
    n_control_needed: (
        Count | None
    )  # control samples that a list would need; null where there is one


class Decided(Record):
    """The word for one model, after the number of models is accounted for."""

    word: Word
    text: str  # as it is printed, e.g. "at most 3.2 points"
    p_holm: Share
    upper: float  # bound of the excess that holds for all models of the run at once
    n_needed: Count | None  # attacked samples per role that would do; null where these do


class ControlCheck(Record):
    """Whether control is like target in what lies outside the model."""

    is_closed: bool
    reasons: tuple[str, ...]


class Measured(Record):
    """One other measure of a target model, higher for what is memorized."""

    unit: str  # of the numbers below; empty: a plain number
    measure_mean_target: float
    measure_mean_control: float
    measure_adjusted: Difference
    measure_gap: Difference  # without covariates


class Model(Record):
    """One target model, at one layer and metric, against the control set."""

    adjusted: Difference
    gap: Difference  # without covariates
    adjusted_soft: Difference | None = None  # log odds of the votes
    covariates: tuple[str, ...]
    samples_listed: Listed | None = Field(default=None, alias="list")
    verdict: Decided | None = None  # null: exploratory, or a role has too few samples
    control_check: ControlCheck | None = None
    measures: Mapping[str, Measured] = Field(default_factory=dict)  # exploratory, by name


class About(Record):
    """What holds for the whole file."""

    schema_version: Literal[1]
    units: Mapping[str, str]  # by pattern of a number's name, the first that fits
    seed: int
    resamples: Count
    interval: str


class Results(Record):
    """Everything in results.json that others build on; ``image`` and ``caption`` hold all scores by name."""

    about: About
    calibrated: Mapping[Lane, Mapping[str, Model]]
    image: Mapping[str, Any] = Field(default_factory=dict)
    caption: Mapping[str, Any] = Field(default_factory=dict)

    def decided(self) -> dict[tuple[Lane, str], Model]:
        """Return the models that got a word, by lane and name, in the order of the file."""
        return {
            (lane, name): model
            for lane, models in self.calibrated.items()
            for name, model in models.items()
            if model.verdict is not None
        }

    def undecided(self) -> dict[Lane, str]:
        """Return the lanes that were measured and got no word, with the reason."""
        lanes: tuple[tuple[Lane, Mapping[str, Any]], ...] = (
            ("image", self.image), ("caption", self.caption),
        )  # fmt: skip
        decided = {lane for lane, _ in self.decided()}
        return {lane: self._why(lane) for lane, scores in lanes if scores and lane not in decided}

    def _why(self, lane: Lane) -> str:
        reasons = {model.adjusted.reason for model in self.calibrated.get(lane, {}).values()}
        known = sorted(reason for reason in reasons if reason)
        return "; ".join(known) or "no control samples: the scores are not calibrated"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of results.json, as docs/results.schema.json holds it."""
    found = Results.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"results.json of dejavu, version {SCHEMA_VERSION}",
    } | {name: value for name, value in found.items() if name != "title"}


def read(reports: Path) -> Results:
    """Return ``results.json`` of a folder of reports.

    Raises:
        ArtifactError: there is none, or it was made by another version of this program.
    """
    path = reports / "results.json"
    if not path.is_file():
        raise ArtifactError(f"{path}: no results here yet. Run `dvc repro` to make them.")
    raw = path.read_bytes()
    try:
        return Results.model_validate_json(raw)
    except ValidationError as error:
        if problem := merge_conflicts.problem_of(path, raw.decode("utf-8", "replace")):
            raise ArtifactError(problem) from None
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ArtifactError(
            f"{path}: {where}: {first['msg']}. Expected results of this version: run `dvc repro` to make "
            "them again."
        ) from None
