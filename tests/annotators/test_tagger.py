"""Classifiers as taggers: what they say of real photographs, by hand, and of wrong files."""

import tarfile

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from dejavu.annotators import names, tagger
from dejavu.errors import DataError, ParamsError, WeightsError
from dejavu.params.annotators import TaggerParams
from tests.annotators.test_corpus_annotator import MACHINE
from tests.paths import ROOT

SHARED = ROOT.parent / "shared" / "data" / "imagenet-samples-40.tar"
SMALL = "test_vit"  # timm's own network for tests


def settings_of(**changes):
    given = {
        "source": "tagger", "name": SMALL, "weights": "tiny.pth", "labels": "labels.txt",
        "scores": "softmax", "resize": "squash", "min_score": 0.0, "max_tags": 3,
    }  # fmt: skip
    return TaggerParams(**given | changes)


@pytest.fixture
def folder(tmp_path):
    """A network of five classes with their names."""
    torch.manual_seed(0)
    network = timm.create_model(SMALL, num_classes=5)
    torch.save(network.state_dict(), tmp_path / "tiny.pth")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\ndog\ncat\n")
    return tmp_path


def load(folder, **changes):
    machine = MACHINE.model_copy(update={"data_root": str(folder)})
    return tagger.load(settings_of(**changes), machine)


def images(n=9):
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)) for i in range(n)
    ]


def slow_scores(folder, image):
    """One image at a time, with timm's own transform on a square."""
    network = timm.create_model(SMALL, num_classes=5).eval()
    network.load_state_dict(torch.load(folder / "tiny.pth", weights_only=True))
    config = network.pretrained_cfg
    side = config["input_size"][-1]
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    pixels = np.asarray(image.resize((side, side), filters[config["interpolation"]])) / 255
    pixels = (pixels - config["mean"]) / config["std"]
    with torch.inference_mode():
        logits = network(torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32))
    return logits[0].double().numpy()


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
@pytest.mark.slow
def test_tags_equal_a_slow_twin(folder, kind):
    found = list(load(folder, scores=kind, max_tags=2, min_score=0.2).look(images()))
    assert len(found) == 9
    for image, each in zip(images(), found, strict=True):
        logits = slow_scores(folder, image)
        expected = 1 / (1 + np.exp(-logits))
        if kind == "softmax":
            expected = np.exp(logits) / np.exp(logits).sum()
        order = [i for i in np.argsort(-expected)[:2] if expected[i] >= 0.2]
        assert each.name_ids.tolist() == order
        assert each.scores == pytest.approx(expected[order], abs=2e-6)
        assert np.isnan(each.boxes).all()
        assert (each.mask_areas == -1).all()


@pytest.mark.slow
def test_batches_change_nothing(folder):
    whole = load(folder)
    for size in (1, 4, 9):
        machine = MACHINE.model_copy(update={"data_root": str(folder), "batch_images": size})
        other = tagger.load(settings_of(), machine)
        for one, two in zip(whole.look(images()), other.look(images()), strict=True):
            assert one.name_ids.tolist() == two.name_ids.tolist()
            assert one.scores == pytest.approx(two.scores, abs=2e-6)
    assert list(whole.look([])) == []


def test_classes_of_one_name_stay_apart_and_files_are_named(folder):
    loaded = load(folder)
    assert loaded.vocabulary == ["ant", "bee", "cat #2", "dog", "cat #4"]
    first = dict(loaded.provenance)
    (folder / "labels.txt").write_text("ant\nbee\ncat\ndog\nelk\n")
    assert load(folder).provenance["labels"] != first["labels"]
    assert load(folder).provenance["weights"] == first["weights"]


def test_center_shows_less_of_a_long_crop(folder):
    wide = np.zeros((32, 160, 3), dtype=np.uint8)
    wide[:, 64:96] = 255  # all that a square in the middle shows
    (square,) = load(folder, resize="center").look([Image.fromarray(wide)])
    (white,) = load(folder, resize="center").look([Image.new("RGB", (32, 32), "white")])
    (all_of_it,) = load(folder, resize="squash").look([Image.fromarray(wide)])
    assert square.scores == pytest.approx(white.scores, abs=1e-4)
    assert all_of_it.scores != pytest.approx(white.scores, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (
            "ant\nbee\n",
            WeightsError,
            "classifier has 5 classes, but labels: labels.txt has 2 names",
        ),
        ("ant\n\nbee\n", DataError, "line 2 is empty"),
        ("", DataError, "empty, expected one name per line"),
    ],
)
def test_wrong_labels_are_refused(folder, labels, error, message):
    (folder / "labels.txt").write_text(labels)
    with pytest.raises(error, match=message):
        load(folder)


@pytest.mark.slow
def test_wrong_files_are_refused(folder):
    (folder / "labels.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a readable UTF-8 text file"):
        load(folder)
    with pytest.raises(DataError, match="no list is called 'imagenet1k'; lists: coco, imagenet_1k"):
        load(folder, labels="imagenet1k")
    with pytest.raises(ParamsError, match="timm has no model 'test_vitt'. Did you mean 'test_vit"):
        load(folder, name="test_vitt", labels="coco")
    with pytest.raises(WeightsError, match="no such file"):
        load(folder, weights="none.pth", labels="coco")
    network = timm.create_model(SMALL, num_classes=0)
    torch.save(network.state_dict(), folder / "headless.pth")
    with pytest.raises(WeightsError, match="has no classifier"):
        load(folder, weights="headless.pth", labels="coco")
    state = timm.create_model(SMALL, num_classes=80).state_dict()
    torch.save({k: v for k, v in state.items() if "blocks.0" not in k}, folder / "cut.pth")
    with pytest.raises(WeightsError, match="the weights do not fit"):
        load(folder, weights="cut.pth", labels="coco")
    with pytest.raises(WeightsError, match="classifier has 1000 classes"):
        load(folder, name="tf_efficientnet_lite0", weights="packaged", labels="coco")


def test_names_of_libraries(tmp_path):
    imagenet = names.read("imagenet_1k", tmp_path)
    assert (len(imagenet), imagenet[0], imagenet[134], imagenet[517]) == (
        1000,
        "tench",
        "crane",
        "crane",
    )
    coco = names.read("coco", tmp_path)
    assert (len(coco), coco[0], coco[-1]) == (80, "person", "toothbrush")


def test_a_network_that_gives_nan_is_refused(folder):
    loaded = load(folder)
    with torch.no_grad():
        next(loaded.network.parameters()).fill_(torch.nan)
    with pytest.raises(WeightsError, match="gives NaN"):
        list(loaded.look(images(1)))


@pytest.mark.skipif(not SHARED.exists(), reason="../shared/data with real photographs is absent")
def test_packaged_weights_know_real_photographs():
    """40 photographs of ImageNet-1k, one class each, that the network was trained on or tested with."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    with tarfile.open(SHARED) as archive:
        members = sorted((m for m in archive if m.name.endswith(".JPEG")), key=lambda m: m.name)
        truth = [member.name.rpartition("/")[2].partition("_")[0] for member in members]
        photos = [Image.open(archive.extractfile(member)).convert("RGB") for member in members]
    packaged = {"name": "tf_efficientnet_lite0", "weights": "packaged", "labels": "imagenet_1k"}
    loaded = load(ROOT, **packaged, resize="center", max_tags=5)
    found = [[info.index_to_label_name(int(i)) for i in f.name_ids] for f in loaded.look(photos)]
    assert len(truth) == 40
    assert sum(wnid in five for wnid, five in zip(truth, found, strict=True)) == 40
    assert sum(wnid == five[0] for wnid, five in zip(truth, found, strict=True)) >= 36  # 37 here
