"""Patch words: their description by hand, assignment against a slow twin, textures told apart."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.annotators import tag_crops, visual_words
from dejavu.annotators.source import CropSource
from dejavu.errors import TrainingError
from dejavu.params.references import VisualWordsParams
from dejavu.tables.schemas import TAG_VOCABULARY, TAGS
from tests.annotators.test_corpus_annotator import MACHINE
from tests.image.images_of import striped_world

SETTINGS = {
    "source": "visual_words",
    "n_words": 6,
    "patch_px": 4,
    "stride_px": 2,
    "ignore_orientation": False,
    "color_weight": 0.5,
    "n_training_patches": 900,
    "max_side_px": 64,
    "max_tags": 3,
}


def settings_of(**changes):
    return VisualWordsParams(**SETTINGS | changes)


def test_a_patch_by_hand():
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    pixels[:, 1] = (255, 0, 0)  # black, then red: gray 0 and 1/3
    row = visual_words.describe(pixels, settings_of(patch_px=2))[0]
    level = (1 / 6) / ((1 / 6 + visual_words._FLAT) * 2)
    assert row[:4] == pytest.approx([-level, level, -level, level])
    assert row[4:] == pytest.approx([0.5 * 0.5, 0, 0])


def test_patches_lie_on_the_grid_and_small_crops_have_none():
    settings = settings_of(patch_px=4, stride_px=3)
    for height, width, n in ((4, 4, 1), (7, 4, 2), (9, 10, 6), (3, 40, 0)):
        pixels = np.zeros((height, width, 3), dtype=np.uint8)
        assert visual_words.describe(pixels, settings).shape == (n, 19)


def test_brightness_and_contrast_change_little_but_a_flat_patch_is_no_pattern():
    rng = np.random.default_rng(0)
    pixels = np.repeat(rng.integers(0, 100, (4, 4, 1)), 3, axis=2).astype(np.uint8)
    settings = settings_of(color_weight=0.0)
    first, second = (visual_words.describe(p, settings)[0] for p in (pixels, 2 * pixels + 40))
    cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
    assert cosine > 0.9999
    assert np.linalg.norm(first) < np.linalg.norm(second) < 1
    noise = (100 + rng.integers(0, 2, (4, 4, 3))).astype(np.uint8)
    assert np.linalg.norm(visual_words.describe(noise, settings)[0]) < 0.1


def test_turned_and_mirrored_patches_get_one_orientation():
    rng = np.random.default_rng(1)
    patch = rng.normal(size=(5, 5)).astype(np.float32)
    versions = [np.rot90(p, turns) for p in (patch, patch[::-1]) for turns in range(4)]
    found = visual_words.standard_orientation(np.stack(versions))
    for version in found:
        np.testing.assert_array_equal(version, found[0])
    assert any(np.array_equal(found[0], version) for version in versions)


def slow_shares(features, words):
    counts = [0] * len(words)
    for patch in features:
        counts[min(range(len(words)), key=lambda w: (((patch - words[w]) ** 2).sum(), w))] += 1
    return [count / max(1, len(features)) for count in counts]


points = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=9)


@given(points, points.filter(bool), st.integers(1, 4))
@pytest.mark.slow
def test_word_shares_equal_their_definition(features, words, block):
    features = np.array(features, dtype=np.float32).reshape(-1, 2)
    words = np.array(words, dtype=np.float32).reshape(-1, 2)
    whole = visual_words._PATCHES_PER_BLOCK
    try:
        visual_words._PATCHES_PER_BLOCK = block
        assert visual_words.word_shares(features, words).tolist() == slow_shares(features, words)
    finally:
        visual_words._PATCHES_PER_BLOCK = whole


def test_tags_by_hand(tmp_path, monkeypatch):
    """Two words, one of them in half of the crops: scores are shares times log((1+n)/(1+n_with))."""
    white = np.full((2, 4, 3), 255, dtype=np.uint8)
    half = np.concatenate([white, np.zeros_like(white)], axis=1)
    monkeypatch.setattr(visual_words, "_pixels", lambda *_: iter([white, half]))
    annotator = visual_words.VisualWords(
        settings=settings_of(patch_px=2, color_weight=1.0),
        source=CropSource(samples=tmp_path, crops=tmp_path, images=tmp_path, data_root="."),
        workers=1,
        words=np.array([[0, 0, 0, 0, 1, 1, 1], [0] * 7], dtype=np.float32),
        rarity=np.array([math.log(3 / 3), math.log(3 / 2)]),
    )
    tag_ids, scores = annotator.tag(pa.table({}))
    assert tag_ids == [[], [1]]  # a word that every crop shows scores 0 and is no tag
    assert scores == [[], [pytest.approx(0.5 * math.log(1.5))]]


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tag(folder, paths, name, **changes):
    source = CropSource(**{k: paths[k] for k in ("samples", "crops", "images")}, data_root=".")
    out = folder / name
    tag_crops.tag_crops(
        settings=tag_crops.TagSettings(
            name=name, entry=settings_of(**changes), limit=0.0, seed=0, machine=MACHINE
        ),
        inputs=source,
        out=tag_crops.TagTables(tags=out / "tags", vocabulary=out / "vocabulary.parquet"),
    )
    return TAGS.read(out / "tags")


@pytest.mark.slow
def test_textures_are_told_apart_and_results_repeat(in_tmp):
    paths = striped_world(in_tmp, n_per_label=30)
    rows = tag(in_tmp, paths, "first")
    again = tag(in_tmp, paths, "second")
    assert rows.equals(again)
    assert TAG_VOCABULARY.read(in_tmp / "first" / "vocabulary.parquet").num_rows == 6
    best = [ids[0] for ids in rows["tag_ids"].to_pylist()]
    labels = [row % 2 for row in range(len(best))]  # upright, level, upright, …
    words = [
        {w for w, label in zip(best, labels, strict=True) if label == which} for which in (0, 1)
    ]
    assert words[0].isdisjoint(words[1])
    for scores in rows["scores"].to_pylist():
        assert scores == sorted(scores, reverse=True)
        assert 0 < len(scores) <= 3
    # what tells them apart is orientation: ignoring it mixes them
    best = [
        ids[0]
        for ids in tag(in_tmp, paths, "mixed", ignore_orientation=True)["tag_ids"].to_pylist()
        if ids
    ]
    assert set(best[::2]) & set(best[1::2])


def test_too_few_patches_are_an_error(in_tmp):
    paths = striped_world(in_tmp, n_per_label=3)
    with pytest.raises(TrainingError, match="expected at least n_words = 5000"):
        tag(in_tmp, paths, "first", n_words=5000)
