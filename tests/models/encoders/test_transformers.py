"""Folders of transformers give the library's own vectors."""

import json

import pytest
import torch
from PIL import Image

from dejavu.errors import ParamsError, WeightsError
from tests.models import fixtures
from tests.models.encoders.test_what_shapes_do_not_show import (
    load_pixels_of,
    made,
    photo,
)


def hub_folder(folder, kind):
    """A folder as `save_pretrained` writes it, of a small network of a real class."""
    import transformers as hf

    common = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
        "image_size": 48, "patch_size": 8,
    }  # fmt: skip
    model = {
        "dinov2": lambda: hf.Dinov2Model(hf.Dinov2Config(**common)),
        "vit_mae": lambda: hf.ViTMAEModel(hf.ViTMAEConfig(**common)),
        "ijepa": lambda: hf.IJepaModel(hf.IJepaConfig(**common)),
        "vit with a head": lambda: hf.ViTForImageClassification(hf.ViTConfig(**common)),
        "siglip": lambda: hf.SiglipModel(
            hf.SiglipConfig(
                vision_config=common,
                text_config={**common, "vocab_size": 50, "projection_size": 32},
            )
        ),
        "siglip_vision_model": lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**common)),
    }[kind]()
    fixtures.fill(model, 9)
    model.save_pretrained(folder)
    processor = hf.BitImageProcessor if kind == "dinov2" else hf.ViTImageProcessor
    sizes = {"size": {"height": 48, "width": 48}}
    if kind == "dinov2":
        sizes = {"size": {"shortest_edge": 53}, "crop_size": {"height": 48, "width": 48}}
    processor(**sizes, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.25]).save_pretrained(
        folder
    )


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [
        ("dinov2", "pooler"), ("dinov2", "first_token"), ("vit_mae", "tokens"), ("ijepa", "tokens"),
        ("vit with a head", "first_token"), ("siglip_vision_model", "pooler"),
        ("siglip", "image_features"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_folder_of_transformers_gives_the_librarys_vectors(tmp_path, kind, pooling):
    import transformers as hf

    hub_folder(tmp_path / "f", kind)
    encoder = made(tmp_path, "transformers", "f", pooling=pooling)
    model = hf.AutoModel.from_pretrained(tmp_path / "f", local_files_only=True).eval()
    if kind == "vit_mae":
        model.config.mask_ratio = 0.0
    for size in ((75, 58), (58, 90)):
        image = photo(*size)
        square = load_pixels_of(encoder, image)
        processor = hf.AutoImageProcessor.from_pretrained(tmp_path / "f", backend="pil")
        seen = processor(Image.fromarray(image), return_tensors="pt")["pixel_values"]
        torch.testing.assert_close(
            encoder.preprocessing.normalized(square), seen, rtol=1e-5, atol=1e-5
        )
        with torch.inference_mode():
            is_of_two = pooling == "image_features"
            output = (model.get_image_features if is_of_two else model)(pixel_values=seen)
        expected = {
            "image_features": lambda o: o if isinstance(o, torch.Tensor) else o.pooler_output,
            "pooler": lambda o: o.pooler_output,
            "first_token": lambda o: o.last_hidden_state[:, 0],
            "tokens": lambda o: o.last_hidden_state.mean(1),
        }[pooling](output)
        found = torch.from_numpy(encoder.embed(square)["backbone"])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert expected.std() > 1e-4


def test_folders_of_transformers_that_are_not_what_they_should_be(tmp_path):
    hub_folder(tmp_path / "f", "ijepa")
    with pytest.raises(ParamsError, match="gives no 'pooler'.*Choose another pooling"):
        made(tmp_path, "transformers", "f", pooling="pooler")
    config = tmp_path / "f" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "auto_map": {"AutoModel": "mine.Model"}}))
    with pytest.raises(WeightsError, match="code of the folder's own, which is never run"):
        made(tmp_path, "transformers", "f", pooling="tokens")
    config.write_text(json.dumps({**content, "num_hidden_layers": 3}))
    with pytest.raises(WeightsError, match="the weights do not fit"):
        made(tmp_path, "transformers", "f", pooling="tokens")
    config.write_text(json.dumps(content))
    (tmp_path / "f" / "preprocessor_config.json").unlink()
    with pytest.raises(ParamsError, match="state preprocessing in the entry"):
        made(tmp_path, "transformers", "f", pooling="tokens")
    (tmp_path / "f" / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="model.save_pretrained"):
        made(tmp_path, "transformers", "f", pooling="tokens")
