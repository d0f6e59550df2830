"""Naive Bayes against numbers by hand and against its definition in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from dejavu.errors import ArtifactError, TrainingError
from dejavu.image.references import naive_bayes
from dejavu.params.references import NaiveBayesParams
from dejavu.tables.schemas import PREDICTIONS
from tests.image.tables_of import write_tags, write_world

BAYES = NaiveBayesParams(top_k=(1, 2), alpha=1.0, formula="bayes")


def matrix(rows, n_tags):
    dense = np.zeros((len(rows), n_tags))
    for row, tags in enumerate(rows):
        dense[row, list(tags)] = 1
    return sparse.csr_array(dense)


def fit(learned, labels, *, n_labels, n_tags, alpha):
    column = np.array(labels, dtype=np.int64)
    return naive_bayes.fit_bayes(
        matrix(learned, n_tags), column, n_labels=n_labels, alpha=float(alpha)
    )


def test_by_hand():
    # Crops of D': label 0 with tags {0}, {0, 1}, {1}; label 1 with {1}. alpha = 1.
    fitted = fit([{0}, {0, 1}, {1}, {1}], [0, 0, 0, 1], n_labels=2, n_tags=2, alpha=1)
    # P(0) = 3/4, P(0|0) = (2+1)/(3+2), P(1|0) = (2+1)/(3+2); P(1) = 1/4, P(0|1) = 1/3, P(1|1) = 2/3
    found = naive_bayes.posterior(fitted, matrix([{0}, {1}, {0, 1}, set()], 2))
    expected = [
        [Fraction(3, 4) * Fraction(3, 5), Fraction(1, 4) * Fraction(1, 3)],
        [Fraction(3, 4) * Fraction(3, 5), Fraction(1, 4) * Fraction(2, 3)],
        [Fraction(3, 4) * Fraction(9, 25), Fraction(1, 4) * Fraction(2, 9)],
        [Fraction(3, 4), Fraction(1, 4)],
    ]
    for row, (zero, one) in zip(found, expected, strict=True):
        assert row == pytest.approx([float(zero / (zero + one)), float(one / (zero + one))])


def slow_bayes(learned, labels, tags, *, n_labels, alpha):
    """Return (distribution, guess) in exact fractions, from the definition."""
    n = len(labels)
    priors = [Fraction(labels.count(t), n) for t in range(n_labels)]
    scores = []
    for t in range(n_labels):
        score = priors[t]
        for o in tags:
            n_o = sum(o in crop for crop in learned)
            if n_o == 0 or score == 0:
                continue
            n_ot = sum(o in crop for crop, label in zip(learned, labels, strict=True) if label == t)
            p_o_given_t = Fraction(n_ot + alpha, labels.count(t) + 2 * alpha)
            score *= p_o_given_t / Fraction(n_o, n)
        scores.append(score)
    if sum(scores) == 0:
        scores = priors
    shares = [score / sum(scores) for score in scores]
    best = [t for t in range(n_labels) if shares[t] == max(shares)]
    return shares, max(best, key=lambda t: (priors[t], -t))


tag_sets = st.sets(st.integers(0, 3), max_size=4)


@given(
    st.lists(st.tuples(tag_sets, st.integers(0, 3)), min_size=1, max_size=9),
    st.lists(tag_sets, max_size=5),
    st.integers(0, 2),
)
@pytest.mark.slow
def test_equals_its_definition(learned, attacked, alpha):
    crops, labels = [c for c, _ in learned], [t for _, t in learned]
    if not any(crops):
        with pytest.raises(TrainingError, match="none with a tag"):
            fit(crops, labels, n_labels=4, n_tags=4, alpha=alpha)
        return
    fitted = fit(crops, labels, n_labels=4, n_tags=4, alpha=alpha)
    found = naive_bayes.posterior(fitted, matrix(attacked, 4))
    guesses = naive_bayes.preferred(found, fitted)
    for row, guess, tags in zip(found, guesses, attacked, strict=True):
        shares, expected = slow_bayes(crops, labels, tags, n_labels=4, alpha=alpha)
        assert row == pytest.approx([float(share) for share in shares], abs=1e-9)
        assert guess == expected


def slow_product(learned, labels, tags, *, names, alpha, top_k):
    """Return the normalized released-code scores and its guess, in exact fractions."""
    zero = Fraction(1, 10**10)
    scores = []
    for t in range(len(names)):
        score = Fraction(1)
        for o in tags:
            per_label = [0] * len(names)
            for crop, label in zip(learned, labels, strict=True):
                per_label[label] += o in crop
            if alpha:
                score *= Fraction(per_label[t] + alpha, sum(per_label) + top_k * alpha)
            else:
                score *= Fraction(per_label[t] or zero) / Fraction(sum(per_label) or zero)
        scores.append(score)
    shares = [score / sum(scores) for score in scores]
    rounded = [round(float(share), 9) for share in shares]
    best = [t for t in range(len(names)) if rounded[t] == max(rounded)]
    return shares, max(best, key=lambda t: names[t])


@given(
    st.lists(st.tuples(tag_sets, st.integers(0, 2)), min_size=1, max_size=9),
    st.lists(tag_sets, max_size=5),
    st.integers(0, 2),
)
@pytest.mark.slow
def test_released_formula_equals_its_description(learned, attacked, alpha):
    crops, labels = [c for c, _ in learned], [t for _, t in learned]
    names = ["pear", "apple", "plum"]
    if not any(crops):
        return
    fitted = naive_bayes.fit_product_of_posteriors(
        matrix(crops, 4),
        np.array(labels, dtype=np.int64),
        names=names,
        alpha=float(alpha),
        top_k=2,
    )
    found = naive_bayes.posterior(fitted, matrix(attacked, 4))
    guesses = naive_bayes.preferred(found, fitted)
    for row, guess, tags in zip(found, guesses, attacked, strict=True):
        shares, expected = slow_product(crops, labels, tags, names=names, alpha=alpha, top_k=2)
        assert row == pytest.approx([float(share) for share in shares], abs=1e-9)
        assert guess == expected


def test_a_thousand_rare_tags_leave_a_distribution():
    """Products below the smallest float: only differences of their logarithms count."""
    weights = np.log(np.full((1_000, 2), 0.3)) + np.array([0.0, 1e-3])
    fitted = naive_bayes.Fitted(
        log_prior=np.log([0.5, 0.5]), log_weights=weights, preference=np.arange(2)
    )
    found = naive_bayes.posterior(fitted, matrix([set(range(1_000))], 1_000))
    assert found[0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)])


def test_contradicting_tags_without_smoothing_fall_back_to_the_prior():
    fitted = fit([{0}, {1}, {1}], [0, 1, 1], n_labels=2, n_tags=2, alpha=0)
    found = naive_bayes.posterior(fitted, matrix([{0, 1}, {0}], 2))
    assert found.tolist() == [pytest.approx([1 / 3, 2 / 3]), [1, 0]]


def world(tmp_path, settings=BAYES):
    # ids 10, 13, 16, … ; the dropped crop (19) has no tags row and must play no part
    people = [
        ("reference", 0, True), ("reference", 1, True), ("reference", 1, True), ("reference", 0, False),
        ("target", 0, True), ("target", 2, True), ("control", 1, True), ("public", 1, True),
        ("control", 1, True),
    ]  # fmt: skip
    paths = write_world(tmp_path, people, n_labels=3)
    tags = {
        10: {0: 0.9, 2: 0.1}, 13: {1: 0.5, 2: 0.4}, 16: {1: 0.5, 0: 0.5},
        22: {2: 0.1, 0: 0.7}, 25: {}, 28: {3: 1.0, 1: 0.2}, 34: {1: 0.3, 3: 0.1},
    }  # fmt: skip
    for annotator in ("ram", "dog"):
        write_tags(tmp_path / "tags" / annotator, paths["crops"], tags, n_tags=4)
    paths |= {"tags": tmp_path / "tags", "out": tmp_path / "naive_bayes.parquet"}
    write_predictions(paths, ["ram", "dog"], settings)
    return paths


def write_predictions(paths, annotators, formula):
    tables = {name: paths[name] for name in ("samples", "labels", "crops", "tags")}
    naive_bayes.write_predictions(
        settings=naive_bayes.NaiveBayesSettings(annotators=tuple(annotators), formula=formula),
        inputs=naive_bayes.TaggedCrops(**tables),
        out=paths["out"],
    )


def test_the_stage_by_hand(tmp_path, capsys):
    paths = world(tmp_path)
    rows = {
        (row["predictor"], row["sample_id"]): row
        for row in PREDICTIONS.read(paths["out"]).to_pylist()
    }
    names = ["naive_bayes@1", "naive_bayes@2", "naive_bayes_dog@1", "naive_bayes_dog@2"]
    # kept target and control crops only
    assert list(rows) == [(name, sample_id) for name in names for sample_id in (22, 25, 28, 34)]
    at_22, at_25, at_28, at_34 = (rows["naive_bayes@1", i] for i in (22, 25, 28, 34))
    # K = 1: D' shows {0} for label 0, {1} and {0} (0 before 1: equal scores) for label 1.
    # 22 shows {0}: 1/3·(1+1)/(1+2) = 2/9 against 2/3·(1+1)/(2+2) = 1/3
    assert at_22["p_truth"] == pytest.approx((2 / 9) / (2 / 9 + 1 / 3))
    assert at_22["predicted_id"] == 1
    # 25 shows nothing, and its label never occurs in D'
    assert (at_25["predicted_id"], at_25["p_truth"]) == (1, 0)
    assert at_25["entropy"] == pytest.approx(-(np.log(1 / 3) / 3 + 2 * np.log(2 / 3) / 3))
    # 34 shows {1}, which one crop of label 1 shows at K = 1 (two would, were D' not truncated too)
    seen, unseen = 2 / 3 * (1 + 1) / (2 + 2), 1 / 3 * (0 + 1) / (1 + 2)
    assert at_34["p_truth"] == pytest.approx(seen / (seen + unseen))
    # 28 shows {3}, unknown to D': P(t) again; at K = 2 it shows {3, 1}
    assert at_28["p_truth"] == pytest.approx(2 / 3)
    known, other = 2 / 3 * 3 / 4, 1 / 3 * 1 / 3
    assert rows["naive_bayes@2", 28]["p_truth"] == pytest.approx(known / (known + other))
    said = capsys.readouterr().err
    assert "1 labels of the attacked crops never occur in D'" in said
    assert "naive_bayes@1: 2 of 4 crops show no tag of D'; P(t) guesses" in said


def test_the_released_formula_truncates_the_guessing_only(tmp_path, capsys):
    settings = NaiveBayesParams(top_k=(1,), alpha=1.0, formula="product_of_posteriors")
    rows = PREDICTIONS.read(world(tmp_path, settings)["out"]).to_pylist()
    at_25, at_34 = (next(r for r in rows if r["sample_id"] == i) for i in (25, 34))
    # two crops of label 1 and none of others have tag 1 among all their tags: (1, 3, 1) / (2 + 1·1)
    assert at_34["p_truth"] == pytest.approx(3 / 5)
    # without tags all labels tie, and the name that sorts last ("c") is guessed
    assert at_25["predicted_id"] == 2
    assert at_25["p_truth"] == pytest.approx(1 / 3)
    assert "show no tag of D'; the name that sorts last guesses" in capsys.readouterr().err


@pytest.mark.slow
def test_the_same_bytes_twice(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (world(tmp_path / name)["out"].read_bytes() for name in "ab")
    assert first == second


def test_tags_of_other_crops_are_refused(tmp_path):
    paths = world(tmp_path)
    people = [("reference", 0, True), ("target", 0, True)]
    other = write_world(tmp_path, people, n_labels=2)
    with pytest.raises(ArtifactError, match="do not belong together"):
        write_predictions(paths | other, ["ram"], BAYES)


def test_an_empty_reference_role_is_an_error(tmp_path):
    paths = write_world(tmp_path, [("target", 0, True)], n_labels=1)
    write_tags(tmp_path / "tags" / "ram", paths["crops"], {10: {0: 1.0}}, n_tags=1)
    paths |= {"tags": tmp_path / "tags", "out": tmp_path / "out.parquet"}
    with pytest.raises(TrainingError, match="no kept crop"):
        write_predictions(paths, ["ram"], BAYES)


@pytest.mark.parametrize("formula", ["bayes", "product_of_posteriors"])
def test_crops_that_nobody_annotated_teach_nothing_and_are_guessed_from_the_prior(
    tmp_path, formula
):
    """Three of label 0 and two of label 1 are annotated, 100 more of label 1 are not: they count nowhere."""
    people = [("reference", 0, True)] * 3 + [("reference", 1, True)] * 102
    people += [("target", 0, True), ("control", 1, True)]
    paths = write_world(tmp_path, people, n_labels=3)
    ids = [10 + 3 * i for i in range(len(people))]
    tags = {i: {0: 0.9} for i in ids[:3]} | {i: {1: 0.9} for i in ids[3:5]} | {ids[-1]: {1: 0.5}}
    notes = {"unannotated": {"reference": "100", "target": "1"}}
    write_tags(tmp_path / "tags/ram", paths["crops"], tags, n_tags=2, notes=notes)
    paths |= {"tags": tmp_path / "tags", "out": tmp_path / "out.parquet"}
    settings = NaiveBayesParams(top_k=(1,), alpha=1.0, formula=formula)
    write_predictions(paths, ["ram"], settings)
    blind, seen = PREDICTIONS.read(paths["out"]).to_pylist()
    assert (blind["predicted_id"], blind["p_truth"]) == (0, pytest.approx(3 / 5))
    assert (seen["predicted_id"], seen["sample_id"]) == (1, ids[-1])


def test_rows_of_tags_that_are_lost_are_not_unannotated_crops(tmp_path):
    paths = write_world(tmp_path, [("reference", 0, True), ("target", 0, True)], n_labels=1)
    write_tags(tmp_path / "tags/ram", paths["crops"], {10: {0: 1.0}}, n_tags=1)
    paths |= {"tags": tmp_path / "tags", "out": tmp_path / "out.parquet"}
    with pytest.raises(ArtifactError, match="1 of 2 kept crops have no row of tags, expected 0"):
        write_predictions(paths, ["ram"], BAYES)
