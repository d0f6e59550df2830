"""Blocks of a generated corpus are drawn by threads, and nobody can tell."""

import threading

import pytest

from dejavu.corpora.embedded import drawn
from dejavu.run import cores


@pytest.mark.parametrize("n_blocks", [0, 1, 9])
def test_records_stay_in_the_order_of_their_blocks(n_blocks, monkeypatch):
    monkeypatch.setenv(cores.GIVEN, "2")
    second = threading.Event()

    def block(number):
        if number == 0 and n_blocks > 1:
            assert second.wait(10)  # the first block ends after the second
        if number == 1:
            second.set()
        return [(number, row) for row in range(3)]

    expected = [(number, row) for number in range(n_blocks) for row in range(3)]
    assert list(drawn(n_blocks, block)) == expected


def test_an_error_in_a_block_is_the_callers():
    def block(number):
        if number == 2:
            raise ValueError("two")
        return [number]

    records = drawn(5, block)
    assert [next(records), next(records)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(records)


def test_blocks_that_nobody_wants_are_not_drawn():
    made = []
    records = drawn(1000, lambda number: made.append(number) or [number])
    next(records)
    records.close()
    assert len(made) < 20
