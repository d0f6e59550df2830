"""Guesses that were made elsewhere, by whatever means: a table of guesses about the crops.

They are a reference, or a target of the audit (see `dejavu.params.predictions`). One row per attacked crop
(of the kept ones of the roles target and control, see ``crops.parquet``):

    sample_name      or sample_id
    predicted        name of the guessed label (or predicted_id)
    probabilities    optional: a list of numbers, one per label in the order of ``labels.parquet``;
                     then predicted may be left out
    entropy          optional instead: of the predicted distribution, in nats

Rows of other samples are ignored, but for those of the reference role in the tables of a pair, which the
crossover needs: all of its kept crops, or none. Without probabilities or entropy nobody knows how sure a
guess is: its confidence, and every score that ranks samples by it, is undefined.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.errors import DataError
from dejavu.image.kept_crops import CropTables, kept_crops, origin, read_labels
from dejavu.image.predictions import DECIMALS, SUM_TOLERANCE, columns_of, predictions_table
from dejavu.params.predictions import PredictionsParams
from dejavu.roles import ATTACKED, REFERENCE
from dejavu.run import outside
from dejavu.run.progress import say
from dejavu.tables import brought, by_sample
from dejavu.tables.brought_values import Column
from dejavu.tables.parquet import is_empty
from dejavu.tables.schemas import PREDICTIONS

CELLS_AT_ONCE = 1 << 22  # samples times labels held at once, in float64
_TIE_TOLERANCE = 1e-6  # probabilities this close are equal: those of float32 are rounded
_VOTE_TOLERANCE = 1e-3  # shares are multiples of one vote to so many votes
COLUMNS = (
    Column(name="sample_name", kind="text"),
    Column(name="sample_id", kind="integer"),
    Column(name="predicted", kind="text"),
    Column(name="predicted_id", kind="integer"),
    Column(name="probabilities", kind="numbers"),
    Column(name="entropy", kind="number"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportedGuesses:
    """The tables of guesses."""

    entries: Mapping[str, PredictionsParams]  # section ``image.predictions``
    data_folder: Path  # that their paths are relative to


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFiles:
    """What is written: tables ``predictions``."""

    attacked: Path  # guesses about target and control
    reference_role: Path  # about the reference role, of pairs whose tables have them


def write_predictions(*, settings: ImportedGuesses, inputs: CropTables, out: ImportedFiles) -> None:
    """Write the guesses of every entry of ``image.predictions``; without entries, empty tables.

    Raises:
        DataError: a table is missing or damaged, lacks a crop or names one twice, or guesses a label
            that does not exist.
    """
    parts = [PREDICTIONS.schema.empty_table()]
    others = list(parts)
    if settings.entries and not is_empty(inputs.samples):
        names = read_labels(inputs.labels)
        attacked, other = (
            kept_crops(inputs.samples, inputs.crops, roles=roles, columns=["sample_name"])
            for roles in (ATTACKED, (REFERENCE,))
        )
        pairs = {
            name: entry.second_model
            for name, entry in settings.entries.items()
            if entry.second_model
        }
        for name, entry in settings.entries.items():
            path = outside.located(settings.data_folder, entry.path)
            parts += guesses(name, path, attacked, names, votes=entry.votes)
            if name in pairs or name in pairs.values():
                others += guesses(name, path, other, names, votes=entry.votes, may_be_absent=True)
    made_from = origin(inputs.samples, inputs.crops)
    PREDICTIONS.write(pa.concat_tables(parts), out.attacked, inputs=made_from)
    PREDICTIONS.write(pa.concat_tables(others), out.reference_role, inputs=made_from)


def guesses(
    name: str,
    path: Path,
    crops: pa.Table,
    labels: pa.Table,
    *,
    votes: int | None,
    may_be_absent: bool = False,
) -> Iterator[pa.Table]:
    """Yield rows of table ``predictions`` from the file of one predictor, a block of crops at a time.

    Args:
        name: of the predictor.
        path: the file.
        crops: sample_id, sample_name, role and label_id of the crops that need a guess.
        labels: table ``labels``.
        votes: what the probabilities are shares of; None: they are no votes.
        may_be_absent: a file without a guess about any of `crops` yields nothing.

    Raises:
        DataError: a crop has no guess, or the file breaks the format.
    """
    table = brought.read(path, COLUMNS, named_by=f"image.predictions.{name}")
    rows = _rows_about(crops, table, path, may_be_absent=may_be_absent)
    if rows is None:
        return
    table = table.take(rows).combine_chunks()
    predicted = _predicted(table, labels, path)
    if "probabilities" not in table.column_names:
        if predicted is None:
            raise DataError(
                f"{path}: expected a column predicted, predicted_id or probabilities, found "
                f"{', '.join(table.column_names)}."
            )
        if votes is not None:
            raise DataError(
                f"{path}: image.predictions.{name} has votes: {votes}, expected a column probabilities with "
                "the shares of the votes. Add it, or leave votes out."
            )
        yield _bare(name, crops, predicted, _entropy(table, path))
        return
    label_ids = labels["label_id"].to_numpy()
    step = max(1, CELLS_AT_ONCE // len(label_ids))
    for start in range(0, max(1, len(crops)), step):
        part, some = slice(start, start + step), crops.slice(start, step)
        probabilities = _probabilities(table.slice(start, step), len(label_ids), path)
        if votes is not None:
            _check_votes(probabilities, votes, path)
        if predicted is not None:
            _check_most_probable(
                probabilities, columns_of(predicted[part], label_ids, what=name), path
            )
        yield predictions_table(
            name,
            sample_id=some["sample_id"].to_numpy(),
            role=some["role"],
            label_id=some["label_id"].to_numpy(),
            probabilities=probabilities,
            label_ids=label_ids,
            predicted_id=None if predicted is None else predicted[part],
        )


def _rows_about(
    crops: pa.Table, table: pa.Table, path: Path, *, may_be_absent: bool
) -> np.ndarray | None:
    """Return the row of `table` about each of `crops`; None where none is about any, and none need be."""
    if not set(by_sample.KEYS) & set(table.column_names):
        raise DataError(
            f"{path}: no column sample_name or sample_id. One must say which sample a guess is about, by its "
            "name in samples.parquet."
        )
    key = by_sample.key_of(table.column_names, path)
    ids = table[key].combine_chunks()
    if may_be_absent and by_sample.index_of(crops[key], ids).null_count == len(crops):
        return None
    rows = by_sample.rows_of(ids, crops, path=path, what="guess")
    if (extra := len(ids) - len(rows)) and not may_be_absent:
        say(f"{path}: {extra} rows are about no attacked crop; they count nowhere in the scores")
    return rows


def _check_most_probable(probabilities: np.ndarray, column: np.ndarray, path: Path) -> None:
    """Refuse guesses that are not what the probabilities say: columns in another order would go unseen."""
    stated = np.take_along_axis(probabilities, column[:, None], axis=1)[:, 0]
    other = stated < probabilities.max(axis=1) - _TIE_TOLERANCE
    if other.any():
        raise DataError(
            f"{path}: for {int(other.sum())} of {len(other)} guesses the probabilities give another label "
            "the most. State them in the order of labels.parquet, or the entropy in their place."
        )


def _check_votes(probabilities: np.ndarray, votes: int, path: Path) -> None:
    counts = probabilities * votes
    broken = (np.abs(counts - np.rint(counts)) > _VOTE_TOLERANCE).any(axis=1)
    if broken.any():
        first = probabilities[int(np.argmax(broken))]
        raise DataError(
            f"{path}: {int(broken.sum())} of {len(broken)} lists of probabilities are no shares of {votes} "
            f"votes, e.g. {first[first > 0][:5].tolist()}. State how many neighbors voted, or leave votes "
            "out."
        )


def _predicted(table: pa.Table, labels: pa.Table, path: Path) -> np.ndarray | None:
    """Return the label_id of each guess, or None if only probabilities are stated."""
    column = next((c for c in ("predicted", "predicted_id") if c in table.column_names), None)
    if column is None:
        return None
    known = labels["label" if column == "predicted" else "label_id"].combine_chunks()
    stated = table[column].combine_chunks()
    places = pc.index_in(stated, value_set=known.cast(stated.type))
    if places.null_count:
        unknown = pc.unique(stated.filter(pc.is_null(places)))
        are_ids = column == "predicted" and set(unknown.to_pylist()) <= set(
            map(str, labels["label_id"].to_pylist())
        )
        raise DataError(
            f"{path}: {places.null_count} guesses are no label of this corpus: "
            f"{by_sample.listed(unknown)}. Its first labels are {by_sample.listed(known)}."
            + (" Call the column predicted_id if these are ids." if are_ids else "")
        )
    return labels["label_id"].to_numpy()[places.to_numpy(zero_copy_only=False)].astype(np.int32)


def _entropy(table: pa.Table, path: Path) -> np.ndarray | None:
    if "entropy" not in table.column_names:
        return None
    entropy = table["entropy"].to_numpy()
    wrong = ~(np.isfinite(entropy) & (entropy >= 0))
    if wrong.any():
        raise DataError(
            f"{path}: {int(wrong.sum())} of {len(wrong)} entropies are missing, negative or not finite. "
            "State the entropy of every guess, in nats, or leave the column out."
        )
    return np.round(entropy, DECIMALS)


def _probabilities(table: pa.Table, n_labels: int, path: Path) -> np.ndarray:
    column = table["probabilities"].combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False)
    if (lengths != n_labels).any():
        raise DataError(
            f"{path}: {int((lengths != n_labels).sum())} lists of probabilities do not have {n_labels} "
            "numbers, one per label in the order of labels.parquet."
        )
    values: np.ndarray = column.flatten().to_numpy(zero_copy_only=False)
    found = values.astype(np.float64).reshape(len(table), n_labels)
    sums = found.sum(axis=1)
    broken = ~(np.abs(sums - 1) <= SUM_TOLERANCE) | (found < 0).any(axis=1)  # NaN is broken, too
    if broken.any():
        first = int(np.argmax(broken))
        raise DataError(
            f"{path}: {int(broken.sum())} of {len(broken)} lists of probabilities are no distribution: the "
            f"first adds up to {sums[first]:.7g}, its least is {found[first].min():.4g}; expected 1, and "
            "none below 0. Take the softmax of logits, divide counts of votes by their sum; round nothing."
        )
    return found


def _bare(
    name: str, crops: pa.Table, predicted: np.ndarray, entropy: np.ndarray | None
) -> pa.Table:
    """Return guesses without a distribution; what nobody knows is NULL."""
    n, unknown = len(crops), pa.nulls(len(crops), pa.float64())
    return pa.table(
        {
            "predictor": pa.repeat(pa.scalar(name, pa.string()), n),
            "sample_id": crops["sample_id"],
            "role": crops["role"],
            "label_id": crops["label_id"],
            "predicted_id": predicted,
            "is_correct": predicted == crops["label_id"].to_numpy(),
            "confidence": unknown if entropy is None else pa.array(0.0 - entropy),
            "entropy": unknown if entropy is None else pa.array(entropy),
            "p_truth": unknown,
        },
        schema=PREDICTIONS.schema,
    )
