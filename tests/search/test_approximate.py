"""Indexes that may miss neighbors: how they are built, kept and found again."""

import json

import faiss
import numpy as np
import pytest

from dejavu.errors import ParamsError
from dejavu.search import approximate, neighbors, searches
from dejavu.search.budget import Budget
from dejavu.search.held_bank import HeldBank
from dejavu.search.knn import Search, recall
from dejavu.search.neighbors import NeighborFiles, NeighborSettings
from dejavu.tables.parquet import fingerprint
from dejavu.tables.views import CROP, REFERENCE_CROP
from tests.models.training.world import MACHINE
from tests.search.slow import bank_of
from tests.search.test_knn import nearest
from tests.search.test_neighbors import embeddings, settings, write_embeddings  # noqa: F401


class TestAnApproximateIndex:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((500, 16)).astype(np.float32)
    queries = rng.standard_normal((20, 16)).astype(np.float32)

    def test_that_searches_everything_is_exact(self):
        exact = nearest(self.queries, bank_of(self.rows), k=10)
        found = nearest(self.queries, bank_of(self.rows), k=10, index="IVF4,Flat; nprobe=4")
        assert found.ids.tolist() == exact.ids.tolist()
        assert found.similarities.tolist() == exact.similarities.tolist()

    def test_that_searches_less_has_less_recall(self):
        exact = nearest(self.queries, bank_of(self.rows), k=10)
        found = nearest(self.queries, bank_of(self.rows), k=10, margin=0, index="IVF4,Flat")
        assert 0.1 < recall(found.ids, exact.ids) < 0.95

    def test_that_finds_one_too_few_is_refused(self):
        """Two far clusters, one list each: of the two, the nearer one alone is searched."""
        rng = np.random.default_rng(4)
        rows = rng.standard_normal((130, 2)) + np.repeat([[0.0], [100.0]], [50, 80], axis=0)
        bank, query = bank_of(rows.astype(np.float32)), np.zeros((1, 2), np.float32)
        assert nearest(query, bank, k=50, margin=0, index="IVF2,Flat").ids.max() == 49
        with pytest.raises(ParamsError, match="fewer than k=51 neighbors for 1 queries"):
            nearest(query, bank, k=51, margin=0, index="IVF2,Flat")

    def test_that_finds_too_few_is_refused(self):
        with pytest.raises(ParamsError, match=r"fewer than k=200 .* nprobe=64"):
            nearest(self.queries, bank_of(self.rows), k=200, index="IVF16,Flat")

    def test_that_faiss_does_not_know_is_a_parameter_error(self):
        with pytest.raises(ParamsError, match="'Flatt' does not work"):
            nearest(self.queries, bank_of(self.rows), k=2, index="Flatt")

    def test_is_trained_on_rows_of_the_whole_bank(self, monkeypatch):
        monkeypatch.setattr(approximate, "TRAINING_ROWS", 40)
        monkeypatch.setattr(approximate, "ROWS_PER_LIST", 10)
        rows = np.arange(500, dtype=np.float32)[:, None]
        bank = HeldBank(bank_of(rows), "l2", Budget(1.0))
        drawn = approximate.training_rows(bank, 40)[:, 0] + bank.center[0]
        assert len(set(drawn.tolist())) == 40
        assert drawn.min() < 50
        assert drawn.max() > 450
        index = faiss.index_factory(4, "IVF7,Flat")
        assert approximate.training_size(index, 10**6) == 70
        assert approximate.training_size(index, 30) == 30
        assert approximate.training_size(faiss.index_factory(4, "PQ2x4"), 10**6) == 40


RNG = np.random.default_rng(5)
ROWS = RNG.standard_normal((400, 8)).astype(np.float32)
QUERIES = RNG.standard_normal((20, 8)).astype(np.float32)


def search(index, kept=None, memory_gb=1.0, metric="l2", block_rows=30):
    return Search(
        bank_of(ROWS, block_rows=block_rows), metric=metric, index=index, section="s",
        memory_gb=memory_gb, kept=kept,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("index", "metric", "memory_gb"),
    [
        ("IVF8,Flat; nprobe=2", "l2", 1.0),
        ("PCA4,IVF4,SQ8", "cosine", 1.0),
        ("HNSW8", "l2", 1.0),
        ("IVF8,Flat; nprobe=2", "cosine", 2e-6),  # lists of 25 rows at once, of 400
        ("PCA4,IVF4,SQ8", "l2", 2e-6),
    ],
)
def test_a_kept_index_finds_what_one_in_memory_finds(tmp_path, index, metric, memory_gb):
    usual = search(index, metric=metric).nearest(QUERIES, k=5, margin=5)
    kept = tmp_path / "owner" / "abc"
    for _ in ("built", "opened"):
        found = search(index, kept, memory_gb, metric).nearest(QUERIES, k=5, margin=5)
        assert found.ids.tolist() == usual.ids.tolist()
    assert not list(kept.glob("part*"))


def test_lists_that_memory_does_not_hold_are_merged_on_the_disk(tmp_path):
    for memory_gb, files in ((1.0, ["lists.faiss"]), (2e-6, ["lists.faiss", "lists.ivfdata"])):
        kept = tmp_path / str(memory_gb) / "abc"
        search("IVF8,Flat", kept, memory_gb).prepare()
        assert sorted(each.name for each in kept.iterdir()) == files


@pytest.mark.parametrize("memory_gb", [1.0, 2e-6])
def test_lists_are_mapped_and_not_read(tmp_path, memory_gb):
    search("IVF8,Flat", tmp_path / "abc", memory_gb).prepare()
    index = approximate.opened(tmp_path / "abc")
    lists = faiss.extract_index_ivf(index).invlists
    assert isinstance(faiss.downcast_InvertedLists(lists), faiss.OnDiskInvertedLists)


def test_an_index_is_built_once_and_the_one_before_it_goes(tmp_path, monkeypatch):
    built, trained = [], approximate.trained

    def counted(bank, factory):
        built.append(factory)
        return trained(bank, factory)

    monkeypatch.setattr(approximate, "trained", counted)
    for kept in ("one", "one", "two"):
        for nprobe in (1, 4):
            search(f"IVF8,Flat; nprobe={nprobe}", tmp_path / kept).nearest(QUERIES, k=3, margin=3)
    assert built == ["IVF8,Flat"] * 2
    assert [each.name for each in tmp_path.iterdir()] == ["two"]


def test_a_half_built_index_is_never_opened(tmp_path, monkeypatch):
    def dying(bank, index):
        raise KeyboardInterrupt

    filled = approximate.filled
    monkeypatch.setattr(approximate, "filled", dying)
    with pytest.raises(KeyboardInterrupt):
        search("IVF8,Flat", tmp_path / "owner" / "abc").prepare()
    monkeypatch.setattr(approximate, "filled", filled)
    found = search("IVF8,Flat; nprobe=8", tmp_path / "owner" / "abc").nearest(
        QUERIES, k=3, margin=3
    )
    exact = search("Flat").nearest(QUERIES, k=3, margin=3)
    assert found.ids.tolist() == exact.ids.tolist()


def test_the_stages_of_a_model_share_the_index_of_its_bank(embeddings, tmp_path, monkeypatch):  # noqa: F811
    """Crops, crops of the reference role, and later runs search one; other vectors need another."""
    root = embeddings[0]
    write_embeddings(root / "layer=projector/view=reference_crop", np.arange(9) * 2 + 1, seed=7)
    built, keep = [], approximate.keep
    monkeypatch.setattr(approximate, "keep", lambda *a: built.append(a[2].parent.name) or keep(*a))

    def find(out, crops=CROP, **changes):
        asked = settings(**{"index": "IVF2,Flat; nprobe=2", **changes})
        neighbors.find(
            settings=NeighborSettings(
                section="image.neighbors", model="m", search=asked, machine=MACHINE
            ),
            inputs=searches.of_images(root, ("projector",), asked.metrics, crops=crops),
            out=NeighborFiles(neighbors=out, recall=out.with_name(f"{out.name}.json")),
        )  # fmt: skip

    find(tmp_path / "a")
    assert len(set(built)) == len(built) == 2  # one per metric
    find(tmp_path / "b", crops=REFERENCE_CROP)
    find(tmp_path / "c", k=3, index="IVF2,Flat; nprobe=1")
    assert len(built) == 2
    find(tmp_path / "d", index="IVF3,Flat; nprobe=3")
    assert len(built) == 4
    write_embeddings(root / "layer=projector/view=public_image", np.arange(31) * 2, seed=9)
    find(tmp_path / "e", index="IVF3,Flat; nprobe=3")
    assert len(built) == 6
    assert [each["recall"] for each in json.loads((tmp_path / "e.json").read_text())] == [1.0, 1.0]
    assert len(list((tmp_path / ".work" / "indexes").glob("*/*"))) == 2
    assert fingerprint(tmp_path / "d") != fingerprint(tmp_path / "e")
