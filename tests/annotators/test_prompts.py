"""Prompts and what boxes mean: by hand, and against a slow twin."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.annotators import prompts
from dejavu.annotators.prompts import NO_NAME, Prompt
from dejavu.errors import DataError


def letters(text):
    """Tokenize: a special token, one token per letter or full stop, a special token."""
    places = [(i, i + 1) for i, letter in enumerate(text) if letter != " "]
    return [(0, 0), *places, (0, 0)]


def test_names_are_cleaned_and_kept_once():
    assert prompts.cleaned(["Trench_coat", "St. Bernard", "what?  now", "trench coat", "ÉTÉ"]) == (
        "trench coat", "st bernard", "what now", "été",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"'\. _' cannot be looked for"):
        prompts.cleaned(["cat", ". _"])


def test_a_prompt_by_hand():
    (prompt,) = prompts.cut(["cat", "a b"], letters, max_tokens=99)
    assert prompt.text == "cat. a b."
    assert (prompt.first_id, prompt.n_names) == (0, 2)
    assert prompt.owners.tolist() == [NO_NAME, 0, 0, 0, NO_NAME, 1, 1, NO_NAME, NO_NAME]


some_name = st.text("abc ", min_size=1, max_size=6).map(str.strip).filter(bool)


@given(st.lists(some_name, min_size=1, max_size=12, unique=True), st.integers(9, 30))
@pytest.mark.slow
def test_cut_prompts_hold_every_name_once_in_order_and_fit(names, max_tokens):
    names = list(prompts.cleaned(names))
    cut = prompts.cut(names, letters, max_tokens=max_tokens)
    seen = []
    for prompt in cut:
        assert prompt.first_id == len(seen)
        parts = [part.strip() for part in prompt.text.split(".")[:-1]]
        assert len(parts) == prompt.n_names
        seen += parts
        tokens = letters(prompt.text)
        assert len(tokens) == len(prompt.owners) <= max_tokens
        for (start, stop), owner in zip(tokens, prompt.owners, strict=True):
            letter = prompt.text[start:stop]
            assert (owner == NO_NAME) == (letter in ("", "."))
            assert owner == NO_NAME or owner == prompt.text[:start].count(".")
    assert seen == names
    for prompt, after in itertools.pairwise(cut):  # no prompt could have held one more
        longer = f"{prompt.text} {after.text.partition('.')[0]}."
        assert len(letters(longer)) > max_tokens


def test_names_without_tokens_or_with_too_many_are_refused():
    with pytest.raises(
        DataError, match="'abcdefg' cannot be looked for: 7 tokens, expected 1 to 6"
    ):
        prompts.cut(["ab", "abcdefg"], letters, max_tokens=9)
    silent = lambda text: [(0, 0), *((i, i + 1) for i, c in enumerate(text) if c == "."), (0, 0)]  # noqa: E731  # a stand-in of one line
    with pytest.raises(DataError, match="'ab' cannot be looked for: 0 tokens"):
        prompts.cut(["ab"], silent, max_tokens=9)


def logit(p):
    return -math.inf if p == 0 else math.log(p / (1 - p))


def test_named_boxes_by_hand():
    """Tokens: [CLS] cat . trench coat . [SEP], then what the model pads."""
    prompt = Prompt(text="cat. trench coat.", first_id=10, n_names=2,
                    owners=np.array([-1, 0, -1, 1, 1, -1, -1]))  # fmt: skip
    rows = [
        [0.9, 0.30, 0.9, 0.10, 0.1, 0.9, 0.9, 0.0],  # a cat; what belongs to no name does not count
        [0.0, 0.10, 0.0, 0.90, 0.3, 0.0, 0.0, 0.9],  # a trench coat, with the mean 0.6
        [0.0, 0.10, 0.0, 0.30, 0.0, 0.0, 0.0, 0.0],  # its name scores only 0.15
        [0.0, 0.24, 0.0, 0.24, 0.2, 0.0, 0.0, 0.0],  # no token exceeds 0.25
        [0.0, 0.40, 0.0, 0.40, 0.4, 0.0, 0.0, 0.0],  # a tie: the first name
    ]
    logits = np.array([[logit(p) for p in row] for row in rows])
    kept, names, scores = prompts.named_boxes(
        logits, prompt, box_threshold=0.25, text_threshold=0.2
    )
    assert kept.tolist() == [0, 1, 4]
    assert names.tolist() == [10, 11, 10]
    assert scores.tolist() == [0.3, 0.6, 0.4]


def slow_named_boxes(logits, prompt, box_threshold, text_threshold):
    kept = []
    for row, line in enumerate(logits):
        of_name = {}
        for owner, value in zip(prompt.owners, line, strict=False):
            if owner != NO_NAME:
                of_name.setdefault(int(owner), []).append(1 / (1 + math.exp(-value)))
        best = max(of_name, key=lambda name: (round(np.mean(of_name[name]), 6), -name))
        score = round(float(np.mean(of_name[best])), 6)
        if max(max(each) for each in of_name.values()) > box_threshold and score > text_threshold:
            kept.append((row, prompt.first_id + best, score))
    return kept


@given(st.data())
@pytest.mark.slow
def test_named_boxes_equal_their_definition(data):
    counts = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    owners = [NO_NAME]
    for name, n_tokens in enumerate(counts):
        owners += [name] * n_tokens + [NO_NAME]
    prompt = Prompt(text="", first_id=3, n_names=len(counts), owners=np.array(owners))
    value = st.sampled_from([-40.0, -2.0, -1.0, 0.0, 0.5, 3.0])
    width = len(owners) + data.draw(st.integers(0, 2))
    line = st.lists(value, min_size=width, max_size=width)
    lines = data.draw(st.lists(line, min_size=1, max_size=5))
    box, text = data.draw(st.sampled_from([(0.25, 0.2), (0.5, 0.5), (0.0, 0.3)]))
    found = prompts.named_boxes(np.array(lines), prompt, box_threshold=box, text_threshold=text)
    expected = slow_named_boxes(lines, prompt, box, text)
    assert list(zip(*(each.tolist() for each in found), strict=True)) == expected


def test_boxes_become_clipped_pixels():
    boxes = np.array([[0.5, 0.5, 0.5, 1.0], [0.0, 0.25, 0.5, 0.1], [2.0, 0.5, 0.5, 0.5]])
    found = prompts.corners(boxes, width_px=200, height_px=40)
    assert found.tolist() == [[50, 0, 150, 40], [0, 8, 50, 12], [200, 10, 200, 30]]
