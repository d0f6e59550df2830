"""Each measure by hand."""

import importlib

import numpy as np
import pytest

from dejavu import measures
from dejavu.measures import Attacked, Measure, Neighbors
from dejavu.params.measures import check_measures, known


def attacked(metric="cosine", **more):
    similarities = {"cosine": [[0.9, 0.8, 0.8]], "l2": [[-4.0, -9.0, -9.0]]}[metric]
    near = Neighbors(
        similarities=np.array(similarities), metric=metric, spread=2.0, temperature=0.1,
        labels=np.array([[1, 0, 0]]),
    )  # fmt: skip
    vectors = np.array([[3.0, 4.0]], np.float32)
    return Attacked(vectors=vectors, neighbors=near, labels=np.array([1]), **more)


def of(name, given):
    return measures.load(name).of(given)


def test_every_module_is_a_measure_and_says_why_higher_is_more():
    assert {"embedding_norm", "kernel_vote", "nearest_public", "pair_cosine"} <= set(known())
    for name in known():
        module = importlib.import_module(f"dejavu.measures.{name}")
        assert isinstance(module.MEASURE, Measure)
        assert "(sign: +)" in module.__doc__


def test_the_norm_is_that_before_scaling_where_it_is_known():
    assert of("embedding_norm", attacked()).tolist() == [5.0]
    assert of("embedding_norm", attacked(lengths=np.array([7.0]))).tolist() == [7.0]


def test_the_nearest_public_sample_has_a_distance():
    assert of("nearest_public", attacked()) == pytest.approx([0.1])
    assert of("nearest_public", attacked("l2")).tolist() == [2.0]


def test_the_pair_has_a_cosine_where_the_image_was_embedded():
    image = np.array([[0.0, 2.0]], np.float32)
    assert of("pair_cosine", attacked(images=image)).tolist() == [0.8]
    assert of("pair_cosine", attacked()) is None


@pytest.mark.parametrize(("metric", "ratio"), [("cosine", np.exp(-1)), ("l2", np.exp(-5 / 0.4))])
def test_a_near_voter_outweighs_two_far_ones(metric, ratio):
    """Counts would say 0; by weight label 1 has 1 and label 0 twice the ratio."""
    given = attacked(metric)
    assert of("kernel_vote", given).tolist() == [1.0]
    k, p = 3, 1 / (1 + 2 * ratio)
    expected = np.log((k * p + 0.5) / (k * (1 - p) + 0.5))
    assert of("kernel_log_odds", given) == pytest.approx([expected], abs=1e-7)


def test_unknown_and_repeated_names_are_refused():
    with pytest.raises(ValueError, match=r"no measure 'pair_cosin'.*pair_cosine"):
        check_measures(("pair_cosin",))
    with pytest.raises(ValueError, match="twice"):
        check_measures(("pair_cosine", "pair_cosine"))
