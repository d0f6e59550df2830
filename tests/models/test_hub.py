"""Names of the hub lead to its local copy, where there is one; nothing else asks it."""

import shutil
import socket

import huggingface_hub.constants
import numpy as np
import pytest

from dejavu.errors import ParamsError, WeightsError
from dejavu.models import hub
from dejavu.models.clip import load
from tests.models.clip import test_transformers_clip as clips
from tests.models.encoders import test_what_shapes_do_not_show as networks
from tests.models.encoders.test_transformers import hub_folder
from tests.models.encoders.test_what_shapes_do_not_show import timm_folder

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache of the library, in its own layout, without a network."""

    def refuse(*_args, **_more):
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(cache, folder, name="owner/name"):
    place = cache / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(REVISION)
    shutil.copytree(folder, place / "snapshots" / REVISION)


def test_a_path_is_a_path(tmp_path):
    assert hub.located("weights/a.pth", tmp_path) == tmp_path / "weights/a.pth"


@pytest.mark.parametrize(
    "name", ["hf-hub:", "hf-hub:name", "hf-hub:a/b/c", "hf-hub:../x", "hf-hub:a/b@"]
)
def test_what_is_no_name_of_the_hub_is_refused(name, tmp_path):
    with pytest.raises(ParamsError, match="expected hf-hub:owner/name"):
        hub.located(name, tmp_path)


def test_without_a_copy_and_a_network_the_message_says_what_to_do(cache, tmp_path):
    with pytest.raises(
        WeightsError, match="hf-hub:owner/name: cannot be had .*Offline, put the folder"
    ):
        hub.located("hf-hub:owner/name", tmp_path)


def test_a_network_of_transformers_is_read_from_its_copy(cache, tmp_path):
    hub_folder(tmp_path / "f", "dinov2")
    put(cache, tmp_path / "f")
    here = networks.made(tmp_path, "transformers", "f", pooling="pooler")
    there = networks.made(tmp_path, "transformers", "hf-hub:owner/name", pooling="pooler")
    square = networks.load_pixels_of(here, networks.photo(60, 60))
    np.testing.assert_array_equal(here.embed(square)["backbone"], there.embed(square)["backbone"])


@pytest.mark.slow
def test_a_network_of_timm_is_read_from_its_copy(cache, tmp_path):
    timm_folder(tmp_path / "f")
    put(cache, tmp_path / "f", "timm/resnet10t")
    here = networks.made(tmp_path, "timm", "f", name="local-dir")
    there = networks.made(tmp_path, "timm", "hf-hub:timm/resnet10t", name="local-dir")
    assert here.preprocessing == there.preprocessing
    square = networks.load_pixels_of(here, networks.photo(60, 60))
    np.testing.assert_array_equal(here.embed(square)["backbone"], there.embed(square)["backbone"])


def test_a_clip_of_transformers_is_read_from_its_copy(cache, tmp_path):
    clips.hub_folder(tmp_path / "f", "clip")
    put(cache, tmp_path / "f")
    where = clips.machine(tmp_path)
    here, there = (
        load.opened(clips.settings(name), where) for name in ("f", f"hf-hub:owner/name@{REVISION}")
    )
    np.testing.assert_array_equal(here.embed_texts(["a"]), there.embed_texts(["a"]))
