"""Equal texts are found by their digests, also where digests agree in half of their bits."""

import hashlib
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.splits import digests
from dejavu.splits.digests import Lookup, equal_groups

# Texts whose digests are chosen: the first word collides
COLLIDING = {"a": (1, 1), "b": (1, 2), "c": (1, 3), "d": (0, 1), "e": (2, 1)}


def chosen(texts):
    words = [COLLIDING[text] for text in texts.to_pylist()]
    return np.array(words, dtype=np.uint64).reshape(-1, 2)


def cut(texts, size):
    """Return the texts in parts, with the rows of each."""
    array = pa.array(texts, pa.string())
    starts = range(0, len(texts), size)
    return [(slice(s, min(s + size, len(texts))), array.slice(s, size)) for s in starts]


TEXTS = st.lists(st.sampled_from([*COLLIDING, None]), max_size=30)


@pytest.mark.parametrize("how", [digests.digests, chosen])
@given(texts=TEXTS, size=st.integers(1, 7))
def test_groups_are_those_of_equal_texts(how, texts, size):
    with mock.patch.object(digests, "digests", how):
        groups, is_text = equal_groups(cut(texts, size), len(texts))
    assert is_text.tolist() == [text is not None for text in texts]
    assert groups.tolist() == [
        place if text is None else texts.index(text) for place, text in enumerate(texts)
    ]


@pytest.mark.parametrize("how", [digests.digests, chosen])
@given(known=st.lists(st.sampled_from("abcd"), max_size=9), wanted=st.text("abcde", max_size=9))
def test_texts_are_looked_up(how, known, wanted):
    with mock.patch.object(digests, "digests", how):
        places = Lookup([pa.array(known, pa.string())]).places(pa.array(list(wanted), pa.string()))
    assert places.tolist() == [known.index(text) if text in known else -1 for text in wanted]


def test_a_digest_is_of_the_bytes():
    (found,) = digests.digests(pa.array(["é"]))
    assert found.tobytes() == hashlib.blake2b("é".encode(), digest_size=16).digest()
