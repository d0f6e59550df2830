"""What a recipe may do against memorizing captions: words left out, noise, a floor of the temperature."""

import math

import numpy as np
import pydantic
import pytest
import torch
from safetensors.torch import load_file

from dejavu.models.clip import contrastive, mitigations, network, train
from dejavu.models.training.part import WHOLE, Part
from dejavu.models.training.team import Team
from tests.models.clip.test_clip import SIZES, lane_at, make_clip, recipe

ALL = {"text_mask_share": 0.4, "embedding_noise": 0.1, "min_temperature": 0.2}


@pytest.fixture
def lane(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lane_at(tmp_path)


def test_words_are_left_out_in_order_and_one_stays():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(10)]
    shorter = [mitigations.masked(" ".join(words), 0.3, rng).split() for _ in range(2_000)]
    assert all(found == [word for word in words if word in set(found)] for found in shorter)
    left_out = 1 - np.mean([len(found) for found in shorter]) / 10
    assert left_out == pytest.approx(0.3, abs=0.015)  # four standard errors
    assert {mitigations.masked("a b", 1.0, rng) for _ in range(50)} == {"a", "b"}
    assert mitigations.masked("", 0.5, rng) == ""


def masks(captions, *, epoch_seed=3, part=WHOLE, batch_size=4):
    """Return the texts that one process reads of an epoch."""
    read = []
    masking = mitigations.Masking(
        captions=captions, tokenize=lambda texts: read.extend(texts) or torch.zeros(len(texts), 1).long(),
        share=0.5, seed=epoch_seed,
    )  # fmt: skip
    rows = torch.arange(len(captions))
    for mine in part.rows(rows, batch_size).split(batch_size // part.size):
        masking.tokens(mine, mine)
    return read


def test_masks_depend_on_epoch_and_place_and_not_on_processes():
    captions = [f"a{i} b{i} c{i} d{i} e{i} f{i}" for i in range(8)]
    whole = masks(captions)
    assert whole == masks(captions)
    assert whole != masks(captions, epoch_seed=4)
    first, second = (masks(captions, part=Part(rank, 2)) for rank in range(2))
    assert first[:2] + second[:2] + first[2:] + second[2:] == whole


def test_noise_has_the_standard_deviation_and_leaves_unit_vectors():
    noise = mitigations.Noise(std=0.2, rng=np.random.default_rng(0), batch_size=4_000, part=WHOLE)
    vectors = torch.nn.functional.normalize(torch.ones(4_000, 16), dim=1)
    seen, read = noise.added(vectors, vectors)
    assert not torch.equal(seen, read)
    for found in (seen, read):
        torch.testing.assert_close(found.norm(dim=1), torch.ones(4_000))
        # E|x + noise|² = 1 + 16 · 0.04, so that cosines with x lie near 1 / sqrt(1.64)
        assert float((found * vectors).sum(dim=1).mean()) == pytest.approx(
            1 / math.sqrt(1.64), abs=0.02
        )


def test_noise_of_processes_is_that_of_one():
    vectors = torch.nn.functional.normalize(torch.ones(4, 3), dim=1)

    def added(part):
        noise = mitigations.Noise(std=0.5, rng=np.random.default_rng(0), batch_size=4, part=part)
        n = 4 // part.size
        return torch.cat(noise.added(vectors[part.of(n)], vectors[part.of(n)]), dim=1)

    assert torch.equal(torch.cat([added(Part(0, 2)), added(Part(1, 2))]), added(WHOLE))


def gradients(n_parts, std):
    torch.manual_seed(0)
    model = network.build(SIZES).train()
    images, texts = torch.randn(8, 3, 16, 16), torch.randint(1, 9000, (8, 8))
    trainee = contrastive.Trainee(model, Team(torch.device("cpu")))
    noise = mitigations.Noise(std=std, rng=np.random.default_rng(0), batch_size=8, part=WHOLE)
    loss = trainee.add_gradients(images, texts, n_parts, noise)
    return [torch.tensor(loss), *(each.grad for each in model.parameters())]


def test_parts_of_a_batch_share_its_noise(monkeypatch):
    monkeypatch.setattr(contrastive.devices, "computes_bfloat16", lambda device: False)
    whole, noisy = gradients(1, 0.0), gradients(1, 0.3)
    assert not torch.allclose(whole[0], noisy[0])
    for expected, found in zip(noisy, gradients(2, 0.3), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def weights_of(lane, name):
    return load_file(lane / name / "weights.safetensors")


@pytest.mark.slow
def test_no_noise_and_no_mask_is_the_training_of_before(lane, monkeypatch):
    monkeypatch.setattr(contrastive.devices, "computes_bfloat16", lambda device: False)
    plain = make_clip(lane, out="plain")
    stated = recipe(text_mask_share=0.0, embedding_noise=0.0, min_temperature=0.01)
    assert make_clip(lane, how=stated)["weights_sha256"] == plain["weights_sha256"]
    barely = make_clip(lane, how=recipe(embedding_noise=1e-9), out="barely")
    assert barely["losses"] == pytest.approx(
        plain["losses"], abs=1e-4
    )  # order and shifts are the same


@pytest.mark.slow
def test_the_temperature_stays_above_its_floor(lane):
    make_clip(lane, how=recipe(min_temperature=0.5))
    assert float(weights_of(lane, "model")["logit_scale"].exp()) <= 2 + 1e-5
    make_clip(lane, out="free")
    assert float(weights_of(lane, "free")["logit_scale"].exp()) > 10


@pytest.mark.slow
def test_a_killed_training_draws_the_same_masks_and_noise_again(lane, monkeypatch):
    whole = make_clip(lane, how=recipe(**ALL), out="whole")
    assert whole["weights_sha256"] != make_clip(lane, out="plain")["weights_sha256"]
    monkeypatch.setattr(train, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    step, n_steps = train._step, 0

    def killed(*args):
        nonlocal n_steps
        n_steps += 1
        if n_steps == 6:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(train, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        make_clip(lane, how=recipe(**ALL))
    resumed = make_clip(lane, how=recipe(**ALL))
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert n_steps < 6 + 8, "it started from scratch"


@pytest.mark.parametrize(
    "wrong",
    [
        {"text_mask_share": 1.2}, {"text_mask_share": -0.1}, {"embedding_noise": -1.0},
        {"min_temperature": 0.0}, {"min_temperature": 1.5},
    ],
)  # fmt: skip
def test_values_without_meaning_are_refused(wrong):
    with pytest.raises(pydantic.ValidationError, match=next(iter(wrong))):
        recipe(**wrong)
