"""Mean colors of images, however they are stored; what cannot be read stays apart."""

import io

import numpy as np
import pytest
from PIL import Image

from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.mean_color import color_columns, mean_colors


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_mean_color_is_that_of_the_pixels(tmp_path, kind):
    rng = np.random.default_rng(0)
    pixels = np.tile(rng.integers(0, 256, (25, 40, 3)), (20, 20, 1)).astype(np.uint8)
    pixels[..., 0] //= 2
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}))
    (tmp_path / "a.img").write_bytes(buffer.getvalue())
    found = mean_colors(ImageReader(tmp_path), ["a.img"])
    assert found.shape == (1, 3)
    assert found[0] == pytest.approx(pixels.mean(axis=(0, 1)), abs=1.5)


def test_an_image_that_cannot_be_read_stands_apart(tmp_path):
    Image.new("RGB", (8, 8), (10, 20, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"nothing")
    found = mean_colors(ImageReader(tmp_path), ["a.png", "b.png", "missing.png"])
    assert np.isnan(found[1:]).all()
    columns = color_columns(found)
    assert columns["mean green"].tolist() == [20, 20, 20]
    assert columns["unreadable"].tolist() == [0, 1, 1]
    assert color_columns(found[1:]) == "no image can be read"
