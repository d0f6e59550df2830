"""The attacked samples of one predictor as arrays, and what is known of them without it."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int64

from dejavu.errors import ArtifactError
from dejavu.roles import TARGET, NaiveBayes
from dejavu.statistics.adjusted import Side
from dejavu.statistics.covariates import Covariates, covariates, log_probability
from dejavu.statistics.design import DesignMatrix, Matrix
from dejavu.statistics.listing import log_odds
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """Guesses of one predictor for both roles, in sample_id order."""

    sample_id: Int64[np.ndarray, " n"]
    is_target: Bool[np.ndarray, " n"]
    label_id: Int64[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]
    is_correct: Float64[np.ndarray, " n"]  # 0 or 1
    p_truth: Float64[np.ndarray, " n"] | None  # share of votes, or probability; None: not known

    def soft(self, votes: int | None) -> Float64[np.ndarray, " n"] | None:
        """Return the log odds of the votes for the truth among all; None where guesses came without."""
        if self.p_truth is None or votes is None:
            return None
        return log_odds(np.rint(self.p_truth * votes), np.full(len(self.p_truth), float(votes)))

    def sides(self, y: Float64[np.ndarray, " n"], x: Matrix | None = None) -> tuple[Side, Side]:
        """Return target and control of one measure."""
        x = np.zeros((len(y), 0)) if x is None else x
        target, control = (
            Side(y=y[rows], x=x[rows], group=self.group[rows])
            for rows in (self.is_target, ~self.is_target)
        )
        return target, control


def read(catalog: Catalog, predictor: str) -> Attacked:
    """Return the guesses of one predictor.

    Raises:
        ArtifactError: there are none.
    """
    rows = catalog.table(queries.text("image_attacked"), {"predictor": predictor})
    if not rows.num_rows:
        raise ArtifactError(
            f"predictor {predictor!r} has no guess for any attacked sample. Run `dvc repro` to make them."
        )
    p_truth = rows["p_truth"].to_numpy().astype(np.float64)
    return Attacked(
        sample_id=rows["sample_id"].to_numpy(),
        is_target=pc.equal(rows["role"], TARGET).to_numpy(),
        label_id=rows["label_id"].to_numpy().astype(np.int64),
        group=rows["group_id"].to_numpy(),
        is_correct=rows["is_correct"].to_numpy(zero_copy_only=False).astype(np.float64),
        p_truth=None if np.isnan(p_truth).any() else p_truth,
    )


def require_same(one: Attacked, other: Attacked, names: tuple[str, str]) -> None:
    """Require that two predictors guess for the same samples, in the same roles and groups.

    Raises:
        ArtifactError: they do not.
    """
    if not all(
        np.array_equal(getattr(one, column), getattr(other, column))
        for column in ("sample_id", "is_target", "group", "label_id")
    ):
        raise ArtifactError(
            f"predictions: {names[1]!r} guesses for other samples than {names[0]!r}. Run `dvc repro` to "
            "attack again."
        )


def chosen(entries: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the predictors that ``report.covariates`` names, those that exist, in its order.

    ``naive_bayes@5`` stands for Naive Bayes at 5 tags of every annotator.

    >>> chosen(["classifier", "naive_bayes@5"], {"naive_bayes@5", "naive_bayes_words@5", "naive_bayes@1"})
    ['naive_bayes@5', 'naive_bayes_words@5']
    """
    tagged = {name: each for name in sorted(known) if (each := NaiveBayes.named(name))}
    found: dict[str, None] = {}
    for entry in entries:
        every: list[str] = []
        if (asked := NaiveBayes.named(entry)) is not None and asked.annotator is None:
            every = [name for name, each in tagged.items() if each.top_k == asked.top_k]
        found |= dict.fromkeys(name for name in (entry, *every) if name in known)
    return list(found)


def reference_columns(references: Mapping[str, Attacked]) -> dict[str, Float64[np.ndarray, " n"]]:
    """Return what each reference knows of each sample: whether it is right, and ln(p of the truth + 0.01)."""
    columns = {}
    for name, found in references.items():
        columns[f"{name} is right"] = found.is_correct
        if found.p_truth is not None:
            columns[f"{name} ln p"] = log_probability(found.p_truth)
    return columns


def covariates_of(attacked: Attacked, references: Mapping[str, Attacked]) -> Covariates:
    """Return X: what the references know, and a dummy per label."""
    return covariates(reference_columns(references), {"label": attacked.label_id})


def with_second_model(known: Covariates, second: Attacked, votes: int | None) -> Covariates:
    """Return X with the second model's correctness and ln(votes for the truth + ½)."""
    names, columns = ["second_model is right"], [second.is_correct]
    if second.p_truth is not None and votes is not None:
        names.append("second_model ln votes")
        columns.append(np.log(np.rint(second.p_truth * votes) + 0.5))
    varying = [place for place, column in enumerate(columns) if np.ptp(column) > 0]
    plain, n_plain = known.x.plain, known.x.plain.shape[1]
    added = tuple(names[place] for place in varying)
    return Covariates(
        names=(*known.names[:n_plain], *added, *known.names[n_plain:]),
        x=DesignMatrix(
            plain=np.column_stack([plain, *(columns[place] for place in varying)]),
            levels=known.x.levels,
        ),
    )
