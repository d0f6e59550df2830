"""Groups of near duplicates agree with comparing all pairs, also where many hashes are close."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.splits import duplicates
from dejavu.splits.duplicates import _combined, firsts, joined, near_groups


def same_partition(a, b):
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


def slow_groups(hashes, max_bits):
    """Single linkage over all pairs, by repeated relabeling."""
    groups = np.arange(len(hashes))
    close = np.bitwise_count((hashes[:, None] ^ hashes[None]).view(np.uint64)) <= max_bits
    while True:
        smallest = np.where(close, groups[None], len(hashes)).min(axis=1)
        if (smallest == groups).all():
            return groups
        groups = smallest


@st.composite
def clustered_hashes(draw):
    """A few random hashes and copies of them with some bits flipped."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    centers = rng.integers(-(2**63), 2**63, size=draw(st.integers(1, 6)))
    hashes = []
    for _ in range(draw(st.integers(1, 40))):
        value = rng.choice(centers)
        for bit in rng.integers(0, 64, size=draw(st.integers(0, 5))):
            value ^= np.int64(1) << np.int64(bit)
        hashes.append(value)
    return np.array(hashes, dtype=np.int64)


@given(clustered_hashes(), st.integers(0, 16), st.sampled_from([0, 100, 10**9]))
@pytest.mark.slow
def test_near_groups_equal_all_pairs(hashes, max_bits, sort_cost):
    with mock.patch.object(duplicates, "SORT_COST", sort_cost):  # few chunks, or many
        found = near_groups(hashes, max_bits=max_bits)
    assert same_partition(found, slow_groups(hashes, max_bits))


@pytest.mark.parametrize("max_bits", [1, 2, 3, 5, 7, 8, 16])
@pytest.mark.parametrize("n_agreeing", [1, 2, 3])
def test_flips_in_every_chunk_are_still_found(max_bits, n_agreeing, monkeypatch):
    """The worst case of the pigeonhole: the flipped bits spread over all chunks but so many."""
    monkeypatch.setattr(
        duplicates, "_masks", lambda _, bits: _combined(bits + n_agreeing, n_agreeing)
    )
    for spread in range(0, 64, 7):
        places = (spread + np.arange(max_bits) * 64 // (max_bits + 1)) % 64
        flipped = np.bitwise_or.reduce(np.uint64(1) << places.astype(np.uint64))
        pair = np.array([0, flipped], dtype=np.uint64).view(np.int64)
        assert len(set(near_groups(pair, max_bits=max_bits).tolist())) == 1
        assert len(set(near_groups(pair, max_bits=max_bits - 1).tolist())) == 2


def test_chains_are_one_group():
    hashes = np.array([0, 0b111, 0b111111, 0b111111111, -1], dtype=np.int64)
    assert same_partition(near_groups(hashes, max_bits=3), np.array([0, 0, 0, 0, 1]))


def test_a_hash_that_very_many_share_is_cheap():
    hashes = np.zeros(200_000, dtype=np.int64)
    hashes[:100] = np.random.default_rng(0).integers(-(2**63), 2**63, size=100)
    found = near_groups(hashes, max_bits=3)
    assert len(set(found.tolist())) == 101


def test_very_many_close_hashes():
    bits = np.random.default_rng(0).integers(0, 256, size=120).astype(np.int64)
    hashes = np.concatenate([bits, bits + (1 << 62)])
    assert same_partition(near_groups(hashes, max_bits=3), slow_groups(hashes, 3))


def test_the_chunks_are_all_bits_and_every_choice_of_them():
    masks = _combined(5, 2)
    assert len(set(masks)) == 10
    for bit in range(64):
        assert sum(int(mask) >> bit & 1 for mask in masks) == 4  # with each of the other four
    assert [int(mask) for mask in _combined(1, 1)] == [2**64 - 1]


def test_groups_are_numbered_by_their_smallest_hash():
    hashes = np.array([7 << 40, -(1 << 62), 7 << 40 | 1, 5, -(1 << 62) | 2], dtype=np.int64)
    assert near_groups(hashes, max_bits=1).tolist() == [2, 0, 2, 1, 0]


def test_nothing_has_no_groups():
    assert near_groups(np.array([], dtype=np.int64), max_bits=3).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_joined_is_the_finest_common_coarsening(pairs):
    a, b = (firsts(np.array(column)) for column in zip(*pairs, strict=True))
    groups = list(range(len(pairs)))
    for _ in pairs:
        for i in range(len(pairs)):
            groups[i] = min(g for j, g in enumerate(groups) if a[i] == a[j] or b[i] == b[j])
    found = joined(a, b)
    assert same_partition(found, np.array(groups))
    assert all(found[group] == group <= place for place, group in enumerate(found.tolist()))


def test_every_choice_of_chunks_finds_the_same(monkeypatch):
    """However the costs come out, the masks are one of three sets, each of which finds all pairs."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 2**63, 300).astype(np.uint64)
    sizes = set()
    for sort_cost in (0, 1, 10**9):
        monkeypatch.setattr(duplicates, "SORT_COST", sort_cost)
        masks = duplicates._masks(codes, 3)
        sizes.add(len(masks))
        assert masks in [_combined(3 + r, r) for r in (1, 2, 3)]
    assert sizes == {4, 10}  # where sorting costs nothing, keys that nobody shares by chance
