"""The image lane on arrays: vectors and labels by role, checked; votes; what the adjusted excess takes."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dejavu.errors import DataError
from dejavu.image.voting import Vote, count_votes
from dejavu.roles import CONTROL, TARGET
from dejavu.search.candidates import EXACT
from dejavu.search.held_bank import Bank, Block
from dejavu.search.knn import Search
from dejavu.search.similarity import Metric
from dejavu.statistics.adjusted import MIN_GROUPS, Difference, Side, adjusted, unadjusted
from dejavu.statistics.covariates import Covariates, covariates
from dejavu.statistics.design import Matrix

RIDGE = 0.01
_MARGIN = 20  # candidates beyond k that are ranked again in float64


def vectors(values: Any, name: str) -> np.ndarray:
    """Return vectors as float32, refusing what is no matrix of finite numbers."""
    if hasattr(values, "detach"):  # a tensor, maybe with a gradient, in half precision or on a GPU
        values = values.detach().cpu().float()
    try:
        found = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected a matrix of numbers (n, d): {error}.") from None
    if found.ndim != 2 or 0 in found.shape:
        raise DataError(f"{name}: expected a matrix (n, d), found shape {found.shape}.")
    broken = ~np.isfinite(found).all(axis=1)
    if broken.any():
        raise DataError(
            f"{name}: {int(broken.sum())} of {len(found)} vectors hold NaN or infinity, the first is "
            f"row {int(np.argmax(broken))}."
        )
    return np.ascontiguousarray(found)


def codes_of(
    labels: Mapping[str, Any], sizes: Mapping[str, int]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return all label names, sorted, and the number of each sample's label."""
    if set(labels) != set(sizes):
        raise DataError(f"labels: expected roles {sorted(sizes)}, found {sorted(labels)}.")
    columns = {role: _column(labels[role], f"labels[{role!r}]", sizes[role]) for role in sizes}
    if len({column.dtype.kind in "iu" for column in columns.values()}) > 1:
        raise DataError("labels: some roles have integers and others texts, expected one kind.")
    names, row = np.unique(np.concatenate([columns[role] for role in sizes]), return_inverse=True)
    ends = np.cumsum(list(sizes.values()))[:-1]
    return names, dict(zip(sizes, np.split(row.astype(np.int32), ends), strict=True))


def _column(values: Any, name: str, n: int) -> np.ndarray:
    """Return labels as a column of integers or of texts: nothing else is a label."""
    found = np.asarray(values)
    if found.dtype.kind == "O" and all(isinstance(each, str) for each in found.ravel()):
        found = found.astype(str)
    if found.ndim != 1 or len(found) != n:
        raise DataError(f"{name}: expected {n} labels, one per vector, found shape {found.shape}.")
    if found.dtype.kind not in "iuU":
        raise DataError(f"{name}: expected integers or texts, found {found.dtype}.")
    return found


def vote(
    queries: np.ndarray,
    bank: np.ndarray,
    bank_labels: np.ndarray,
    truth: np.ndarray,
    k: int,
    metric: Metric,
) -> Vote:
    """Let the `k` nearest of `bank` vote on the label of each query."""

    def blocks() -> Iterator[Block]:
        yield np.arange(len(bank)), bank

    everything = Bank(blocks=blocks, n_rows=len(bank), dim=bank.shape[1])
    search = Search(everything, metric=metric, index=EXACT, section="audit_embeddings")
    found = search.nearest(queries, k=k, margin=_MARGIN)
    return count_votes(bank_labels[found.ids], found.similarities.astype(np.float32), truth)


def known_of(
    codes: Mapping[str, np.ndarray], names: np.ndarray, guesses: Mapping[str, Any] | None
) -> Covariates:
    """Return the covariates of target, then control: the reference's correctness and the labels."""
    truth = np.concatenate([codes[TARGET], codes[CONTROL]])
    columns = {}
    if guesses is not None:
        if set(guesses) != {TARGET, CONTROL}:
            raise DataError(
                f"reference_guesses: expected roles ['control', 'target'], found {sorted(guesses)}."
            )
        guessed = [
            _column(guesses[role], f"reference_guesses[{role!r}]", len(codes[role]))
            for role in (TARGET, CONTROL)
        ]
        if any((each.dtype.kind == "U") != (names.dtype.kind == "U") for each in guessed):
            raise DataError("reference_guesses: expected labels of the kind of `labels`.")
        columns["reference_correct"] = (np.concatenate(guessed) == names[truth]).astype(np.float64)
    return covariates(columns, {"label": truth.astype(np.int64)})


def differences(
    is_right: np.ndarray,
    soft: np.ndarray,
    x: Matrix,
    is_target: np.ndarray,
    seed: int,
    purpose: str,
) -> tuple[Difference, Difference, Difference]:
    """Return the adjusted excess of right guesses, their plain gap, and the excess of the log odds."""

    def sides(values: np.ndarray) -> tuple[Side, Side]:
        target, control = (
            Side(y=values[role].astype(np.float64), x=x[role], group=np.flatnonzero(role))
            for role in (is_target, ~is_target)
        )
        return target, control

    hard = adjusted(*sides(is_right), ridge=RIDGE, seed=seed, purpose=purpose)
    log_odds = adjusted(*sides(soft), ridge=RIDGE, seed=seed, purpose=purpose)
    gap = unadjusted(*sides(is_right))
    if hard is None or log_odds is None or gap is None:
        raise DataError(
            f"target and control hold {int(is_target.sum())} and {int((~is_target).sum())} samples, "
            f"expected at least {MIN_GROUPS} each (some hundreds for an answer)."
        )
    return hard, gap, log_odds
