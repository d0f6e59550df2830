"""An index that misses neighbors, and limits that were raised and crossed, stand beside the headline."""

import json

import pytest

from dejavu.corpora import plausibility
from dejavu.report import caveats
from dejavu.search import recalls
from dejavu.search.recalls import Recall
from dejavu.tables import parquet, schemas
from tests.report.gallery import world
from tests.report.page.pages import report


def recall_of(share, n_queries=30):
    return Recall(
        model="vicreg", names={"layer": "projector", "metric": "l2"}, k=20, index="IVF64,Flat",
        n_queries=n_queries, recall=share,
    )  # fmt: skip


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("caveats")
    made = world.write(folder / "data", lanes=("image",))
    recalls.write(folder / "data" / "image" / "recall" / "vicreg.json", [recall_of(0.8)])
    path = folder / "data" / "image" / "splits.parquet"
    notes = {plausibility.NOTES: {"labels_without_bank": json.dumps([3, 40])}}
    rows, inputs = schemas.SPLITS.read(path), parquet.inputs_of(path)
    schemas.SPLITS.write(rows, path, inputs=inputs, notes=notes)
    return report(made, folder / "reports")


@pytest.mark.slow
def test_both_stand_beside_the_headline_and_where_they_belong(reports):
    for name, end in (
        ("index.html", '<div class="cards">'),
        ("summary.md", "Behind it, test by test"),
    ):
        text = (reports / name).read_text(encoding="utf-8").replace("\u00a0", " ")
        opening = text[: text.index(end)]
        assert "finds 80.0 % (62.7 to 90.5 %) of the exact 20 neighbors of vicreg" in opening
        assert "limits.labels_without_bank was raised above 0%" in opening
    page = (reports / "index.html").read_text(encoding="utf-8")
    assert "limits.labels_without_bank" in page[page.index('id="dropped"') :]
    assert "Approximate indices" in page


@pytest.mark.parametrize(("share", "n_queries"), [(0.99, 30), (1.0, 0)])
def test_a_search_that_finds_them_needs_no_warning(share, n_queries):
    found = caveats.Caveats(recalls={"image": [recall_of(share, n_queries)]}, crossings={})
    assert found.warnings() == []


def test_the_recall_has_the_interval_of_a_share_of_queries():
    """Wilson by hand, 24 of 30: (0.8 + z²/60 ± z·√(0.16/30 + z²/3600)) / (1 + z²/30)."""
    found = caveats.recall_of(recall_of(0.8))
    assert (found.low, found.high) == pytest.approx((0.62695, 0.90495), abs=1e-5)
    between = caveats.recall_of(recall_of(0.81))  # 24.3 of 30
    assert between.low == pytest.approx(found.low)
    assert between.high > found.high
    assert caveats.recall_of(recall_of(1.0)).high == 1.0
