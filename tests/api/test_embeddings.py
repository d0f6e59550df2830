"""Three lines of Python: vectors in, a verdict out."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

import dejavu
from dejavu.errors import AuditError, DataError, ParamsError

N_LABELS = 10


def world(n=300, memorized=0.0, seed=0, dim=16, **changes):
    """Vectors around one center per label; a share of the target's lie at their label's center."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(N_LABELS, dim)) * 2
    arrays, labels = {}, {}
    for role, size in (("target", n), ("control", n), ("public", 1500)):
        labels[role] = rng.integers(N_LABELS, size=size)
        known = centers[labels[role]] if role == "public" else np.zeros((size, dim))
        if role == "target":
            known = np.where(rng.random((size, 1)) < memorized, centers[labels[role]], known)
        arrays[role] = (known + rng.normal(size=(size, dim))).astype(np.float32)
    return {**arrays, "labels": labels, "k": 30} | changes


def test_planted_memorization_is_found_and_listed():
    audit = dejavu.audit_embeddings(**world(memorized=0.4))
    assert audit.verdict == "memorizes"
    assert audit.excess.low > 20
    listed = audit.samples.filter(audit.samples["is_listed"])
    assert listed.num_rows > 20
    assert set(listed["role"].to_pylist()) == {"target"}
    with pytest.raises(AuditError, match="its upper bound is above 5 points"):
        audit.check(5)


@pytest.mark.slow
def test_without_memorization_a_large_audit_bounds_it():
    audit = dejavu.audit_embeddings(**world(n=3000))
    assert audit.verdict.startswith("at most ")
    assert audit.excess.low < 0 < audit.excess.high
    audit.check(5)


def test_a_small_audit_says_that_it_cannot_tell():
    audit = dejavu.audit_embeddings(**world(n=60))
    assert audit.verdict == "too few samples to tell"
    assert audit.scores["n_needed"] > 60


def test_labels_that_the_bank_lacks_close_the_gate():
    made = world()
    made["labels"]["target"] = made["labels"]["target"].copy()
    made["labels"]["target"][:100] = 99
    audit = dejavu.audit_embeddings(**made)
    assert audit.verdict == "control differs"
    with pytest.raises(AuditError, match="control differs from target: "):
        audit.check(100)


def test_texts_are_labels_too_and_a_good_reference_is_used():
    made = world(memorized=0.4)
    made["labels"] = {
        role: [f"class {v}" for v in values] for role, values in made["labels"].items()
    }
    guesses = {role: made["labels"][role] for role in ("target", "control")}
    guesses = {role: [*values[:-5], *["other"] * 5] for role, values in guesses.items()}
    audit = dejavu.audit_embeddings(**made, reference_guesses=guesses)
    assert "reference_correct" in audit.scores["covariates"]
    plain = dejavu.audit_embeddings(**world(memorized=0.4))
    assert audit.samples["is_correct"].to_pylist() == plain.samples["is_correct"].to_pylist()


def test_the_same_call_gives_the_same_numbers():
    first, second = (dejavu.audit_embeddings(**world(memorized=0.2)) for _ in range(2))
    assert first.excess == second.excess
    assert first.samples.equals(second.samples)


def test_a_saved_audit_can_be_read(tmp_path):
    audit = dejavu.audit_embeddings(**world(memorized=0.2))
    audit.save(tmp_path / "audit")
    facts = json.loads((tmp_path / "audit" / "results.json").read_text())
    assert facts["verdict"] == audit.verdict
    assert facts["excess"]["value"] == audit.excess.value
    assert pq.read_table(tmp_path / "audit" / "samples.parquet").num_rows == 600


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": np.ones((3, 4, 5))}, "target: expected a matrix"),
        ({"control": np.full((300, 16), np.nan)}, "control: 300 of 300 vectors hold NaN"),
        ({"public": np.ones((1500, 8))}, "vectors of different lengths"),
        ({"target": [["a"] * 16] * 300}, "target: expected a matrix of numbers"),
        ({"labels": {"target": [0] * 300}}, "labels: expected roles"),
        ({"tolerance_points": 0}, "between 0 and 100"),
        ({"reference_guesses": {"target": [0] * 300}}, "reference_guesses: expected roles"),
    ],
)
def test_what_does_not_fit_is_named(changes, told):
    with pytest.raises(DataError, match=told):
        dejavu.audit_embeddings(**world(**changes))


@pytest.mark.parametrize(
    "labels", [[0.5] * 300, [None] * 300, [[1, 2]] * 300, [0] * 299, [True] * 300, [b"a"] * 300]
)
def test_what_is_no_label_is_refused(labels):
    made = world()
    made["labels"] = made["labels"] | {"target": labels}
    with pytest.raises(DataError, match=r"labels\['target'\]"):
        dejavu.audit_embeddings(**made)


def test_more_voters_than_public_images_is_named():
    with pytest.raises(ParamsError, match="k=2000"):
        dejavu.audit_embeddings(**world(k=2000))


@pytest.mark.slow
def test_no_torch_and_no_dvc_is_imported():
    asked = "import sys, dejavu; dejavu.audit_embeddings"
    code = f"{asked}; sys.exit(any(name in sys.modules for name in ('torch', 'dvc')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16"])
@pytest.mark.slow
def test_tensors_are_taken_as_a_network_leaves_them(kind):
    import torch

    rng = np.random.default_rng(0)
    labels = {role: rng.integers(0, 4, 60) for role in ("target", "control", "public")}
    vectors = {
        role: torch.tensor(
            rng.integers(-3, 4, (60, 16)), dtype=getattr(torch, kind)
        ).requires_grad_()
        for role in labels
    }
    arrays = {role: each.detach().float().numpy() for role, each in vectors.items()}
    taken = dejavu.audit_embeddings(**vectors, labels=labels, k=10)
    assert taken.excess == dejavu.audit_embeddings(**arrays, labels=labels, k=10).excess
