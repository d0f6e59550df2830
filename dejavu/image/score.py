"""Compare every target with every reference, sample by sample (paper, Definition 1 and equation 3)."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from dejavu.errors import ArtifactError, ParamsError, suggestion
from dejavu.image.predictions import DECIMALS
from dejavu.image.references import consensus
from dejavu.image.targets import Target, require_references, under_audit
from dejavu.params.report import ScoreParams
from dejavu.roles import CONSENSUS, ORACLE, SECOND_MODEL
from dejavu.run.progress import track
from dejavu.tables import parquet
from dejavu.tables.schemas import IMAGE_SCORES, PREDICTIONS

_FAMILIES = {
    "classifier": "classifiers",
    "naive_bayes": "naive_bayes",
    ORACLE: "oracle",
    "predictions": "elsewhere",
}


@dataclasses.dataclass(frozen=True, slots=True)
class ImageComparison:
    """A target against a reference; `predictors` are who answers for the reference."""

    target: Target
    reference: str
    predictors: tuple[str, ...]  # one; for `consensus` all its members


class PredictionFolder:
    """The predictions of all predictors, in files of any layout below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = sorted(folder.rglob("*.parquet"))
        if not self.files:
            raise ArtifactError(f"{folder}: no predictions here. Run `dvc repro` to build them.")
        self._file_of: dict[str, Path] = {}
        for file in self.files:
            for name in _names_in(file):
                other = self._file_of.setdefault(name, file)
                if other != file:
                    raise ArtifactError(
                        f"{file} and {other} both hold predictor {name!r}, expected one file per "
                        "predictor. Remove the one that no stage writes."
                    )

    def family(self, name: str) -> list[str]:
        """Return the predictors in the file or folder `name` directly below the root, sorted."""
        return sorted(
            predictor
            for predictor, file in self._file_of.items()
            if Path(file.relative_to(self.folder).parts[0]).stem == name
        )

    def names(self) -> list[str]:
        """Return all predictors, sorted."""
        return sorted(self._file_of)

    def read(self, predictor: str) -> pa.Table:
        """Return the rows of one predictor in sample_id order.

        Raises:
            ArtifactError: nobody predicted under this name.
        """
        if predictor not in self._file_of:
            raise ArtifactError(
                f"{self.folder}: no predictor {predictor!r}.{suggestion(predictor, self.names())} "
                "Run `dvc repro` to build it."
            )
        rows = pads.dataset(self._file_of[predictor], format="parquet").to_table(
            columns=PREDICTIONS.schema.names, filter=pc.field("predictor") == predictor
        )
        return rows.sort_by("sample_id").combine_chunks()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSettings:
    """Who is compared with whom."""

    targets: tuple[Target, ...]  # the predictors under audit
    references: ScoreParams  # section ``image.score``


def score(*, settings: ScoreSettings, inputs: Path, out: Path) -> None:
    """Write the table of image scores: one row per target, reference and attacked sample.

    is_memorized = the target is right and the reference wrong; memorization_confidence = entropy of
    the reference − entropy of the target, nats, rounded to nine decimals so that ties are ties; NULL
    where a guess came without an entropy.

    Args:
        settings: the comparisons.
        inputs: folder of `predictions` tables; files ``oracle``, ``naive_bayes``, ``elsewhere``
            and the folder ``classifiers`` hold the one-model references.
        out: the `image_scores` table to write. Memory holds one comparison at a time.

    Raises:
        ParamsError: a reference has an unknown name, or is under audit.
        ArtifactError: predictors of different splits or crops, or of different samples.
    """
    folder = PredictionFolder(inputs)
    stamp = parquet.require_common_origin(folder.files, "samples", "split", "crops")
    stamp["predictions"] = parquet.fingerprint(inputs)
    if not folder.names():  # the lane is not used
        IMAGE_SCORES.write(IMAGE_SCORES.schema.empty_table(), out, inputs=stamp)
        return
    comparisons = plan(settings.targets, settings.references, folder)
    if not comparisons:
        raise ParamsError(
            "image.score.references: no reference applies to any target. Known: "
            f"{', '.join(_known_names(folder))}."
        )
    IMAGE_SCORES.write_stream(_scored(comparisons, folder), out, inputs=stamp)


def plan(
    targets: Sequence[Target], settings: ScoreParams, folder: PredictionFolder
) -> list[ImageComparison]:
    """List all comparisons in the order of the score table: target, then reference.

    A name in ``image.score.references`` is a family or one predictor. A target without a second model
    has no ``second_model`` comparison; a corpus without known truth has no ``oracle``. Guesses made elsewhere
    that are under audit are in no family.

    Raises:
        ParamsError: a reference has an unknown name, or is under audit.
    """
    for key in ("references", "consensus_of"):
        require_references(f"image.score.{key}", getattr(settings, key), targets)
    taken = under_audit(targets)
    pairs = {
        (target.name, reference): ImageComparison(target, reference, predictors)
        for target in targets
        for entry in settings.references
        for reference, predictors in _references(entry, target, settings, folder)
        if reference not in taken
    }
    return [pairs[names] for names in sorted(pairs)]


def _references(
    entry: str, target: Target, settings: ScoreParams, folder: PredictionFolder
) -> list[tuple[str, tuple[str, ...]]]:
    if entry == SECOND_MODEL:
        return [(entry, (target.second_model,))] if target.second_model else []
    if entry == CONSENSUS:
        members = [_member(name, target) for name in settings.consensus_of]
        return [(entry, tuple(name for name in members if name))]
    if entry in _FAMILIES:
        return [(name, (name,)) for name in folder.family(_FAMILIES[entry])]
    if entry in _one_model_references(folder):
        return [(entry, (entry,))]
    raise ParamsError(
        f"image.score.references: no reference {entry!r}.{suggestion(entry, _known_names(folder))}"
    )


def _member(name: str, target: Target) -> str | None:
    return target.second_model if name == SECOND_MODEL else name


def _one_model_references(folder: PredictionFolder) -> list[str]:
    return [name for family in _FAMILIES.values() for name in folder.family(family)]


def _known_names(folder: PredictionFolder) -> set[str]:
    return {SECOND_MODEL, CONSENSUS, *_FAMILIES, *_one_model_references(folder)}


def _scored(comparisons: Sequence[ImageComparison], folder: PredictionFolder) -> Iterator[pa.Table]:
    target = folder.read(comparisons[0].target.name)
    for comparison in track(comparisons, what="score_labels, comparisons"):
        if target["predictor"][0].as_py() != comparison.target.name:
            target = folder.read(comparison.target.name)
        if comparison.reference == CONSENSUS:
            members = pa.concat_tables([folder.read(name) for name in comparison.predictors])
            reference = consensus.combine(members, comparison.predictors)
        else:
            reference = folder.read(comparison.predictors[0])
        yield compare(target, reference, comparison)


def compare(target: pa.Table, reference: pa.Table, comparison: ImageComparison) -> pa.Table:
    """Return the score rows of one target against one reference.

    Args:
        target: rows of table ``predictions`` of one predictor, in sample_id order.
        reference: the same for the reference.
        comparison: the names to write.

    Raises:
        ArtifactError: the two guess for different samples, or disagree on role or truth.
    """
    for column in ("sample_id", "role", "label_id"):
        if not target[column].equals(reference[column]):
            raise ArtifactError(
                f"{comparison.target.name!r} and {comparison.reference!r} differ in column {column!r} "
                f"({target.num_rows} and {reference.num_rows} rows), expected the same samples. "
                "Run `dvc repro` to rebuild their predictions."
            )
    n = target.num_rows
    names = {
        "target": comparison.target.name, "model": comparison.target.model,
        "layer": comparison.target.layer, "metric": comparison.target.metric,
        "reference": comparison.reference,
    }  # fmt: skip
    target_entropy = np.round(target["entropy"].to_numpy(), DECIMALS)
    reference_entropy = np.round(reference["entropy"].to_numpy(), DECIMALS)
    return pa.table(
        {name: pa.repeat(pa.scalar(text, pa.string()), n) for name, text in names.items()}
        | {
            "sample_id": target["sample_id"],
            "role": target["role"],
            "target_correct": target["is_correct"],
            "reference_correct": reference["is_correct"],
            "is_memorized": pc.and_not(target["is_correct"], reference["is_correct"]),
            "target_entropy": _known(target_entropy),
            "reference_entropy": _known(reference_entropy),
            "memorization_confidence": _known(
                np.round(reference_entropy - target_entropy, DECIMALS) + 0.0
            ),
        },
        schema=IMAGE_SCORES.schema,
    )


def _known(values: np.ndarray) -> pa.Array:
    """Return numbers as a column in which NaN is NULL."""
    return pa.array(values, pa.float64(), from_pandas=True)


def _names_in(file: Path) -> list[str]:
    found = pq.read_table(file, columns=["predictor"], read_dictionary=["predictor"])
    return sorted(pc.unique(found["predictor"].cast(pa.string())).to_pylist())
