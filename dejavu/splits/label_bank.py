"""Labels of attacked samples must occur in the roles that guess them, or nobody can guess them.

Where labels are spelled differently from role to role, every guess about the one role is wrong: a control
score of 0 with an interval of 0 says nothing about memorization.
"""

import json
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int, Shaped

from dejavu.corpora.plausibility import RULES
from dejavu.errors import DataError
from dejavu.roles import ATTACKED, PUBLIC, REFERENCE

LIMIT = "labels_without_bank"
_SHOWN = 5


def lacking(
    roles: Shaped[np.ndarray, " n"], labels: Int[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Return which attacked samples have a label that the public, or the reference, samples lack.

    A role without any sample guesses nothing, so nothing is asked of it.

    Args:
        roles: of each sample.
        labels: label_id of each sample; negative where there is none, which nobody guesses.
    """
    is_attacked = np.isin(roles, ATTACKED) & (labels >= 0)
    missing = np.zeros(len(roles), dtype=bool)
    for role in (PUBLIC, REFERENCE):
        members = roles == role
        if members.any():
            missing |= is_attacked & ~np.isin(labels, labels[members])
    return missing


def judge(
    roles: Shaped[np.ndarray, " n"],
    labels: Int[np.ndarray, " n"],
    limit: float,
    told: Callable[[int], str],
) -> tuple[int, int, dict[str, str]]:
    """Refuse a split whose attacked samples have labels that the bank lacks.

    Args:
        roles: of each sample.
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
    n, n_attacked = len(missing), int((np.isin(roles, ATTACKED) & (labels >= 0)).sum())
    rule = RULES[LIMIT]
    if n > limit * n_attacked:
        first = ", ".join(told(int(place)) for place in missing[:_SHOWN])
        raise DataError(
            f"{n} of {n_attacked} {rule.what} ({n / n_attacked:.1%}), expected at most limits.{LIMIT} = "
            f"{limit:.1%}.\n  the first: {first}\n  {rule.advice}"
        )
    return n, n_attacked, {LIMIT: json.dumps([n, n_attacked])} if n else {}
