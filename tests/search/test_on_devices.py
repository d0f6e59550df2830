"""Half precision, float32 and several devices give the answer of the slow twin, to the last tie."""

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode

from dejavu.errors import EngineError
from dejavu.search import on_devices, places
from dejavu.search.budget import Budget
from dejavu.search.certainty import rounding_bound
from dejavu.search.held_bank import HeldBank
from dejavu.search.knn import Search
from dejavu.search.nearest_columns import best_of, merged
from dejavu.search.on_devices import OnDevices, products, require_precision, rounded
from dejavu.search.places import Places
from tests.models.training.world import MACHINE
from tests.search.slow import bank_of, slow_nearest

CPU = torch.device("cpu")
PRECISIONS = ("float32", "float16", "bfloat16")


def search_in(rows, metric, precision, *, devices=1, ids=None, block_rows=50, memory_gb=1.0):
    there = Places(devices=("cpu",) * devices, precision=precision)
    bank = bank_of(rows, ids, block_rows=block_rows)
    return Search(bank, metric=metric, index="Flat", section="s", memory_gb=memory_gb, places=there)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize("far", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("memory_gb", [1e-6, 1.0])  # all of it streamed, all of it resident
def test_near_ties_clusters_and_vectors_far_away_equal_the_slow_twin(
    precision, metric, far, memory_gb
):
    rng = np.random.default_rng(int(far) + 1)
    centers = rng.standard_normal((4, 16)) + far
    steps = np.float32(1) + rng.integers(-2, 3, (120, 16)) * np.float32(2.0**-23)  # last bits
    rows = (centers[rng.integers(0, 4, 120)] * steps).astype(np.float32)
    queries = centers.astype(np.float32)
    ids = np.cumsum(rng.integers(1, 4, 120))
    expected = slow_nearest(queries, rows, ids, 12, metric)
    search = search_in(rows, metric, precision, ids=ids, devices=2, memory_gb=memory_gb)
    assert search.nearest(queries, k=12, margin=2).ids.tolist() == expected


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("devices", [1, 2, 3, 50])
@pytest.mark.slow
def test_vectors_of_very_different_lengths_and_equal_ones(precision, devices):
    """Lengths beyond float16's range either way, and more equal vectors than candidates."""
    rng = np.random.default_rng(3)
    lengths = 10.0 ** rng.integers(-7, 8, (90, 1))
    rows = (rng.standard_normal((90, 8)) * lengths).astype(np.float32)
    rows[40:70] = rows[40]
    queries = rows[[0, 40, 89]]
    for metric in ("l2", "cosine"):
        expected = slow_nearest(queries, rows, range(90), 5, metric)
        found = search_in(rows, metric, precision, devices=devices).nearest(queries, k=5, margin=2)
        assert found.ids.tolist() == expected


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.slow
def test_many_tiles_and_products_give_what_one_gives(precision, monkeypatch):
    rng = np.random.default_rng(4)
    rows, queries = (rng.standard_normal((n, 24)).astype(np.float32) for n in (900, 70))
    expected = Search(bank_of(rows), metric="l2", index="Flat", section="s").nearest(
        queries, k=9, margin=5
    )
    monkeypatch.setattr(on_devices, "_CPU_TILE", (16, 130))
    for memory_gb in (1e-5, 1e-4, 1.0):  # the second: a part is resident
        search = search_in(rows, "l2", precision, devices=2, memory_gb=memory_gb)
        found = search.nearest(queries, k=9, margin=5)
        assert found.ids.tolist() == expected.ids.tolist()
        assert found.similarities.tolist() == expected.similarities.tolist()


@pytest.mark.parametrize(("memory_gb", "n_resident"), [(1e-9, 0), (2e-5, 200), (1.0, 300)])
def test_what_has_no_room_is_streamed_and_the_rest_stays(memory_gb, n_resident):
    rows = np.random.default_rng(5).standard_normal((300, 8)).astype(np.float32)
    held = HeldBank(bank_of(rows, block_rows=70), "l2", Budget(memory_gb))
    source = OnDevices(held, "float16", ("cpu", "cpu"))
    assert source.nearest(rows[:5], 3).rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    resident = source._resident
    assert sum(len(part.vectors) for part in resident) == pytest.approx(n_resident, abs=10)
    assert source._resident is resident
    assert sum(len(p.vectors) for parts in source._streamed() for p in parts) == 300 - sum(
        len(part.vectors) for part in resident
    )


def test_only_queries_in_doubt_are_searched_again_in_float32(monkeypatch):
    """One query stands between two vectors that bfloat16 cannot tell apart, the other is clear."""
    rows = np.eye(64, dtype=np.float32)[:40]
    rows[:4] = rows[0] * np.float32(1.003)  # no bfloat16
    rows[1:4, 50] = [0.02, 0.03, 0.04]
    rows[21] = rows[20] * np.float32(0.9)
    queries = np.stack([rows[0], rows[20]])
    asked = []
    nearest = OnDevices.nearest

    def counted(self, queries, n):
        asked.append((self._dtype, len(queries), n))
        return nearest(self, queries, n)

    monkeypatch.setattr(OnDevices, "nearest", counted)
    found = search_in(rows, "l2", "bfloat16").nearest(queries, k=2, margin=1)
    assert found.ids.tolist() == slow_nearest(queries, rows, range(40), 2, "l2")
    assert asked == [(torch.bfloat16, 2, 3), (torch.float32, 1, 3)]


class Adversary:
    """Rounding that pushes every other vector up, and the rest down, by a step of the format."""

    def __init__(self, monkeypatch, step):
        self.step, self.n_pushed, self.rounded = step, 0, on_devices.rounded
        begin = OnDevices.__init__

        def begin_erring(source, bank, precision, devices):
            begin(source, bank, precision, devices)
            if precision != "float32":
                source._dtype = torch.float64  # holds what is pushed as it is

        monkeypatch.setattr(OnDevices, "__init__", begin_erring)
        monkeypatch.setattr(on_devices, "rounded", self)
        monkeypatch.setattr(on_devices, "require_precision", lambda *_: None)

    def __call__(self, seen, device, dtype, **how):
        found = self.rounded(seen, device, torch.float32, **how)
        if dtype == torch.float32:
            return found
        self.n_pushed += len(seen)
        vectors = found.vectors.clone()
        signs = torch.where(vectors[:, 1] > 0, 1.0, -1.0)
        vectors[:, 0] += signs * self.step * torch.linalg.vector_norm(vectors, dim=1)
        roundings = torch.linalg.vector_norm((vectors - found.vectors).double(), dim=1).numpy()
        return on_devices.Rounded(
            vectors=vectors.double(), exponents=found.exponents, norms=found.norms,
            roundings=np.ldexp(roundings, found.exponents),
        )  # fmt: skip


@pytest.mark.parametrize("step", [2.0**-11, 2.0**-8])
@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_the_answer_is_exact_although_rounding_errs_by_all_it_may(step, metric, monkeypatch):
    """Rows within one step of the format of each other; the nearest look farther, others nearer."""
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((200, 16))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) * (1e-2 if metric == "cosine" else 1)
    query = np.eye(1, 16, dtype=np.float32) * np.float32(1e-3 if metric == "l2" else 1)
    rows = (rows + (query if metric == "cosine" else 0)).astype(np.float32)
    adversary = Adversary(monkeypatch, step)
    expected = slow_nearest(query, rows, range(200), 4, metric)
    found = search_in(rows, metric, "bfloat16", devices=2).nearest(query, k=4, margin=1)
    assert found.ids.tolist() == expected
    assert adversary.n_pushed > 200


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_no_similarity_errs_by_more_than_half_the_bound(dtype, metric):
    rng = np.random.default_rng(7)
    rows, queries = (rng.standard_normal((n, 40)).astype(np.float32) for n in (500, 60))
    held = HeldBank(bank_of(rows), metric, Budget(1.0))
    source = OnDevices(held, str(dtype).removeprefix("torch."), ("cpu",))
    proposed = source.nearest(queries, 20)
    exact_rows, exact_queries = (held.seen(each).astype(np.float64) for each in (rows, queries))
    exact = exact_queries @ exact_rows.T
    if metric == "l2":
        exact = -((exact_queries[:, None] - exact_rows) ** 2).sum(axis=2)
    last = np.take_along_axis(exact, proposed.rows[:, -1:], 1)[:, 0]
    error = np.abs(proposed.worst - last)
    assert (error <= proposed.bound).all()
    assert error.max() > proposed.bound.max() / 100  # the bound is of the error's size
    others = exact.copy()
    np.put_along_axis(others, proposed.rows, -np.inf, 1)
    assert (others.max(axis=1) <= proposed.worst + proposed.bound).all()


@pytest.mark.parametrize(
    ("metric", "expected"), [("cosine", 0.25 * (3 + 0.5) + 2 * 0.5), ("l2", 2 * 1.875)]
)
def test_the_bound_of_rounding_by_hand(metric, expected):
    found = rounding_bound(np.array([2.0]), np.array([0.25]), 3.0, 0.5, metric=metric)
    assert found.tolist() == [expected]


@pytest.mark.parametrize("scaled", [False, True])
def test_what_rounding_adds_is_measured(scaled):
    vectors = np.array([[1 + 2.0**-11, 0], [0.75, 0.5]], np.float32)
    found = rounded(vectors, CPU, torch.float16, scaled=scaled)
    assert found.roundings.tolist() == [2.0**-11, 0.0]
    assert found.norms[1] == np.sqrt(0.8125)
    exact = found.vectors.float().numpy() * 2.0 ** found.exponents[:, None]
    assert exact.tolist() == [[1, 0], [0.75, 0.5]]


def test_scales_are_powers_of_two_of_each_vector_or_of_all():
    vectors = np.array([[3e6, 0], [0, 3e-6], [0, 0]], np.float32)
    found = rounded(vectors, CPU, torch.float16, scaled=True)
    lengths = torch.linalg.vector_norm(found.vectors.float(), dim=1)
    assert (lengths[:2] >= 0.5).all() and (lengths[:2] < 1).all()  # noqa: PT018
    together = rounded(vectors, CPU, torch.float16, scaled=True, together=True)
    assert set(together.exponents.tolist()) == {22}
    assert together.roundings[1] == pytest.approx(3e-6)  # lost, and said


def test_a_device_that_computes_less_precisely_is_refused(monkeypatch):
    require_precision(CPU, torch.float32, 64)

    def with_tf32(queries, vectors):
        kept = [each.view(torch.int32).bitwise_and(~0x1FFF) for each in (queries, vectors)]
        return kept[0].view(torch.float32) @ kept[1].view(torch.float32).T

    monkeypatch.setattr(on_devices, "products", with_tf32)
    with pytest.raises(EngineError, match="TF32"):
        require_precision(CPU, torch.float32, 64)


def test_sums_of_half_precision_are_refused(monkeypatch):
    monkeypatch.setattr(on_devices, "products", lambda q, v: (q @ v.T).float())
    with pytest.raises(EngineError, match="would not be exact"):
        require_precision(CPU, torch.bfloat16, 64)


def test_products_are_summed_in_float32():
    some = torch.full((1, 300), 0.123, dtype=torch.bfloat16)
    exact = float((some.double() ** 2).sum())
    assert float(products(some, some)[0, 0]) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(("n_columns", "n"), [(5, 9), (700, 2), (640, 2), (1000, 3), (64, 1)])
def test_the_largest_values_are_found_group_by_group(n_columns, n):
    values = torch.from_numpy(np.random.default_rng(8).integers(0, 50, (6, n_columns))).float()
    found = best_of(values, n)
    expected = values.sort(dim=1, descending=True).values[:, :n]
    assert found.values.tolist() == expected.tolist()
    assert values.gather(1, found.rows).tolist() == expected.tolist()
    assert merged(found, found, 2 * n).values[:, 0].tolist() == expected[:, 0].tolist()


class TestPlaces:
    def of(self, monkeypatch, n_gpus=0, **changes):
        monkeypatch.setattr(places, "_may_have_gpus", lambda: n_gpus > 0)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
        return places.of(MACHINE.model_copy(update=changes))

    def test_processors_take_faiss_unless_a_half_precision_is_asked_for(self, monkeypatch):
        assert self.of(monkeypatch) == places.PROCESSORS
        assert self.of(monkeypatch, search_precision="float32") == places.PROCESSORS
        forced = self.of(monkeypatch, search_precision="bfloat16")
        assert forced == Places(devices=("cpu",), precision="bfloat16")

    def test_all_gpus_hold_the_bank_in_float16(self, monkeypatch):
        found = self.of(monkeypatch, n_gpus=2, device="auto")
        assert found == Places(devices=("cuda:0", "cuda:1"), precision="float16")
        found = self.of(monkeypatch, n_gpus=1, device="cuda", search_precision="float32")
        assert found == Places(devices=("cuda:0",), precision="float32")

    def test_machine_device_cpu_keeps_searches_off_gpus(self, monkeypatch):
        assert self.of(monkeypatch, n_gpus=2, device="cpu") == places.PROCESSORS


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_operations_of_a_gpu_give_float32_on_it(dtype):
    """Tensors without contents, on a GPU that is not there: shapes, kinds and places alone."""
    with FakeTensorMode():
        queries = torch.empty(64, 512, dtype=dtype, device="cuda")
        vectors = torch.empty(65_536, 512, dtype=dtype, device="cuda")
        values = products(queries, vectors)
        squares = torch.empty(65_536, device="cuda")
        torch.addcmul(squares, values, squares * 2.0**3, value=2.0, out=values)
        found = merged(best_of(values, 120), best_of(values, 120), 120)
    assert (values.dtype, found.values.dtype, found.rows.dtype) == (torch.float32,) * 2 + (
        torch.int64,
    )
    assert found.rows.device.type == "cuda"
    assert found.values.shape == (64, 120)
