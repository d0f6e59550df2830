"""Guess the hidden label from the tags of the crop, by Naive Bayes (paper, section 3.2).

Over the kept crops of the reference role, D':

    n, n_t, n_o, n_ot   crops in all, of label t, with tag o, of label t with tag o
    P(t)   = n_t / n
    P(o)   = n_o / n
    P(o|t) = (n_ot + alpha) / (n_t + 2·alpha)          (a tag is there or not: two outcomes)
    log-score(t) = log P(t) + sum over the crop's tags o of [log P(o|t) − log P(o)]

and the softmax of the log-scores over t is the predicted distribution. The sum runs over the crop's K
tags of highest score (ties: smaller tag id); the same truncation makes the counts. A tag that no crop of D'
shows says nothing and is left out; a crop without any known tag falls back to P(t). A crop that nobody
annotated is not in D', and P(t) guesses its label by either formula. With alpha = 0 a tag never seen with
label t excludes t; where that excludes every label, P(t) is used as well. Equal
probabilities (nine decimals): the label with more crops in D', then the smaller label id.

`formula: product_of_posteriors` is the released code's: score(t) = product over tags of
n_ot / sum_t' n_ot', no prior, counts over *all* tags of D' (K truncates the guessing only), 1e-10 in
place of a zero count, with alpha > 0 (n_ot + alpha) / (sum_t' n_ot' + K·alpha); equal scores: the label
whose name sorts last, also where a crop has no tag. Unlike that code, scores are normalized over labels, so
that every predictor's confidence is an entropy.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64, Int32, Int64
from scipy import sparse

from dejavu.errors import ArtifactError, TrainingError
from dejavu.image.kept_crops import (
    CropTables,
    kept_crops,
    origin,
    read_labels,
)
from dejavu.image.predictions import DECIMALS, columns_of, predictions_table
from dejavu.image.references.tag_matrix import known_crops, read_tags, tag_matrix
from dejavu.params.references import NaiveBayesParams
from dejavu.roles import ATTACKED, REFERENCE, NaiveBayes
from dejavu.run.progress import say
from dejavu.tables import parquet
from dejavu.tables.parquet import is_empty
from dejavu.tables.schemas import PREDICTIONS

BLOCK_ROWS = 8_192  # crops × 1,000 labels × 8 bytes = 66 MB at once
_ZERO_COUNT = 1e-10  # of the released code


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What Naive Bayes learned from D'."""

    log_prior: Float64[np.ndarray, " labels"]  # of a crop without known tags; -inf: label not in D'
    log_weights: Float64[np.ndarray, "tags labels"]  # what a tag adds to each label's log-score
    preference: Int64[np.ndarray, " labels"]  # the higher wins among equally probable labels


def fit_bayes(
    tags: sparse.csr_array, column: Int64[np.ndarray, " n"], *, n_labels: int, alpha: float
) -> Fitted:
    """Learn the paper's formula from D'.

    Args:
        tags: 0/1, shape (n, n_tags): the K best tags of each crop of D'.
        column: position of each crop's label, in [0, n_labels).
        n_labels: labels in all, also those that D' lacks.
        alpha: added to each count of presence and of absence.

    Raises:
        TrainingError: D' has no crop, or no crop of it has a tag.
    """
    n_with = np.asarray(tags.sum(axis=0))
    _require_evidence(len(column), float(n_with.sum()))
    n_of_label = np.bincount(column, minlength=n_labels)
    in_both = _counts(tags, column, n_labels)
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 = -inf is meant
        given_label = np.log((in_both + alpha) / (n_of_label + 2 * alpha))
        log_weights = given_label - np.log(n_with / len(column))[:, None]
        log_prior = np.log(n_of_label / len(column))
    log_weights[n_with == 0] = 0.0  # a tag that D' never shows says nothing
    log_weights[:, n_of_label == 0] = 0.0  # the prior excludes these labels already
    # more crops first, then the smaller id (= column)
    preference = np.empty(n_labels, dtype=np.int64)
    preference[np.lexsort((-np.arange(n_labels), n_of_label))] = np.arange(n_labels)
    return Fitted(log_prior=log_prior, log_weights=log_weights, preference=preference)


def fit_product_of_posteriors(
    tags: sparse.csr_array,
    column: Int64[np.ndarray, " n"],
    *,
    names: Sequence[str],
    alpha: float,
    top_k: int,
) -> Fitted:
    """Learn the released code's formula from D'.

    Args:
        tags: 0/1, shape (n, n_tags): *all* tags of each crop of D'.
        column: position of each crop's label in `names`.
        names: label names; equal scores go to the one that sorts last.
        alpha: Laplace smoothing as in that code; 0 turns it off.
        top_k: tags that count when guessing; enters the smoothed denominator there.

    Raises:
        TrainingError: D' has no crop, or no crop of it has a tag.
    """
    counts = _counts(tags, column, len(names))
    total = counts.sum(axis=1, keepdims=True)
    _require_evidence(len(column), float(total.sum()))
    if alpha > 0:
        log_weights = np.log((counts + alpha) / (total + top_k * alpha))
    else:
        log_weights = np.log(np.maximum(counts, _ZERO_COUNT) / np.maximum(total, _ZERO_COUNT))
    preference = np.empty(len(names), dtype=np.int64)
    preference[sorted(range(len(names)), key=lambda c: names[c])] = np.arange(len(names))
    return Fitted(log_prior=np.zeros(len(names)), log_weights=log_weights, preference=preference)


def posterior(fitted: Fitted, tags: sparse.csr_array) -> Float64[np.ndarray, "n labels"]:
    """Return the predicted distribution of each crop from its 0/1 tags, shape (n, n_tags)."""
    scores = tags @ fitted.log_weights + fitted.log_prior
    highest = scores.max(axis=1, keepdims=True)
    is_excluded = np.isneginf(highest[:, 0])  # alpha = 0 and the tags contradict each other
    scores[is_excluded] = fitted.log_prior
    highest[is_excluded] = fitted.log_prior.max()
    shares = np.exp(scores - highest)
    return shares / shares.sum(axis=1, keepdims=True)


def preferred(
    probabilities: Float64[np.ndarray, "n labels"], fitted: Fitted
) -> Int64[np.ndarray, " n"]:
    """Return the column of each row's most probable label, by `preference` among equals."""
    rounded = np.round(probabilities, DECIMALS)
    is_best = rounded == rounded.max(axis=1, keepdims=True)
    return np.argmax(np.where(is_best, fitted.preference, -1), axis=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NaiveBayesSettings:
    """How Naive Bayes learns, and from whose tags."""

    annotators: tuple[str, ...]  # their names; the first is the headline
    formula: NaiveBayesParams  # section ``image.naive_bayes``: formula, smoothing, values of K


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaggedCrops(CropTables):
    """The crops with their tags."""

    tags: Path  # folder with ``<annotator>/tags`` and ``<annotator>/vocabulary.parquet``


def write_predictions(*, settings: NaiveBayesSettings, inputs: TaggedCrops, out: Path) -> None:
    """Write what Naive Bayes guesses for every attacked crop, by every annotator's tags, at every K.

    Without an annotator it guesses nothing.

    Raises:
        TrainingError: there is nothing to learn from.
        ArtifactError: the tags were made from other crops.
    """
    made_from = origin(inputs.samples, inputs.crops)
    if is_empty(inputs.samples) or not settings.annotators:
        PREDICTIONS.write(PREDICTIONS.schema.empty_table(), out, inputs=made_from)
        return
    names = read_labels(inputs.labels)
    learned_from = kept_crops(inputs.samples, inputs.crops, roles=[REFERENCE])
    attacked = kept_crops(inputs.samples, inputs.crops, roles=ATTACKED)
    _report_unseen_labels(learned_from, attacked)
    tables: list[pa.Table] = []
    for annotator in settings.annotators:
        folder = inputs.tags / annotator
        made_from[f"tags.{annotator}"] = _fingerprint_of_tags(folder, made_from["crops"])
        rows = read_tags(folder / "tags", folder / "vocabulary.parquet")
        taught, known = known_crops(folder / "tags", rows[0], learned_from, attacked)
        for top_k in settings.formula.top_k:
            name = NaiveBayes.of(annotator, top_k, settings.annotators).name
            guesser = _Guesser(name, settings.formula, top_k, rows, names)
            tables += guesser.guess(taught, attacked, known)
    PREDICTIONS.write(pa.concat_tables(tables), out, inputs=made_from)


@dataclasses.dataclass(frozen=True, slots=True)
class _Guesser:
    """One predictor: one annotator's tags at one K."""

    name: str
    settings: NaiveBayesParams
    top_k: int
    rows: tuple[pa.Table, int]  # tags and the size of the vocabulary
    names: pa.Table  # table labels, in label_id order

    def guess(
        self, learned_from: pa.Table, attacked: pa.Table, is_known: Bool[np.ndarray, " n"]
    ) -> Iterator[pa.Table]:
        """Yield predictions for `attacked`, a block of crops at a time.

        Of crops that are not annotated (not `is_known`) nothing is observed: P(t) guesses, whatever the
        formula.
        """
        label_ids: Int32[np.ndarray, " labels"] = self.names["label_id"].to_numpy()
        fitted, known = self._fit(learned_from, label_ids)
        prior = self._prior(learned_from, label_ids)
        found = self._matrix(attacked.filter(pa.array(is_known)), self.top_k)
        places = np.cumsum(is_known)  # rows of `found` before and with each crop
        if n_blind := int((found @ known == 0).sum()):
            # Without evidence every label has the same product; see the module on ties.
            guess = "P(t)" if self.settings.formula == "bayes" else "the name that sorts last"
            say(
                f"{self.name}: {n_blind} of {attacked.num_rows} crops show no tag of D'; {guess} guesses"
            )
        for start in range(0, attacked.num_rows, BLOCK_ROWS):
            block = attacked.slice(start, BLOCK_ROWS)
            here = is_known[start : start + BLOCK_ROWS]
            shown = found[places[start] - is_known[start] : places[start + len(here) - 1]]
            probabilities = np.tile(prior, (len(here), 1))
            probabilities[here] = posterior(fitted, shown)
            yield predictions_table(
                self.name,
                sample_id=block["sample_id"].to_numpy(),
                role=block["role"],
                label_id=block["label_id"].to_numpy(),
                probabilities=probabilities,
                label_ids=label_ids,
                predicted_id=label_ids[preferred(probabilities, fitted)],
            )

    def _prior(
        self, learned_from: pa.Table, label_ids: Int32[np.ndarray, " labels"]
    ) -> Float64[np.ndarray, " labels"]:
        column = columns_of(learned_from["label_id"].to_numpy(), label_ids, what=self.name)
        return np.bincount(column, minlength=len(label_ids)) / max(len(column), 1)

    def _fit(
        self, learned_from: pa.Table, label_ids: Int32[np.ndarray, " labels"]
    ) -> tuple[Fitted, Float64[np.ndarray, " tags"]]:
        """Return what D' teaches, and how many of its crops show each tag."""
        column = columns_of(learned_from["label_id"].to_numpy(), label_ids, what=self.name)
        is_bayes = self.settings.formula == "bayes"
        shown = self._matrix(learned_from, self.top_k if is_bayes else None)
        alpha = self.settings.alpha
        if is_bayes:
            fitted = fit_bayes(shown, column, n_labels=len(label_ids), alpha=alpha)
        else:
            names = self.names["label"].to_pylist()
            fitted = fit_product_of_posteriors(
                shown, column, names=names, alpha=alpha, top_k=self.top_k
            )
        return fitted, np.asarray(shown.sum(axis=0))

    def _matrix(self, crops: pa.Table, top_k: int | None) -> sparse.csr_array:
        rows, n_tags = self.rows
        return tag_matrix(rows, crops["sample_id"].to_numpy(), n_tags=n_tags, top_k=top_k)


def _counts(
    tags: sparse.csr_array, column: Int64[np.ndarray, " n"], n_labels: int
) -> Float64[np.ndarray, "tags labels"]:
    """Return n_ot: in how many crops of each label each tag occurs."""
    n = len(column)
    of_label = sparse.csr_array((np.ones(n), (np.arange(n), column)), shape=(n, n_labels))
    return (tags.T @ of_label).toarray()


def _require_evidence(n_crops: int, n_tags: float) -> None:
    if n_crops == 0 or n_tags == 0:
        found = f"{n_crops} kept crops, none with a tag" if n_crops else "no kept crop"
        raise TrainingError(
            f"Naive Bayes has nothing to learn from: role {REFERENCE!r} has {found}. Give the role "
            "a share in image.split.shares, lower image.crop.min_side_px, or use another annotator."
        )


def _report_unseen_labels(learned_from: pa.Table, attacked: pa.Table) -> None:
    label_id = attacked["label_id"].to_numpy()
    unseen = ~np.isin(label_id, learned_from["label_id"].to_numpy())
    if unseen.any():
        say(
            f"naive_bayes: {len(np.unique(label_id[unseen]))} labels of the attacked crops never occur "
            f"in D'; its guess is wrong for their {int(unseen.sum())} of {len(label_id)} crops"
        )


def _fingerprint_of_tags(folder: Path, crops: str) -> str:
    recorded = parquet.inputs_of(folder / "tags").get("crops", crops)
    if recorded != crops:
        raise ArtifactError(
            f"{folder / 'tags'} was made from crops {recorded}, but the crops at hand are {crops}: "
            "they do not belong together. Run `dvc repro` to rebuild both."
        )
    return parquet.fingerprint(folder / "tags")
