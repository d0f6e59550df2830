"""Order, tokens and gradients of CLIP's batches, in one process; `tests.models.training` has two."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from dejavu.models.clip import batches, captions, contrastive, network
from dejavu.models.training.team import Team
from tests.models.clip.test_clip import SIZES
from tests.models.training.two_processes import clip_gradients


def test_without_shards_an_epoch_is_a_permutation():
    rows = np.array([0, 1, 1, 2])
    found = batches.order(rows, None, None, np.random.default_rng(3))
    assert (found == np.random.default_rng(3).permutation(rows)).all()


def test_so_many_shards_at_a_time_are_mixed():
    shards = np.repeat(np.arange(6), 10)
    found = batches.order(np.arange(60), shards, 2, np.random.default_rng(0))
    assert sorted(found) == list(range(60))
    windows = shards[found].reshape(3, 20)
    assert [len(set(window)) for window in windows] == [2, 2, 2]
    assert all(len(set(window[:10])) == 2 for window in windows)  # mixed, not one after the other
    again = batches.order(np.arange(60), shards, 2, np.random.default_rng(1))
    assert not (found == again).all()


def test_shards_are_tar_files_and_parquet_parts():
    uris = pa.chunked_array([["a/0.tar#x.jpg", "a/0.tar#y#2.jpg"], ["p.parquet#3", "b/c#d.jpg"]])
    assert batches.shards_of(uris).tolist() == [0, 0, 1, 2]


def test_texts_of_a_column_are_a_sequence():
    texts = captions.Texts(pa.chunked_array([["a", "b"], ["c"]]))
    assert (len(texts), texts[2], texts[:2], list(texts)) == (3, "c", ["a", "b"], ["a", "b", "c"])


def test_tokens_that_do_not_fit_into_memory_are_made_when_asked_for(monkeypatch):
    captions, tokenize = ["a red wall", "a blue wall"], network.tokenizer(SIZES)
    held, rows = batches.Tokens(captions, tokenize), torch.tensor([1, 0, 1])
    monkeypatch.setattr(batches, "TOKENS_HELD", 0)
    asked = batches.Tokens(captions, tokenize)
    assert held._held is not None
    assert asked._held is None
    assert torch.equal(held[rows], asked[rows])


@pytest.mark.parametrize("n_parts", [2, 4])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(n_parts):
    team = Team(torch.device("cpu"))
    for whole, parts in zip(clip_gradients(team, 1), clip_gradients(team, n_parts), strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)


def test_checkpointing_changes_no_gradient():
    torch.manual_seed(0)
    model, images, texts = network.build(SIZES), torch.randn(4, 3, 16, 16), torch.ones(4, 8).long()
    gradients = []
    for recomputes in (False, True):
        model.zero_grad()
        model.set_grad_checkpointing(recomputes)
        contrastive.Trainee(model, Team(torch.device("cpu"))).add_gradients(images, texts, 1)
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_batch_norms_remember_a_batch_in_parts_once():
    norm = torch.nn.BatchNorm1d(2)
    with contrastive._unremembered(norm):
        norm(torch.randn(4, 2))
    assert norm.running_mean.tolist() == [0, 0]
    norm(torch.ones(4, 2))
    assert norm.running_mean.tolist() == pytest.approx([0.1, 0.1])
