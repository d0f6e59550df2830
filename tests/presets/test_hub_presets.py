"""Presets of networks on the hub open folders of the true layout, which the library itself wrote."""

import pytest

from dejavu.check import check
from dejavu.params import section
from dejavu.params.encoders import Models
from tests.models.encoders import test_what_shapes_do_not_show as networks
from tests.models.fixtures import fill
from tests.models.test_hub import cache, put  # noqa: F401  # a fixture
from tests.paths import ROOT

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def dinov2(folder):
    """As facebook/dinov2-small: patches of 14, of 518 pixels, that sees the central 224 of 256."""
    import transformers as hf

    fill(hf.Dinov2Model(hf.Dinov2Config(**TINY, image_size=518, patch_size=14)), 1).save_pretrained(
        folder
    )
    hf.BitImageProcessor(
        size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224}, resample=3,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)  # fmt: skip


def siglip2(folder):
    """As google/siglip2-base-patch16-224: two towers in one file, pixels in [-1, 1]."""
    import transformers as hf

    sizes = {**TINY, "intermediate_size": 48}
    config = hf.SiglipConfig(
        vision_config={**sizes, "image_size": 224, "patch_size": 16},
        text_config={**sizes, "vocab_size": 50, "projection_size": 32},
    )
    fill(hf.SiglipModel(config), 2).save_pretrained(folder)
    hf.SiglipImageProcessor(
        size={"height": 224, "width": 224}, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3
    ).save_pretrained(folder)


FOLDERS = {
    "dinov2": (dinov2, ("facebook/dinov2-small", "facebook/dinov2-base"), (224, 256, "bicubic")),
    "siglip2": (siglip2, ("google/siglip2-base-patch16-224",), (224, 224, "bilinear")),
}


@pytest.fixture(params=FOLDERS)
def preset(request, cache, tmp_path):  # noqa: F811  # the imported fixture
    make, names, _ = FOLDERS[request.param]
    make(tmp_path / "folder")
    for name in names:
        put(cache, tmp_path / "folder", name)
    return request.param


@pytest.mark.slow
def test_the_entry_opens_the_folder_and_sees_images_as_it_says(preset, tmp_path):
    sizes = FOLDERS[preset][2]
    for entry in section(ROOT / f"presets/{preset}.yaml", "image.models", Models).values():
        encoder = networks.made(tmp_path, "transformers", entry.weights, pooling=entry.pooling)
        assert encoder.layers == {"backbone": 32}
        seen = encoder.preprocessing
        assert (seen.size_px, seen.shorter_px, seen.resample) == sizes
        vectors = encoder.embed(networks.load_pixels_of(encoder, networks.photo(300, 260)))
        assert vectors["backbone"].std() > 1e-4


@pytest.mark.slow
def test_a_dry_run_finds_the_networks_and_misses_the_images(preset, tmp_path, monkeypatch):
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path))
    findings = list(check(ROOT / f"presets/{preset}.yaml"))
    opened = {f.what: f for f in findings if "(transformers)" in f.what and "models" in f.what}
    assert len(opened) == len(FOLDERS[preset][1])
    assert {(f.status, f.detail) for f in opened.values()} == {("ok", "backbone 32")}
    assert [f for f in findings if f.status == "wrong"] == []
    assert [f.what for f in findings if f.status == "missing" and f.what.startswith("corpus")]
