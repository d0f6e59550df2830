import pytest
import torch

from dejavu.models.training import augment
from dejavu.models.training.augment import View, draw


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=5, size=16, seed=0):
    return torch.randint(0, 256, (n, 3, size, size), generator=generator(seed), dtype=torch.uint8)


def test_normalized_maps_the_ends_of_the_range():
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    assert augment.normalized(ends)[0, 0, 0].tolist() == [-2.0, 2.0]


def test_the_whole_image_without_jitter_is_the_image_or_its_mirror():
    whole = View(size_px=16, min_scale=1.0, max_aspect=1.0)
    source = images(40)
    drawn, expected = draw(source, whole, generator()), augment.normalized(source)
    same = (drawn - expected).abs().amax((1, 2, 3)) < 1e-4
    mirrored = (drawn - expected.flip(3)).abs().amax((1, 2, 3)) < 1e-4
    assert (same ^ mirrored).all()
    assert 8 <= int(mirrored.sum()) <= 32  # probability 1/2


def test_a_view_shows_the_stated_share_of_the_image():
    # The red channel is the x coordinate and the green one y: the span of a view is its size.
    side = 64
    ramp = torch.arange(side, dtype=torch.uint8)
    source = torch.zeros(200, 3, side, side, dtype=torch.uint8)
    source[:, 0] = ramp
    source[:, 1] = ramp[:, None]
    drawn = draw(source, View(size_px=32, min_scale=0.2, max_scale=0.5), generator())
    drawn = (drawn * augment.STD + augment.MEAN) * 255
    span = drawn.amax((2, 3)) - drawn.amin((2, 3))
    area = span[:, 0] * span[:, 1] / ((side - 1) * (31 / 32)) ** 2
    assert float(area.min()) > 0.18
    assert float(area.max()) < 0.54
    assert float(area.max() - area.min()) > 0.25  # and the sizes do vary
    aspect = span[:, 0] / span[:, 1]
    assert 0.70 < float(aspect.min()) < 0.85
    assert 1.18 < float(aspect.max()) < 1.42


def test_every_place_is_reached_and_nothing_outside():
    side = 32
    source = torch.zeros(500, 3, side, side, dtype=torch.uint8)
    source[:, 0] = torch.arange(side, dtype=torch.uint8)
    drawn = draw(source, View(size_px=8, min_scale=0.1, max_scale=0.1), generator())
    x = (drawn[:, 0] * augment.STD + augment.MEAN) * 255
    assert float(x.min()) < 2
    assert float(x.max()) > side - 3


def test_the_generator_alone_decides():
    view = View(size_px=8, min_scale=0.1, color_jitter=0.3)
    first, again = draw(images(), view, generator(1)), draw(images(), view, generator(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, draw(images(), view, generator(2)))


@pytest.mark.parametrize("strength", [0.1, 0.4])
def test_jitter_changes_brightness_within_its_strength(strength):
    gray = torch.full((300, 3, 8, 8), 100, dtype=torch.uint8)  # contrast and saturation do nothing
    view = View(size_px=8, min_scale=1.0, max_aspect=1.0, color_jitter=strength)
    factor = (draw(gray, view, generator())[:, 0, 4, 4] * augment.STD + augment.MEAN) * 255 / 100
    assert float(factor.min()) >= 1 - strength - 1e-3
    assert float(factor.max()) <= 1 + strength + 1e-3
    assert float(factor.max() - factor.min()) > 1.5 * strength


def test_jitter_keeps_images_apart():
    view = View(size_px=8, min_scale=1.0, max_aspect=1.0, color_jitter=0.4)
    source = images(2)
    source[1] = source[0]
    drawn = draw(source, view, generator())
    assert not torch.allclose(drawn[0], drawn[1])
