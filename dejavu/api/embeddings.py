"""Audit an encoder in three lines, on vectors that are at hand: no pipeline, no torch.

    audit = dejavu.audit_embeddings(target=crops_a, control=crops_c, public=images_p, labels=labels)
    print(audit.verdict, audit.excess)

The steps are those of the pipeline's image lane: search, vote, adjusted excess, list, verdict.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.api.result import Audit, Excess, right_and_gap
from dejavu.errors import DataError
from dejavu.image import arrays
from dejavu.image.voting import Vote
from dejavu.roles import ATTACKED, CONTROL, PUBLIC, TARGET
from dejavu.search.similarity import Metric
from dejavu.statistics import control_differs, listing, verdict
from dejavu.statistics.covariates import Covariates
from dejavu.statistics.design import Matrix

_PURPOSE = "api.audit_embeddings"


def audit_embeddings(
    *,
    target: Any,
    control: Any,
    public: Any,
    labels: Mapping[str, Any],
    reference_guesses: Mapping[str, Any] | None = None,
    k: int = 100,
    metric: Metric = "cosine",
    tolerance_points: float | int = 5,
    false_discovery_percent: float | int = 10,
    seed: int = 0,
) -> Audit:
    """Tell whether an encoder memorized, from vectors of background crops and of whole public images.

    Args:
        target: vectors (n, d) of crops of images that the model was trained on.
        control: vectors (n, d) of crops of images like them that no model was trained on.
        public: vectors (n, d) of whole images that decode the others, best trained on by no model.
        labels: the label of the hidden object by role: ``{"target": …, "control": …, "public": …}``,
            integers or texts, one per vector.
        reference_guesses: by role (``target`` and ``control``), labels that a reference guessed from the
            crops without the model; it narrows the interval. Without it labels alone adjust.
        k: public images that vote.
        metric: ``cosine`` or ``l2``.
        tolerance_points: an upper bound below it reads "at most U points".
        false_discovery_percent: expected share of false entries in the list of memorized samples.
        seed: of folds and permutations.

    Raises:
        DataError: shapes, lengths or values do not fit; the message names the argument.
        ParamsError: `k` exceeds the public images.
    """
    vectors = _checked({TARGET: target, CONTROL: control, PUBLIC: public})
    names, codes = arrays.codes_of(labels, {name: len(found) for name, found in vectors.items()})
    _require_percents(tolerance_points, false_discovery_percent)
    known = arrays.known_of(codes, names, reference_guesses)
    votes = {
        role: arrays.vote(vectors[role], vectors[PUBLIC], codes[PUBLIC], codes[role], k, metric)
        for role in ATTACKED
    }
    found = _attacked(votes, codes, k)
    return _conclude(
        found, names, known, _gate(found, known.x, codes[PUBLIC], seed), seed=seed,
        tolerance=tolerance_points / 100, share=false_discovery_percent / 100,
    )  # fmt: skip


def _checked(given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the vectors of each role, of one length."""
    vectors = {role: arrays.vectors(values, role) for role, values in given.items()}
    dims = {role: found.shape[1] for role, found in vectors.items()}
    if len(set(dims.values())) > 1:
        raise DataError(f"vectors of different lengths: {dims}, expected one length.")
    return vectors


def _require_percents(tolerance_points: float | int, false_discovery_percent: float | int) -> None:
    if not 0 < tolerance_points < 100 or not 0 < false_discovery_percent < 100:
        raise DataError(
            "tolerance_points and false_discovery_percent must lie between 0 and 100, found "
            f"{tolerance_points:g} and {false_discovery_percent:g}."
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Attacked:
    """The attacked samples of both roles, target first."""

    truth: np.ndarray  # codes of labels
    predicted: np.ndarray
    hits: np.ndarray  # votes for the truth
    soft: np.ndarray  # their log odds
    is_target: np.ndarray

    @property
    def is_right(self) -> np.ndarray:
        return self.predicted == self.truth


def _attacked(votes: Mapping[str, Vote], codes: Mapping[str, np.ndarray], k: int) -> _Attacked:
    hits = np.round(np.concatenate([votes[role].p_truth for role in ATTACKED]) * k)
    return _Attacked(
        truth=np.concatenate([codes[role] for role in ATTACKED]).astype(np.int64),
        predicted=np.concatenate([votes[role].winner for role in ATTACKED]),
        hits=hits,
        soft=listing.log_odds(hits, np.full(len(hits), float(k))),
        is_target=np.arange(len(hits)) < len(codes[TARGET]),
    )


def _gate(found: _Attacked, x: Matrix, public: np.ndarray, seed: int) -> control_differs.Gate:
    known = control_differs.Known(x=x, is_target=found.is_target, group=np.arange(len(found.truth)))
    return control_differs.gate(
        control_differs.joint_test(known, seed=seed, purpose=_PURPOSE),
        control_differs.blind_baseline(known, seed=seed, purpose=_PURPOSE),
        uncovered_share=float(np.mean(~np.isin(found.truth, public))),
    )


def _conclude(
    found: _Attacked,
    names: np.ndarray,
    known: Covariates,
    gate: control_differs.Gate,
    *,
    seed: int,
    tolerance: float,
    share: float,
) -> Audit:
    is_target = found.is_target
    hard, gap, log_odds = arrays.differences(
        found.is_right, found.soft, known.x, is_target, seed, _PURPOSE
    )
    answer = verdict.verdicts(
        {"model": verdict.Tested(hard=hard, soft=log_odds)}, tolerance=tolerance,
        is_control_different={"model": gate.is_closed},
    )["model"]  # fmt: skip
    z = listing.standardized(found.soft, found.truth, np.ones(len(is_target), dtype=bool))
    listed = listing.listing(z[is_target], z[~is_target], share)
    return Audit(
        verdict=answer.text,
        excess=Excess.of(hard),
        scores=right_and_gap(found.is_right, is_target, gap, log_odds) | {
            "covariates": list(known.names),
            "n_needed": answer.n_needed,
            "n_listed": int(listed.is_listed.sum()),
            "control_needed": listed.control_needed,
            "uncovered_share": gate.uncovered_share,
        },
        samples=_samples(found, names, z, listed),
        warnings=gate.reasons,
    )  # fmt: skip


def _samples(
    found: _Attacked, names: np.ndarray, z: np.ndarray, listed: listing.Listing
) -> pa.Table:
    """Return a row per attacked sample; only target samples have p-values and can be listed."""
    n_target, n = int(found.is_target.sum()), len(found.truth)
    rest = np.full(n - n_target, np.nan)
    return pa.table(
        {
            "role": np.where(found.is_target, TARGET, CONTROL),
            "row": np.concatenate([np.arange(n_target), np.arange(n - n_target)]),
            "label": names[found.truth],
            "predicted": names[found.predicted],
            "votes_for_truth": found.hits.astype(np.int32),
            "is_correct": found.is_right,
            "z": z,
            "p_value": pa.array(np.concatenate([listed.p_value, rest]), from_pandas=True),
            "is_listed": np.concatenate([listed.is_listed, np.zeros(n - n_target, dtype=bool)]),
        }
    )
