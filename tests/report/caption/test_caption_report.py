import itertools

import hypothesis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.params.report import CaptionHeadline
from dejavu.report.caption import results as captions
from dejavu.report.caption import tables as caption_tables
from dejavu.report.caption.records import caption_node
from dejavu.report.caption.results import CaptionSettings, Cells
from dejavu.statistics import resampling
from dejavu.tables import catalog
from dejavu.tables.schemas import CAPTION_SCORES, REFERENCE_AGREEMENT
from tests.caption import slow, world

OBJECTS = st.sets(st.integers(0, 4), max_size=4)
SAMPLES = st.lists(st.tuples(OBJECTS, OBJECTS, OBJECTS.filter(bool)), min_size=1, max_size=12)


def score_row(i, target, reference, truth, **changed):
    return {
        "target": "clip", "reference": "second_model", "mode": "t2i", "k": 10, "top": None,
        "sample_id": i, "role": "target", "n_objects": len(truth),
        "target_hits": len(target & truth), "target_predicted": len(target),
        "reference_hits": len(reference & truth), "reference_predicted": len(reference),
        "target_precision": float(slow.precision(target, truth)),
        "reference_precision": float(slow.precision(reference, truth)),
        "target_recall": float(slow.recall(target, truth)),
        "reference_recall": float(slow.recall(reference, truth)),
    } | changed  # fmt: skip


def report(folder, rows, pairs=()):
    """Return results and tables of score rows."""
    table = pa.Table.from_pylist(rows, schema=CAPTION_SCORES.schema)
    CAPTION_SCORES.write(table, folder / "caption" / "scores.parquet", inputs={})
    table = pa.Table.from_pylist(list(pairs), schema=REFERENCE_AGREEMENT.schema)
    REFERENCE_AGREEMENT.write(table, folder / "caption" / "agreement.parquet", inputs={})
    objects = [{0}] * (1 + max(row["sample_id"] for row in rows))
    world.write(folder / "caption", objects, ["target"] * len(objects), {}, [[1.0]] * len(objects))
    settings = CaptionSettings(
        seed=0,
        resamples=50,
        n_most_memorized=3,
        models=world.models(),
        score=world.settings(),
        headline=CaptionHeadline(target="clip", mode="t2i", k=10, top="all"),
    )
    names = ("samples", "splits", "objects", "caption_scores", "reference_agreement")
    with catalog.connect(
        folder, only=names, settings=caption_tables.query_tables(settings)
    ) as opened:
        results = captions.caption_results(opened, settings)
        tables = caption_tables.read(opened, results, settings)
        return caption_node(results), caption_tables.lines(results, tables)


def node_of(results, k=10, top="all", reference="second_model"):
    return results["clip"][reference]["t2i"][f"k={k}"][f"top={top}"]


def cells_of(samples):
    rows = [
        (
            slow.precision(a, t) > slow.precision(b, t), slow.precision(a, t) < slow.precision(b, t),
            len(a & t) - len(b & t), len(t),
        )
        for a, b, t in samples
    ]  # fmt: skip
    return Cells(
        counts=np.ones(len(rows), np.int64),
        precision_signs=np.array([int(r[0]) - int(r[1]) for r in rows]),
        hit_gaps=np.array([r[2] for r in rows]),
        n_objects=np.array([r[3] for r in rows]),
        group=np.full(len(rows), -1),
    )


def test_gaps_by_hand(tmp_path):
    samples = [
        ({0, 1}, {0}, {0, 1}),  # precision ties at 1, recall is higher
        ({0, 1, 2}, {0, 1}, {0}),  # precision 1/3 is below 1/2, recall ties
        ({0, 1, 2, 3, 4}, {0, 1, 2}, {0, 1, 3}),  # 3/5 is below 2/3, recall is higher
        (set(), {4}, {0}),  # both 0: nothing predicted, and a miss
    ]
    results, tables = report(tmp_path, [score_row(i, *each) for i, each in enumerate(samples)])
    node = node_of(results)["target"]
    assert node["target_recall"] == pytest.approx((1 + 1 + 1 + 0) / 4)
    assert node["reference_recall"] == pytest.approx((1 / 2 + 1 + 2 / 3 + 0) / 4, abs=1e-6)
    (row,) = tables["caption_scores"]
    assert row["target_recall"] - row["reference_recall"] == pytest.approx(row["aucg"], abs=1e-6)
    assert (node["n"], node["ppg"], node["prg"]) == (4, -0.5, 0.5)
    assert node["aucg"] == pytest.approx((1 / 2 + 0 + 1 / 3 + 0) / 4, abs=1e-6)
    assert (node["n_precision_higher"], node["n_precision_lower"]) == (0, 2)
    assert (node["ppg_sign_p"], node["n_target_undefined"]) == (0.5, 1)


def test_equal_fractions_tie(tmp_path):
    row = score_row(0, {0}, {0}, {0}) | {
        "target_hits": 1, "target_predicted": 3, "reference_hits": 2, "reference_predicted": 6,
    }  # fmt: skip
    node = node_of(report(tmp_path, [row])[0])["target"]
    assert (node["n_precision_higher"], node["n_precision_lower"]) == (0, 0)


@given(SAMPLES)
@pytest.mark.slow
def test_gaps_equal_slow_twin(samples):
    found = captions.gaps(cells_of(samples))
    pairs = {
        name: [[metric(side, t) for side in (a, b)] for a, b, t in samples]
        for name, metric in (("ppg", slow.precision), ("prg", slow.recall))
    }
    for name, values in pairs.items():
        assert found[name] == float(slow.sign_gap(*zip(*values, strict=True)))


@given(SAMPLES)
@pytest.mark.slow
def test_swapping_target_and_reference_flips_every_sign(samples):
    swapped = [(b, a, t) for a, b, t in samples]
    there, back = captions.gaps(cells_of(samples)), captions.gaps(cells_of(swapped))
    assert {name: -value for name, value in back.items()} == there


@given(SAMPLES)
@pytest.mark.slow
def test_a_model_has_no_gap_with_itself(samples):
    same = [(a, a, t) for a, _, t in samples]
    assert set(captions.gaps(cells_of(same)).values()) == {0.0}


@given(SAMPLES)
@pytest.mark.slow
def test_aucg_is_the_area_between_the_survival_curves_of_recall(samples):
    def area(recalls):
        """Integrate P(recall > x) over x in [0, 1]: a step function that changes at its values."""
        edges = sorted({0, 1, *recalls})
        steps = itertools.pairwise(edges)
        return sum((b - a) * sum(r > a for r in recalls) / len(recalls) for a, b in steps)

    target, reference = ([slow.recall(s[side], s[2]) for s in samples] for side in (0, 1))
    expected = float(area(target) - area(reference))
    assert captions.gaps(cells_of(samples))["aucg"] == pytest.approx(expected, abs=1e-12)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), OBJECTS.filter(bool)),
        min_size=1,
        max_size=9,
    )
)
@pytest.mark.slow
def test_with_one_predicted_object_precision_and_recall_agree(samples):
    one = [({a}, {b}, t) for a, b, t in samples]
    found = captions.gaps(cells_of(one))
    assert found["ppg"] == found["prg"]


def test_intervals_cover_the_gap_and_narrow_with_samples():
    rng = np.random.default_rng(0)
    widths = []
    for n in (100, 10_000):
        cells = Cells(
            counts=np.array([n // 2, n // 4, n // 4]), precision_signs=np.array([1, 0, -1]),
            hit_gaps=np.array([1, 0, -1]), n_objects=np.array([2, 2, 2]), group=np.full(3, -1),
        )  # fmt: skip
        drawn = captions.resampled_gaps(cells, 400, rng)
        low, high = np.quantile(drawn["ppg"], [0.025, 0.975])
        assert low < 0.25 < high
        widths.append(high - low)
        exact = np.sqrt((0.75 - 0.25**2) / n)
        assert drawn["ppg"].std() == pytest.approx(exact, rel=0.15)
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.25)


def test_blocks_of_resamples_are_as_many_as_asked():
    kinds = resampling.kinds(np.array([3, 2]), np.full(2, -1), np.array([[1.0], [0.0]]))
    found = [
        kinds.resampled(7, np.random.default_rng(0), block_cells=cells) for cells in (4, 1_000)
    ]
    assert len(found[0]) == 7
    assert (found[0] == found[1]).all()


def test_excess_and_bias_by_hand(tmp_path):
    better, worse = ({0}, {1}, {0}), ({1}, {0}, {0})
    rows = [score_row(0, *better), score_row(1, *better)]
    rows += [score_row(2, *better, role="control"), score_row(3, *worse, role="control")]
    rows += [score_row(0, *better) | {"reference": "oracle"}]
    rows += [score_row(1, *worse) | {"reference": "oracle"}]
    results, tables = report(tmp_path, rows)
    node = node_of(results)
    assert (node["target"]["ppg"], node["control"]["ppg"], node["excess"]["ppg"]) == (1.0, 0.0, 1.0)
    assert node["bias"]["control"]["ppg"] == 0.0
    assert node["bias"]["oracle"]["ppg"] == 1.0  # 1 against the reference, 0 against the oracle
    assert "excess" not in node_of(results, reference="oracle")
    row = next(r for r in tables["caption_calibration"] if r["reference"] == "second_model")
    assert (row["target_ppg"], row["excess_ppg"], row["two_model_ppg"]) == (1.0, 1.0, 1.0)


@hypothesis.settings(max_examples=8, deadline=None)
@given(samples=st.lists(st.tuples(OBJECTS, OBJECTS, OBJECTS.filter(bool)), min_size=3, max_size=9))
@pytest.mark.slow
def test_top_l_equals_slow_twin(tmp_path_factory, samples):
    folder = tmp_path_factory.mktemp("top_l")
    _, tables = report(folder, [score_row(i, *each) for i, each in enumerate(samples)])
    rows = [(i, *each) for i, each in enumerate(samples)]
    expected = {length: slow.top_l(rows, length) for length in {1, 2, min(5, len(rows)), len(rows)}}
    found = {
        row["length"]: [row["precision_gap"], row["recall_gap"], row["f_gap"]]
        for row in tables["caption_top_l"]
    }
    assert sorted(found) == sorted(expected)
    for length, values in expected.items():
        assert found[length] == pytest.approx([float(v) for v in values], abs=1e-9)


def test_agreement_by_hand_with_the_papers_number_beside(tmp_path):
    head = {
        "target": "clip", "mode": "t2i", "first": "second_model", "second": "text_model",
        "first_k": 10, "second_k": 100, "first_top": None, "second_top": None, "role": "target",
    }  # fmt: skip
    sizes = [(2, 2, 1), (0, 0, 0), (1, 0, 0)]  # 1/3, both empty: 1, 0
    names = ("first_hits", "second_hits", "common_hits")
    pairs = [
        head | {"sample_id": i} | dict(zip(names, each, strict=True))
        for i, each in enumerate(sizes)
    ]
    _, tables = report(tmp_path, [score_row(0, {0}, {0}, {0})], pairs)
    (row,) = tables["caption_agreement"]
    assert (row["n"], row["paper"]) == (3, 0.62)
    assert row["jaccard"] == pytest.approx(4 / 9)


def test_planted_auroc_counts_ties_half(tmp_path):
    gain, none = ({0}, {1}, {0}), ({0}, {0}, {0})
    samples = [gain, none, none, none]  # even ids are planted
    _, tables = report(tmp_path, [score_row(i, *each) for i, each in enumerate(samples)])
    (row,) = tables["caption_planted"]
    assert (row["n_planted"], row["n_other"], row["auroc"]) == (2, 2, 0.75)


def test_paper_numbers_stand_beside_ours(tmp_path):
    rows = [score_row(0, {0}, {1}, {0}), score_row(0, {0}, {1}, {0}, top=1)]
    _, tables = report(tmp_path, rows)
    (row,) = tables["caption_by_neighbors"]
    assert (row["paper_table_2_ppg"], row["paper_table_2_prg"]) == (0.060, 0.064)
    assert row["paper_table_4_ppg"] is None
    found = {row["top"]: row["paper_table_3_ppg"] for row in tables["caption_by_objects"]}
    assert found == {"1": 0.022, "all": 0.060}


@pytest.mark.slow
def test_intervals_of_the_first_samples_are_those_of_a_bootstrap_that_ranks_anew(tmp_path):
    rng = np.random.default_rng(3)
    n = 2000
    truth = set(range(5))
    rows = [
        score_row(
            i, set(range(rng.binomial(5, 0.6))), set(range(rng.binomial(5, 0.4))) | {9}, truth
        )
        for i in range(n)
    ]  # fmt: skip
    _, made = report(tmp_path, rows)
    found = {row["length"]: row for row in made["caption_top_l"]}
    gaps = np.array([row["target_recall"] - row["reference_recall"] for row in rows])
    drawn = rng.integers(n, size=(400, n))
    ranked = -np.sort(-gaps[drawn], axis=1)
    for length in (200, 500, 1000, 2000):
        spread = ranked[:, :length].mean(axis=1).std()
        row = found[length]
        half = (row["recall_gap_high"] - row["recall_gap_low"]) / 2
        assert half == pytest.approx(1.96 * spread, rel=0.25)
        assert row["recall_gap_low"] < row["recall_gap"] < row["recall_gap_high"]
    assert found[20]["recall_gap_low"] is None
