"""The shares of a search's memory, in vectors of float32."""

import pytest

from dejavu.search.budget import Budget


def test_half_holds_the_bank():
    budget = Budget(1e-6)  # 1,000 bytes
    assert budget.holds(n_rows=25, dim=5)  # 500 bytes
    assert not budget.holds(n_rows=126, dim=1)  # 504 bytes


@pytest.mark.parametrize("dim", [1, 5, 2048])
def test_a_quarter_holds_a_block_three_times_and_an_eighth_the_queries(dim):
    budget = Budget(1.2)
    assert budget.block_rows(dim) == int(0.3e9 // (3 * 4 * dim))
    assert budget.query_rows(dim) == int(0.15e9 // (4 * dim))


def test_one_vector_is_the_least():
    assert (Budget(1e-9).block_rows(512), Budget(1e-9).query_rows(512)) == (1, 1)
