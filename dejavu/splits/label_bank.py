"""Labels of attacked samples must occur in the roles that guess them, or nobody can guess them.

Where labels are spelled differently from role to role, every guess about the one role is wrong: a control
score of 0 with an interval of 0 says nothing about memorization.
"""

import json
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int

from dejavu.corpora.plausibility import RULES
from dejavu.errors import DataError
from dejavu.roles import ATTACKED, PUBLIC, REFERENCE
from dejavu.splits.outcome import CODED, Codes

LIMIT = "labels_without_bank"
_SHOWN = 5


def lacking(roles: Codes, labels: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Return which attacked samples have a label that the public, or the reference, samples lack.

    A role without any sample guesses nothing, so nothing is asked of it.

    Args:
        roles: code of each sample's.
        labels: label_id of each sample; negative where there is none, which nobody guesses.
    """
    missing = np.zeros(len(roles), dtype=bool)
    for role in (PUBLIC, REFERENCE):
        members = roles == CODED.index(role)
        if members.any():
            is_there = np.zeros(int(labels.max()) + 2, dtype=bool)  # the last one: of no label
            is_there[labels[members]] = True
            missing |= ~is_there[labels]
    return missing & _attacked(roles, labels)


def _attacked(roles: Codes, labels: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    is_attacked = np.zeros(len(roles), dtype=bool)
    for role in ATTACKED:
        is_attacked |= roles == CODED.index(role)
    return is_attacked & (labels >= 0)


def judge(
    roles: Codes,
    labels: Int[np.ndarray, " n"],
    limit: float,
    told: Callable[[int], str],
) -> tuple[int, int, dict[str, str]]:
    """Refuse a split whose attacked samples have labels that the bank lacks.

    Args:
        roles: code of each sample's.
        labels: label_id of each sample; negative where there is none.
        limit: ``limits.labels_without_bank``.
        told: names the sample at a place, and its label.

    Returns:
        How many attacked samples lack their label, how many have one, and the note for the table where a
        limit that was raised on purpose is crossed.

    Raises:
        DataError: more than `limit` of them do.
    """
    missing = np.flatnonzero(lacking(roles, labels))
    n, n_attacked = len(missing), int(_attacked(roles, labels).sum())
    rule = RULES[LIMIT]
    if n > limit * n_attacked:
        first = ", ".join(told(int(place)) for place in missing[:_SHOWN])
        raise DataError(
            f"{n} of {n_attacked} {rule.what} ({n / n_attacked:.1%}), expected at most limits.{LIMIT} = "
            f"{limit:.1%}.\n  the first: {first}\n  {rule.advice}"
        )
    return n, n_attacked, {LIMIT: json.dumps([n, n_attacked])} if n else {}
