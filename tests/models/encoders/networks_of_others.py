"""What tests of networks of libraries, programs and own classes share."""

import dataclasses

import torch

from dejavu.models import encoders
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.params.networks import StatedPreprocessing
from tests.models.encoders.test_released_folders import asked
from tests.models.encoders.test_what_shapes_do_not_show import (
    PREPROCESSING,
)

SEEN = Preprocessing.stated(StatedPreprocessing.model_validate(PREPROCESSING))


def allowed(tmp_path, source, weights="a.pth", **more):
    """As `made`, on a machine that may run code of the model's author."""
    asked_for = asked(tmp_path, source, weights, **more)
    settings = asked_for["settings"]
    machine = settings.machine.model_copy(update={"run_code_of_models": True})
    out = tmp_path / "out"
    settings = dataclasses.replace(settings, machine=machine)
    encoders.make(settings=settings, inputs=asked_for["inputs"], out=out)
    return encoders.load(out)


def assert_gives(encoder, network, *, n=3, size=48, layer="backbone"):
    """Compare with the network by itself."""
    generator = torch.Generator().manual_seed(1)
    squares = torch.randint(0, 256, (n, 3, size, size), generator=generator, dtype=torch.uint8)
    with torch.inference_mode():
        expected = network.eval()(encoder.preprocessing.normalized(squares))
    found = torch.from_numpy(encoder.embed(squares)[layer])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 1e-4
