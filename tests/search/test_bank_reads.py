"""How often a search decodes its bank: as seldom as memory allows, with the same bytes."""

import numpy as np
import pytest

from dejavu.search import neighbors, searches
from dejavu.search.neighbors import NeighborFiles, NeighborSettings
from dejavu.tables.parquet import Table, fingerprint
from dejavu.tables.schemas import NEIGHBORS
from tests.models.training.world import MACHINE
from tests.search.test_neighbors import embeddings, settings, write_embeddings  # noqa: F401

N_PARTS = 6
HELD, FOUR, TWO, ONE = 1e-4, 9e-6, 4.5e-6, 2.2e-6  # gigabytes: what is at hand, by parts of queries


@pytest.fixture
def reads(embeddings, monkeypatch):  # noqa: F811
    """Find the neighbors of six parts of five queries; return how often the bank was decoded."""
    root = embeddings[0]
    write_embeddings(root / "layer=projector/view=crop", np.arange(30) * 2 + 1, seed=1)
    bank = root / "layer=projector/view=public_image"
    write_embeddings(bank, np.arange(300) * 2, seed=0)  # 7,200 bytes; a part of queries: 1,080
    monkeypatch.setattr(neighbors, "ROWS_PER_PART", 5)
    seen, batches = [], Table.batches

    def counted(table, path, **options):
        if path == bank:
            seen.append(path)
        return batches(table, path, **options)

    monkeypatch.setattr(Table, "batches", counted)

    def find(out, memory_gb, metric="cosine", **machine):
        seen.clear()
        search = settings(metrics=(metric,))
        neighbors.find(
            settings=NeighborSettings(
                section="image.neighbors", model="m", search=search,
                machine=MACHINE.model_copy(update={"memory_gb": memory_gb, **machine}),
            ),
            inputs=searches.of_images(root, ("projector",), search.metrics),
            out=NeighborFiles(neighbors=out, recall=out.with_name(f"{out.name}.json")),
        )  # fmt: skip
        return len(seen)

    return find


@pytest.mark.parametrize(
    ("memory_gb", "expected"),
    [(HELD, 1), (FOUR, 2 * 2), (TWO, 2 * 3), (ONE, 2 * N_PARTS)],
)
def test_the_bank_meets_as_many_queries_as_memory_holds(reads, tmp_path, memory_gb, expected):
    """Candidates and ranking read it, once for each group of parts."""
    assert reads(tmp_path / "out", memory_gb) == expected
    assert [NEIGHBORS.count(each) for each in sorted((tmp_path / "out").rglob("*.parquet"))] == (
        [5] * N_PARTS
    )


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_memory_never_changes_a_byte(reads, tmp_path, metric):
    for memory_gb in (HELD, FOUR, TWO, ONE):
        reads(tmp_path / str(memory_gb), memory_gb, metric)
    reads(tmp_path / "half", FOUR, metric, search_precision="float16")
    names = (*map(str, (HELD, FOUR, TWO, ONE)), "half")
    assert len({fingerprint(tmp_path / name) for name in names}) == 1


def test_a_killed_run_goes_on_where_it_was(reads, tmp_path, monkeypatch):
    reads(tmp_path / "whole", FOUR)
    write, written = Table.write, []

    def dying(table, rows, path, **facts):
        written.append(path.name)
        if len(written) == 4:
            raise KeyboardInterrupt
        write(table, rows, path, **facts)

    monkeypatch.setattr(Table, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        reads(tmp_path / "out", TWO)
    monkeypatch.setattr(Table, "write", write)
    assert reads(tmp_path / "out", TWO) == 2 * 2  # three parts are left
    assert fingerprint(tmp_path / "out") == fingerprint(tmp_path / "whole")
