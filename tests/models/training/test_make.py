import csv
import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from dejavu.errors import DataError, ParamsError, TrainingError, WeightsError
from dejavu.models import encoders
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.training import loop, make
from dejavu.run import shards
from dejavu.tables.parquet import fingerprint
from tests.models.training.world import recipe, trained_model

METHODS = ["vicreg", "barlow_twins", "dino", "simclr"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_a_method_trains_and_leaves_a_folder_that_loads(world, tmp_path, method):
    encoders.make(**world.asked(recipe=recipe(method)), out=tmp_path / "out")
    encoder = encoders.load(tmp_path / "out")
    assert encoder.layers == {"projector": 16, "backbone": 32}
    vectors = encoder.embed(torch.zeros(3, 3, 8, 8, dtype=torch.uint8))
    assert {layer: v.shape for layer, v in vectors.items()} == {
        "projector": (3, 16), "backbone": (3, 32),
    }  # fmt: skip
    facts = encoder.provenance
    assert (facts.n_images, facts.trained_on, facts.seed) == (24, "target", 0)
    assert facts.recipe["method"] == method
    assert facts.inputs["split"] == fingerprint(world.splits)
    rows = list(csv.DictReader((tmp_path / "out" / "loss.csv").open()))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 13))
    assert all(math.isfinite(float(row["loss"])) for row in rows)
    assert not any(shards.WORK.rglob("*.pt"))


@pytest.mark.slow
def test_lars_trains_too(world, tmp_path):
    settings = recipe(optimizer="lars", learning_rate=0.02)
    encoders.make(**world.asked(recipe=settings), out=tmp_path / "out")
    assert (tmp_path / "out" / "weights.safetensors").is_file()


@pytest.mark.slow
def test_the_same_request_gives_the_same_bytes_and_another_role_other_weights(world, tmp_path):
    for name in ("first", "again"):
        encoders.make(**world.asked(), out=tmp_path / name)
    encoders.make(**world.asked(seed=1), out=tmp_path / "seed")
    second = trained_model(trained_on="reference")
    encoders.make(**world.asked(entry=second), out=tmp_path / "role")
    assert fingerprint(tmp_path / "first") == fingerprint(tmp_path / "again")
    hashes = {
        checkpoints.sha256(tmp_path / name / "weights.safetensors")
        for name in ("first", "seed", "role")
    }
    assert len(hashes) == 3


@pytest.mark.parametrize("method", ["vicreg", "dino"])
@pytest.mark.slow
def test_a_killed_training_ends_where_an_uninterrupted_one_does(
    world, tmp_path, monkeypatch, method
):
    asked = world.asked(recipe=recipe(method))
    encoders.make(**asked, out=tmp_path / "whole")
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    real = loop._Run.epoch
    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "epoch", _killed_in_epoch(5, real))
        with pytest.raises(KeyboardInterrupt):
            encoders.make(**asked, out=tmp_path / "resumed")
    assert not (tmp_path / "resumed").exists()
    assert len(list(shards.WORK.rglob("checkpoint.pt"))) == 1
    seen = []
    monkeypatch.setattr(
        loop._Run, "epoch", lambda self, n, *rest: (seen.append(n), real(self, n, *rest))[1]
    )
    encoders.make(**asked, out=tmp_path / "resumed")
    assert seen == list(range(5, 12))
    assert fingerprint(tmp_path / "resumed") == fingerprint(tmp_path / "whole")


def _killed_in_epoch(number, real):
    def epoch(self, n, *rest):
        if n == number:
            raise KeyboardInterrupt
        return real(self, n, *rest)

    return epoch


@pytest.mark.slow
def test_another_recipe_never_resumes_from_the_checkpoint(world, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "epoch", _killed_in_epoch(5, loop._Run.epoch))
        with pytest.raises(KeyboardInterrupt):
            encoders.make(**world.asked(), out=tmp_path / "out")
    epochs, real = [], loop._Run.epoch
    monkeypatch.setattr(
        loop._Run, "epoch", lambda self, n, *rest: (epochs.append(n), real(self, n, *rest))[1]
    )
    encoders.make(**world.asked(recipe=recipe(weight_decay=0.0)), out=tmp_path / "out")
    assert epochs[0] == 0


class TestAnErrorThatSaysSo:
    def test_collapsed_while_it_trains(self, world, tmp_path, monkeypatch):
        monkeypatch.setattr(loop.health, "embedding_std", lambda _: 0.001)
        with pytest.raises(TrainingError, match="m: collapsed: for 10 epochs .* at most 0.001"):
            encoders.make(**world.asked(), out=tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_collapsed_in_the_end(self, world, tmp_path, monkeypatch):
        real = loop.train

        def train(method, *arguments):
            curve = real(method, *arguments)
            torch.nn.init.zeros_(method.kept().projector.layers[-1].weight)
            return curve

        monkeypatch.setattr(loop, "train", train)
        with pytest.raises(TrainingError, match="m: layer 'projector' collapsed: embedding std 0 "):
            encoders.make(**world.asked(), out=tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_diverged(self, world, tmp_path):
        settings = recipe(learning_rate=1e30)
        with pytest.raises(TrainingError, match=r"the loss became nan .*learning_rate"):
            encoders.make(**world.asked(recipe=settings), out=tmp_path / "out")

    def test_learned_nothing(self, world, tmp_path, monkeypatch):
        real = loop._Run.epoch

        def flat(*arguments):
            return dataclasses.replace(real(*arguments), loss=1.0)

        monkeypatch.setattr(loop._Run, "epoch", flat)
        with pytest.raises(TrainingError, match="learned nothing: the loss of the first 1 epochs"):
            encoders.make(**world.asked(), out=tmp_path / "out")


@pytest.mark.slow
def test_planted_images_occur_more_often_in_an_epoch(world, tmp_path, monkeypatch):
    role = make.read_role(world.samples, world.splits, "target", 4)
    # Roles alternate, every fourth sample is planted: all of role target and none of reference.
    assert role.n_planted == 24
    assert role.repeats.tolist() == [4] * 24
    assert make.read_role(world.samples, world.splits, "reference", 4).repeats.tolist() == [1] * 24
    drawn = []
    real = make.TrainingImages.batches
    monkeypatch.setattr(
        make.TrainingImages, "batches",
        lambda self, rows, size: (drawn.append(rows), real(self, rows, size))[1],
    )  # fmt: skip
    encoders.make(**world.asked(recipe=recipe(planted_repeats=3)), out=tmp_path / "out")
    assert np.bincount(drawn[0]).tolist() == [3] * 24
    assert not torch.equal(drawn[0], drawn[1])  # every epoch has an order of its own


def test_an_empty_recipe_or_role_is_refused(world, tmp_path):
    with pytest.raises(DataError, match="role 'nobody' has 0 images"):
        make.read_role(world.samples, world.splits, "nobody", 1)
    from dejavu.params.encoders import ReleasedRecipe

    with pytest.raises(ParamsError, match="needs a recipe"):
        encoders.make(**world.asked(recipe=ReleasedRecipe()), out=tmp_path / "out")


@pytest.mark.slow
def test_changed_weights_are_noticed(world, tmp_path):
    encoders.make(**world.asked(), out=tmp_path / "out")
    path = tmp_path / "out" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="has SHA-256"):
        encoders.load(tmp_path / "out")


@pytest.mark.slow
def test_provenance_holds_nothing_volatile(world, tmp_path):
    encoders.make(**world.asked(), out=tmp_path / "out")
    text = (tmp_path / "out" / "provenance.json").read_text()
    assert str(tmp_path) not in text
    assert set(json.loads(text)["versions"]) == {"torch", "torchvision", "lightly", "timm"}
