"""The negative control: a network before its training."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from dejavu.errors import ParamsError
from dejavu.models import encoders
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.params.encoders import ModelParams, ReleasedRecipe
from tests.models.training.world import MACHINE, World, recipe

ENTRY = {"source": "untrained", "recipe": "r", "second_model": None, "layers": ["backbone"]}


def asked(world, *, seed=0, recipe=recipe(), **changes):  # noqa: B008  # never changed
    settings = EncoderSettings(
        model="blank", entry=TypeAdapter(ModelParams).validate_python(ENTRY | changes), recipe=recipe,
        seed=seed, machine=MACHINE,
    )  # fmt: skip
    return {"settings": settings, "inputs": world.training_inputs()}


def test_its_weights_follow_the_seed_and_it_embeds(tmp_path):
    world = World(tmp_path / "world", n=4)
    vectors = []
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        encoders.make(**asked(world, seed=seed), out=tmp_path / place)
        encoder = encoders.load(tmp_path / place)
        pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)
        import torch

        vectors.append(encoder.embed(torch.from_numpy(pixels))["backbone"])
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2])
    assert encoder.provenance.trained_on == "nothing"


def test_it_saw_no_role():
    assert TypeAdapter(ModelParams).validate_python(ENTRY).roles_seen == ()


def test_it_needs_a_recipe_with_a_network(tmp_path):
    world = World(tmp_path / "world", n=4)
    with pytest.raises(ParamsError, match="needs a recipe with a method"):
        encoders.make(**asked(world, recipe=ReleasedRecipe()), out=tmp_path / "out")
