"""CLIP models trained elsewhere: each format gives the network's own vectors; the activation is no trap."""

import json
import pickle
import zipfile

import open_clip
import pytest
import torch
from PIL import Image

from dejavu.errors import ParamsError, WeightsError
from dejavu.models.checkpoints import torchscript
from dejavu.models.clip import open_clip as released
from dejavu.models.clip import published
from dejavu.params.caption import ClipPreprocessing
from tests.models import clip_files, fixtures, odd_files
from tests.models.clip.released_models import CAPTIONS, opened, settings


@pytest.fixture(scope="module", autouse=True)
def architectures(tmp_path_factory):
    return clip_files.register_clips(tmp_path_factory.mktemp("configs"))


def vectors(model, tokenize, preprocess):
    image = Image.effect_noise((40, 50), 60).convert("RGB")
    with torch.no_grad():
        return (
            model.encode_image(preprocess(Image.new("RGB", image.size, (200, 30, 90)))[None]),
            model.encode_text(tokenize(CAPTIONS)),
        )


def assert_same(found, model):
    _, _, preprocess = open_clip.create_model_and_transforms("tiny-rn", load_weights=False)
    expected = vectors(model, open_clip.get_tokenizer("tiny-rn"), preprocess)
    for a, b in zip(vectors(found.model, found.tokenize, found.preprocess), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        assert b.std() > 1e-3


@pytest.mark.parametrize("architecture", ["tiny-rn-quickgelu", "tiny-vit-quickgelu"])
@pytest.mark.parametrize(
    ("save", "suffix", "kind"),
    [
        (clip_files.save_plain, "pt", "state dict"),
        (clip_files.save_training, "pt", "OpenCLIP training checkpoint"),
        (clip_files.save_safetensors, "safetensors", "state dict"),
        (clip_files.save_torchscript, "pt", "OpenAI TorchScript"),
    ],
)
@pytest.mark.slow
def test_every_format_gives_the_networks_own_vectors(tmp_path, architecture, save, suffix, kind):
    model = clip_files.clip_network(architecture)
    path = tmp_path / f"x.{suffix}"
    save(model, path)
    found = opened(architecture, path)
    assert_same(found, model)
    assert found.facts["checkpoint"] == kind
    assert found.facts["activation"] == "quick_gelu"
    assert len(found.facts["weights_sha256"]) == 64


@pytest.mark.slow
def test_half_precision_archive_becomes_float32(tmp_path):
    model = clip_files.clip_network("tiny-rn-quickgelu")
    clip_files.save_torchscript(model, tmp_path / "x.pt", torch.float16)
    found = opened("tiny-rn-quickgelu", tmp_path / "x.pt")
    assert {p.dtype for p in found.model.parameters()} == {torch.float32}
    assert_same(found, fixtures_half(model))


def fixtures_half(model):
    state = {
        k: v.half().float() if v.is_floating_point() else v for k, v in model.state_dict().items()
    }
    model.load_state_dict(state)
    return model


def test_archive_reader_agrees_with_torchs(tmp_path):
    clip_files.save_torchscript(clip_files.clip_network("tiny-vit"), tmp_path / "x.pt")
    expected = torch.jit.load(tmp_path / "x.pt").state_dict()
    found = torchscript.read(tmp_path / "x.pt")
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


# --- the activation ---


@pytest.mark.slow
def test_wrong_activation_gives_other_vectors_from_equal_tensors(tmp_path):
    """The trap itself: both architectures take the file, and only the captions' vectors differ."""
    clip_files.save_plain(clip_files.clip_network("tiny-rn-quickgelu"), tmp_path / "x.pt")
    right, wrong = (
        opened("tiny-rn-quickgelu", tmp_path / "x.pt"),
        opened("tiny-rn", tmp_path / "x.pt"),
    )
    assert right.model.state_dict().keys() == wrong.model.state_dict().keys()
    images, texts = zip(
        vectors(right.model, right.tokenize, right.preprocess),
        vectors(wrong.model, wrong.tokenize, wrong.preprocess),
        strict=True,
    )
    torch.testing.assert_close(*images)
    assert (texts[0] - texts[1]).abs().max() > 1e-3


def test_unknown_file_takes_the_architectures_word_and_says_so(tmp_path, capsys):
    clip_files.save_plain(clip_files.clip_network("tiny-rn"), tmp_path / "x.pt")
    assert opened("tiny-rn", tmp_path / "x.pt").facts["activation"] == "gelu"
    said = capsys.readouterr().err
    assert "the activation does not show in the file" in said
    assert "GELU is taken" in said


@pytest.mark.parametrize("save", [clip_files.save_plain, clip_files.save_training])
@pytest.mark.slow
def test_file_named_for_quickgelu_needs_it(tmp_path, save):
    path = tmp_path / "rn50-quickgelu-yfcc15m-455df137.pt"
    save(clip_files.clip_network("tiny-rn-quickgelu"), path)
    with pytest.raises(
        WeightsError, match=r"trained with QuickGELU.*set architecture: tiny-rn-quickgelu"
    ):
        opened("tiny-rn", path)
    assert opened("tiny-rn-quickgelu", path).facts["activation"] == "quick_gelu"


@pytest.mark.slow
def test_archive_of_openai_needs_quickgelu(tmp_path):
    clip_files.save_torchscript(clip_files.clip_network("tiny-rn"), tmp_path / "RN50.pt")
    with pytest.raises(
        WeightsError, match=r"trained with QuickGELU.*set architecture: tiny-rn-quickgelu"
    ):
        opened("tiny-rn", tmp_path / "RN50.pt")


@pytest.mark.parametrize(
    ("quick", "asked", "right"),
    [(True, "tiny-rn", "tiny-rn-quickgelu"), (False, "tiny-rn-quickgelu", "tiny-rn")],
)
@pytest.mark.slow
def test_published_file_is_known_by_its_hash_under_any_name(
    tmp_path, monkeypatch, quick, asked, right
):
    path = tmp_path / "renamed.pt"
    clip_files.save_plain(clip_files.clip_network(right), path)
    digest = released.checkpoints.sha256(path)
    url = f"https://example.org/v0/rn50-yfcc15m-{digest[:8]}.pt"
    monkeypatch.setattr(open_clip, "list_pretrained", lambda: [("tiny-rn", "tag")])
    monkeypatch.setattr(
        open_clip, "get_pretrained_cfg", lambda a, t: {"url": url, "quick_gelu": quick}
    )
    with pytest.raises(WeightsError, match=f"set architecture: {right}"):
        opened(asked, path)
    assert opened(right, path).facts["activation"] == ("quick_gelu" if quick else "gelu")


@pytest.mark.parametrize("tag", ["openai", "yfcc15m", "cc12m"])
def test_tags_of_rn50_need_quickgelu_and_say_so_before_any_download(tmp_path, tag):
    with pytest.raises(WeightsError, match="set architecture: RN50-quickgelu"):
        released.open_released(settings("RN50", tag), tmp_path, device=torch.device("cpu"))


@pytest.mark.slow
def test_architecture_without_a_twin_gets_the_activation_of_its_weights(
    architectures, tmp_path, monkeypatch
):
    config = {
        "embed_dim": 16,
        "vision_cfg": clip_files.CLIP_RESNET,
        "text_cfg": clip_files.CLIP_TEXT,
    }
    (architectures / "tiny-lonely.json").write_text(json.dumps(config))
    open_clip.add_model_config(architectures / "tiny-lonely.json")
    path = tmp_path / "x-quickgelu.pt"
    clip_files.save_plain(clip_files.clip_network("tiny-rn-quickgelu"), path)
    found = opened("tiny-lonely", path)
    assert found.facts["activation"] == "quick_gelu"
    assert_same(found, clip_files.clip_network("tiny-rn-quickgelu"))


def test_tag_offline_says_which_file_to_get(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise RuntimeError("Failed to download")

    monkeypatch.setattr(open_clip, "create_model_and_transforms", offline)
    with pytest.raises(
        WeightsError, match=r"(?s)Failed to download.*rn50-quickgelu-yfcc15m-455df137.pt"
    ):
        released.open_released(
            settings("RN50-quickgelu", "yfcc15m"), tmp_path, device=torch.device("cpu")
        )


def test_tag_is_hashed_by_its_tensors(tmp_path, monkeypatch):
    model = clip_files.clip_network("tiny-rn-quickgelu")
    made = (model, None, open_clip.create_model_and_transforms("tiny-rn", load_weights=False)[2])
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda name: ["tag"])
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda a, t: {"quick_gelu": True})
    monkeypatch.setattr(open_clip, "create_model_and_transforms", lambda *a, **k: made)
    first = released.open_released(
        settings("tiny-rn-quickgelu", "tag"), tmp_path, device=torch.device("cpu")
    )
    fixtures.fill(model, 9)
    second = released.open_released(
        settings("tiny-rn-quickgelu", "tag"), tmp_path, device=torch.device("cpu")
    )
    assert first.facts["weights_sha256"] != second.facts["weights_sha256"]


# --- preprocessing ---


def listed(monkeypatch, **entries):
    """Let OpenCLIP's list of published weights hold `entries` of tiny-rn, by tag."""
    monkeypatch.setattr(open_clip, "list_pretrained", lambda: [("tiny-rn", tag) for tag in entries])
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda name: list(entries))
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: entries[tag])


SIGLIP = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


@pytest.mark.slow
def test_a_file_whose_architecture_saw_images_in_several_ways_must_say(tmp_path, monkeypatch):
    clip_files.save_plain(clip_files.clip_network("tiny-rn"), tmp_path / "x.pt")
    listed(monkeypatch, one={}, two=SIGLIP)
    with pytest.raises(
        ParamsError, match=r"in 2 ways \(one, two\).*state preprocessing \(mean, std"
    ):
        opened("tiny-rn", tmp_path / "x.pt")
    stated = settings("tiny-rn", "x.pt").model_copy(
        update={"preprocessing": ClipPreprocessing.model_validate(SIGLIP)}
    )
    found = released.open_released(stated, tmp_path, device=torch.device("cpu"))
    assert found.preprocess.transforms[-1].mean == (0.5, 0.5, 0.5)
    assert found.preprocess.transforms[0].size == (32, 32)  # both sides: squashed


def test_a_file_of_the_list_is_seen_as_the_list_says(tmp_path, monkeypatch):
    clip_files.save_plain(clip_files.clip_network("tiny-rn"), tmp_path / "x.pt")
    digest = released.checkpoints.sha256(tmp_path / "x.pt")
    known = {**SIGLIP, "url": f"https://somewhere/{digest}/x.pt"}
    listed(monkeypatch, one={}, two=known)
    assert opened("tiny-rn", tmp_path / "x.pt").preprocess.transforms[-1].mean == (0.5, 0.5, 0.5)


def test_an_architecture_whose_weights_agree_needs_no_word(tmp_path, monkeypatch):
    clip_files.save_plain(clip_files.clip_network("tiny-rn"), tmp_path / "x.pt")
    listed(monkeypatch, one=SIGLIP, two=SIGLIP)
    assert opened("tiny-rn", tmp_path / "x.pt").preprocess.transforms[-1].std == (0.5, 0.5, 0.5)


def test_the_published_disagree_as_often_as_said():
    """So that the page about checkpoints stays true."""
    other = [
        entry for name, tag in open_clip.list_pretrained()
        for entry in [open_clip.get_pretrained_cfg(name, tag)]
        if published._arguments(entry) != published._arguments({})
    ]  # fmt: skip
    assert 0.2 < len(other) / len(open_clip.list_pretrained()) < 0.5


# --- files that do not fit ---


def test_unknown_tag_lists_the_known_ones(tmp_path):
    with pytest.raises(WeightsError, match=r"no such file or folder.*yfcc15m"):
        released.open_released(
            settings("RN50-quickgelu", "yfcc"), tmp_path, device=torch.device("cpu")
        )


def test_unknown_architecture_is_guessed(tmp_path):
    with pytest.raises(ParamsError, match="Did you mean"):
        released.open_released(
            settings("RN5O-quickgelu", "openai"), tmp_path, device=torch.device("cpu")
        )


def test_other_width_is_refused_and_nothing_is_resized(tmp_path):
    state = clip_files.clip_network("tiny-vit").state_dict()
    state["visual.positional_embedding"] = torch.zeros(
        26, 64
    )  # OpenCLIP itself would interpolate it
    torch.save(state, tmp_path / "x.pt")
    with pytest.raises(
        WeightsError, match=r"of another shape: visual.positional_embedding \(26, 64\)"
    ):
        opened("tiny-vit", tmp_path / "x.pt")


def test_checkpoint_of_another_kind_says_which(tmp_path):
    fixtures.vicreg_full(tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="source: vicreg"):
        opened("tiny-rn", tmp_path / "x.pt")


@pytest.mark.parametrize("disguise", ["zip", "legacy"])
def test_pickled_code_is_never_run(tmp_path, disguise):
    odd_files.malicious(tmp_path / "x.pt", tmp_path / "ran", disguise=disguise)
    with pytest.raises(WeightsError):
        opened("tiny-rn", tmp_path / "x.pt")
    assert not (tmp_path / "ran").exists()


def test_archive_with_code_in_its_pickle_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(odd_files.Evil(tmp_path / "ran")))
        archive.writestr("x/constants.pkl", b"")
    with pytest.raises(WeightsError, match=r"refers to code \(.*touch\)|refers to code"):
        opened("tiny-rn-quickgelu", tmp_path / "x.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x02N."])
def test_damaged_archive_is_refused(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/constants.pkl", b"")
        if content:
            archive.writestr("x/data.pkl", content)
    with pytest.raises(WeightsError):
        opened("tiny-rn-quickgelu", tmp_path / "x.pt")
