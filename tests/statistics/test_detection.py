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
@pytest.mark.slow
def test_auroc_counts_pairs_as_often_as_drawn(data, n):
    score, positive, counts = data.draw(flagged_sets(n))
    found = detection.Auroc(score, positive).of_resamples(counts[:, None])
    assert found.tolist() == pytest.approx([slow_auroc(score, positive, counts)], nan_ok=True)


def test_auroc_by_hand():
    # positives 3 and 1 against negatives 2 and 1: wins 3>2, 3>1, tie 1=1, loss 1<2
    score = np.array([3.0, 1.0, 2.0, 1.0])
    positive = np.array([True, True, False, False])
    assert detection.Auroc(score, positive).value() == 2.5 / 4
