import numpy as np
import pytest
import torch
from PIL import Image

from dejavu.models.pixels import load_pixels, resized


class FolderOfArrays:
    """A reader of images that lie in memory."""

    def __init__(self, **arrays):
        self.arrays = arrays

    def read(self, uri):
        return Image.fromarray(self.arrays[uri])


def striped(height, width):
    """An image whose red channel is x and whose green channel is y."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[..., 0] = np.arange(width)
    image[..., 1] = np.arange(height)[:, None]
    return image


def test_pixels_come_in_the_order_of_the_uris():
    reader = FolderOfArrays(a=np.full((4, 4, 3), 1, np.uint8), b=np.full((4, 4, 3), 2, np.uint8))
    pixels = load_pixels(reader, ["b", "a", "b"], None, 4)
    assert pixels.shape == (3, 3, 4, 4)
    assert pixels.dtype == torch.uint8
    assert pixels[:, 0, 0, 0].tolist() == [2, 1, 2]


def test_a_box_is_cut_out_of_its_own_image():
    reader = FolderOfArrays(a=striped(10, 20))
    pixels = load_pixels(reader, ["a", "a"], np.array([[3, 5, 7, 9], [16, 0, 20, 4]]), 4)
    assert pixels[0, 0, 0].tolist() == [3, 4, 5, 6]
    assert pixels[0, 1, :, 0].tolist() == [5, 6, 7, 8]
    assert pixels[1, 0, 0].tolist() == [16, 17, 18, 19]


def test_a_crop_never_sees_beyond_its_box():
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[:, 20:] = 255  # the object begins where the box ends
    pixels = load_pixels(FolderOfArrays(a=image), ["a"], np.array([[0, 0, 20, 40]]), 7)
    assert int(pixels.max()) == 0


def test_center_cuts_the_middle_and_squash_keeps_everything():
    image = Image.fromarray(striped(8, 24))
    center, squash = resized(image, 8, "center"), resized(image, 8, "squash")
    assert center[0, 0].tolist() == list(range(8, 16))
    assert squash[0, 0, 0] < 3
    assert squash[0, 0, -1] > 20


def test_shrinking_averages():
    checkers = np.zeros((64, 64, 3), dtype=np.uint8)
    checkers[::2, ::2] = checkers[1::2, 1::2] = 255
    assert np.abs(resized(Image.fromarray(checkers), 8, "squash").astype(int) - 127).max() <= 2


@pytest.mark.parametrize("n", [0, 1])
def test_few_images(n):
    reader = FolderOfArrays(a=striped(8, 8))
    assert load_pixels(reader, ["a"] * n, None, 4).shape == (n, 3, 4, 4)
