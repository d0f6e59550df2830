import numpy as np
import pytest
import torch
from PIL import Image

from dejavu.models.clip import model


class Network(torch.nn.Module):
    def encode_image(self, pixels, normalize):
        return pixels.flatten(1)

    def encode_text(self, tokens, normalize):
        return tokens.float()


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 50])
def test_images_that_threads_prepare_come_in_order(n):
    asked = []

    def prepare(images):
        asked.append(len(images))
        rows = [np.asarray(image, np.float32).ravel() for image in images]
        return torch.from_numpy(np.array(rows, np.float32).reshape(len(rows), 12))

    of = model.of_network(
        Network(), lambda texts: torch.zeros(len(texts), 1), prepare,
        device=torch.device("cpu"), facts={},
    )  # fmt: skip
    images = [Image.new("RGB", (2, 2), (value, 2 * value, 255 - value)) for value in range(n)]
    assert of.embed_images is not None
    found = of.embed_images(images)
    assert found[:, 0].tolist() == list(range(n))
    assert sum(asked) == n
    assert max(asked) <= 16
