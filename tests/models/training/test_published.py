"""The authors' views: their probabilities, the aspect of images, and what decides each view."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from dejavu.models.encoders import preprocessing
from dejavu.models.training import decoded, published
from dejavu.models.training.part import Part
from dejavu.models.training.team import Team
from tests.models.training.world import recipe

CPU = torch.device("cpu")


def solid(value, size=(8, 8)):
    return Image.fromarray(np.full((*size[::-1], 3), value, np.uint8))


def checkered():
    """Black and white squares of one pixel: sharp where it is not blurred."""
    board = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return Image.fromarray(np.stack([board] * 3, axis=2))


PUBLISHED = {
    "vicreg": ([1.0, 0.1], [0.0, 0.2]),
    "barlow_twins": ([1.0, 0.1], [0.0, 0.2]),
    "simclr": ([0.5, 0.5], [0.0, 0.0]),
    "dino": ([1.0, 0.1, 0.5], [0.0, 0.2, 0.0]),
}


@pytest.mark.parametrize("method", PUBLISHED)
def test_blur_and_solarization_are_as_frequent_as_published(method):
    transforms = [transform.transforms for transform in published.of_recipe(recipe(method))]
    blurs, solarizations = zip(*((parts[4], parts[5]) for parts in transforms), strict=True)
    assert [each.prob for each in blurs] == PUBLISHED[method][0]
    assert [each.prob for each in solarizations] == PUBLISHED[method][1]


@pytest.mark.slow
def test_only_the_second_view_is_solarized_in_one_of_five_draws():
    """Within four standard errors: 200 becomes 55."""
    transforms = published.of_recipe(recipe("vicreg", color_jitter=0.0))
    views = [published.drawn(solid(200), transforms, seed) for seed in range(100)]
    first, second = np.mean([[bool((view == 55).all()) for view in both] for both in views], axis=0)
    assert first == 0
    assert second == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 100))


@pytest.mark.slow
def test_colors_change_as_much_as_the_recipe_says():
    gray = solid(100)
    transforms = published.of_recipe(recipe("vicreg", color_jitter=0.4, min_crop_scale=1.0))
    levels = np.array(
        [published.drawn(gray, transforms[:1], i)[0].float().mean() for i in range(150)]
    )
    # Brightness times 0.6 to 1.4, in four of five draws
    assert 59 <= levels.min() < 67
    assert 133 < levels.max() <= 141
    assert np.mean(levels == 100) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 150))


def test_a_view_is_cut_in_the_images_own_aspect():
    """Circles stay round: of an image of 64 × 16 a whole view can show no more than the middle."""
    image = Image.fromarray(
        np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (16, 64, 3))
    )
    (transform,) = published.of_clip(16)
    (view,) = published.drawn(image, [transform], 0)
    assert view.shape == (3, 16, 16)
    steps = view[0].float().diff(dim=1).mean()  # 4 levels per pixel of the image
    assert 3 <= steps <= 6  # squashed, it would be 16


def test_what_saw_published_views_embeds_images_in_their_own_aspect():
    """At 224 pixels as the authors: the middle of an image at 256 on its shorter side."""
    seen = preprocessing.of_recipe(recipe("vicreg", views="published", view_px=224))
    assert (seen.resize, seen.shorter_px, seen.size_px) == ("center", 256, 224)
    seen = preprocessing.of_recipe(recipe("vicreg", view_px=224))
    assert (seen.resize, seen.shorter_px, seen.size_px) == ("squash", 224, 224)


def test_dino_sees_two_large_views_and_several_small_ones():
    transforms = published.of_recipe(recipe("dino", view_px=12, local_view_px=6, n_local_views=3))
    shapes = [tuple(view.shape) for view in published.drawn(solid(9), transforms, 0)]
    assert shapes == [(3, 12, 12)] * 2 + [(3, 6, 6)] * 3


def test_a_seed_decides_the_views_and_nothing_else_is_drawn_from():
    transforms = published.of_recipe(recipe("vicreg"))
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (published.drawn(checkered(), transforms, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002


@pytest.mark.slow
def test_neither_workers_nor_processes_nor_an_earlier_epoch_change_a_view(world, monkeypatch):
    monkeypatch.setattr(decoded, "CHUNK", 3)
    source = decoded.Source(
        uris=[f"part-00000.parquet#{row}" for row in range(24)], images=world.images, data_root=".",
        transforms=published.of_recipe(recipe("dino")),
    )  # fmt: skip
    rows = torch.randperm(24, generator=torch.Generator().manual_seed(0))

    def batches(workers=1, part=None, seed=5):
        team = dataclasses.replace(Team(CPU), part=part or Part())
        views = decoded.PublishedViews(source, workers=workers, team=team)
        return list(views.batches(rows, 8, torch.Generator(), seed))

    whole = batches()
    assert [[tuple(view.shape) for view in views] for views in whole] == [[(8, 3, 8, 8)] * 3] * 3
    parts = batches(part=Part(0, 2)), batches(workers=2, part=Part(1, 2))
    for views, halves in zip(whole, zip(*parts, strict=True), strict=True):
        for kind, several in zip(views, zip(*halves, strict=True), strict=True):
            assert torch.equal(kind, torch.cat(several))
    assert not torch.equal(batches(seed=6)[0][0], whole[0][0])
