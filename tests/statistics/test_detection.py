import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.statistics import detection

values = st.integers(-2, 2).map(float)  # few values: many ties


@st.composite
def flagged_sets(draw, n):
    confidence = np.array(draw(st.lists(values, min_size=n, max_size=n)))
    flagged = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    drawn = draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))
    return confidence, flagged, np.bincount(drawn, minlength=n).astype(np.int16)


def slow_cut(confidence, flagged, counts, percent):
    """Try every possible cut from the lowest up; the first that few enough control samples exceed."""
    laid_out = [
        c for c, f, k in zip(confidence, flagged, counts, strict=True) if f for _ in range(k)
    ]
    n_allowed = percent * len(confidence) // 100
    for cut in [-math.inf, *sorted(set(laid_out))]:
        if sum(c > cut for c in laid_out) <= n_allowed:
            return cut
    raise AssertionError("the highest confidence is exceeded by nobody")


@given(st.data(), st.integers(1, 15), st.sampled_from([1, 5, 20, 50, 100]))
def test_the_cut_is_the_lowest_that_lets_few_enough_through(data, n, percent):
    confidence, flagged, counts = data.draw(flagged_sets(n))
    ranked = detection.rank(confidence, flagged)
    cut = detection.cuts(counts[:, None], ranked, percent)
    assert cut.tolist() == [slow_cut(confidence, flagged, counts, percent)]


@given(st.data(), st.integers(1, 12), st.one_of(values, st.just(-math.inf)))
def test_samples_above_a_cut_are_counted_as_often_as_drawn(data, n, cut):
    confidence, flagged, counts = data.draw(flagged_sets(n))
    ranked = detection.rank(confidence, flagged)
    found = detection.n_above(counts[:, None], ranked, np.array([cut]))
    assert found.tolist() == [int(counts[flagged & (confidence > cut)].sum())]


def test_cuts_look_further_when_the_first_samples_were_not_drawn():
    n = 5_000
    ranked = detection.rank(np.arange(n, 0, -1).astype(float), np.ones(n, dtype=bool))
    counts = np.zeros((n, 2), dtype=np.int16)
    counts[:, 0] = 1
    counts[-1, 1] = n  # only the least confident was drawn, again and again
    assert detection.cuts(counts, ranked, 1).tolist() == [n - 50.0, 1.0]


def slow_auroc(score, positive, counts):
    pairs = [
        (score[i], score[j])
        for i in np.flatnonzero(positive)
        for j in np.flatnonzero(~positive)
        for _ in range(int(counts[i]) * int(counts[j]))
    ]
    if not pairs:
        return math.nan
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)


@given(st.data(), st.integers(1, 10))
def test_auroc_counts_pairs_as_often_as_drawn(data, n):
    score, positive, counts = data.draw(flagged_sets(n))
    found = detection.Auroc(score, positive).of_resamples(counts[:, None])
    assert found.tolist() == pytest.approx([slow_auroc(score, positive, counts)], nan_ok=True)


def test_auroc_by_hand():
    # positives 3 and 1 against negatives 2 and 1: wins 3>2, 3>1, tie 1=1, loss 1<2
    score = np.array([3.0, 1.0, 2.0, 1.0])
    positive = np.array([True, True, False, False])
    assert detection.Auroc(score, positive).value() == 2.5 / 4
