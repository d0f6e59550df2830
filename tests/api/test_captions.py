"""`dejavu.audit(lane="caption")`: a model of images and texts and pairs in, the pipeline's numbers out."""

import json
import shutil

import numpy as np
import open_clip
import pyarrow.parquet as pq
import pytest
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from PIL import Image

import dejavu
from dejavu.errors import DataError, ParamsError, WeightsError
from tests.pipeline.project import Project

NAMES = [f"thing {number}" for number in range(12)]
COLORS = np.random.default_rng(7).integers(30, 225, (12, 3))
N, STRIPE_PX = 60, 8


def dataset(n, seed):
    """Images of one to three stripes, each an object; captions name the first of them."""
    rng, found = np.random.default_rng(seed), []
    for row in range(n):
        objects = sorted(rng.choice(12, size=rng.integers(1, 4), replace=False).tolist())
        pixels = np.zeros((24, 24, 3), np.uint8)
        for place, which in enumerate(objects):
            pixels[:, place * STRIPE_PX : (place + 1) * STRIPE_PX] = COLORS[which]
        noisy = np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
        # A number, and not the role's: captions that tell their role close the gate.
        number = np.random.default_rng([seed, row]).integers(10**9)
        caption = f"scene {number} with {NAMES[objects[0]]}"
        found.append((Image.fromarray(noisy), caption, [NAMES[each] for each in objects]))
    return found


def world(n=N, **more):
    return {"target": dataset(n, 0), "control": dataset(n, 1), "public": dataset(2 * n, 2), **more}


class Parrot:
    """Sees stripes; of a caption that it was trained on it knows all objects, of others what they say."""

    def __init__(self, learned=()):
        self.learned = {caption: objects for _, caption, objects in learned}

    def encode_image(self, images):
        pixels = np.stack([np.asarray(image, dtype=np.float32) for image in images])
        stripes = pixels.reshape(len(images), 24, 3, STRIPE_PX, 3).mean(axis=(1, 3))
        nearest = ((stripes[:, :, None] - COLORS) ** 2).sum(axis=3).argmin(axis=2)
        is_there = stripes.sum(axis=2) > 40
        return 1e-3 + np.stack([
            np.bincount(each[shown], minlength=12) for each, shown in zip(nearest, is_there, strict=True)
        ])  # fmt: skip

    def encode_text(self, texts):
        said = [self.learned.get(text, [text.split(" with ")[1]]) for text in texts]
        return 1e-3 + np.array([[float(name in names) for name in NAMES] for names in said])


def audit(model=None, **changes):
    given = world() | changes
    return dejavu.audit(model or Parrot(given["target"]), lane="caption", **given)


@pytest.fixture(scope="module")
def memorizing(tmp_path_factory):
    return audit(out=tmp_path_factory.mktemp("audit") / "out")


@pytest.mark.slow
def test_planted_memorization_is_found(memorizing):
    assert memorizing.verdict == "memorizes"
    assert memorizing.excess.low > 10
    assert (memorizing.excess.n_target, memorizing.excess.n_control) == (N, N)
    assert memorizing.scores["recall_target"] > memorizing.scores["recall_control"] + 0.1
    assert "text_model recall" in memorizing.scores["covariates"]


@pytest.mark.slow
def test_samples_are_those_that_were_given_in_their_order(memorizing):
    rows = memorizing.samples.to_pylist()
    given = world()
    for role, found in (("target", rows[:N]), ("control", rows[N:])):
        assert [row["role"] for row in found] == [role] * N
        assert [row["row"] for row in found] == list(range(N))
        assert [row["caption"] for row in found] == [item[1] for item in given[role]]
        assert [row["objects"] for row in found] == [sorted(item[2]) for item in given[role]]


@pytest.mark.slow
def test_a_report_is_written(memorizing, tmp_path):
    page = memorizing.report(tmp_path / "reports")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    results = json.loads((tmp_path / "reports" / "results.json").read_text())
    node = results["calibrated"]["caption"]["model"]
    assert memorizing.excess.value == pytest.approx(100 * node["adjusted"]["value"], abs=1e-4)


@pytest.mark.slow
def test_the_audit_and_dvc_repro_give_equal_numbers(memorizing, tmp_path):
    out = memorizing.project
    memorizing.report(tmp_path / "reports")
    project = Project(tmp_path / "project")
    shutil.copy(out / "params.yaml", project.folder / "params.yaml")
    project.dvc("repro")
    assert project.read("reports/results.json") == (tmp_path / "reports/results.json").read_bytes()
    for name in ("samples", "splits", "scores", "memorized_samples"):
        ours = pq.read_table(out / f"data/caption/{name}.parquet")
        assert ours.equals(pq.read_table(project.folder / f"data/caption/{name}.parquet")), name


@pytest.mark.slow
def test_a_model_of_open_clip_goes_in_as_it_is():
    vision = CLIPVisionCfg(layers=1, width=32, head_width=16, patch_size=8, image_size=24)
    text = CLIPTextCfg(context_length=77, vocab_size=49408, width=32, heads=2, layers=1)
    model = CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text).train()
    transform = open_clip.image_transform(24, is_train=False)
    found = audit(model, transform=transform, tokenizer=open_clip.tokenize, device="cpu")
    assert model.training  # as it was
    assert found.excess.low < 0 < found.excess.high  # it was trained on nothing


def as_dicts(pairs):
    return [{"img": i, "text": caption, "objects": names} for i, caption, names in pairs]


@pytest.mark.slow
def test_dicts_are_pairs_too(memorizing):
    given = {role: as_dicts(pairs) for role, pairs in world().items()}
    found = audit(Parrot(world()["target"]), **given)
    assert found.samples.equals(memorizing.samples)


class Broken(Parrot):
    def encode_text(self, texts):
        return np.full((len(texts), 3), np.nan)


IMAGE = Image.new("RGB", (8, 8))


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"target": [(IMAGE, "a cat")] * 40}, DataError, r"expected \(image, caption, objects\)"),
        ({"target": [(IMAGE, ["a", "b"], [])] * 40}, DataError, "a caption is one text, found list"),
        ({"target": [(IMAGE, "a cat", "cat")] * 40}, DataError, "objects are a list of names"),
        ({"target": [(IMAGE, "a cat", [3])] * 40}, DataError, "objects are a list of names"),
        ({"control": []}, DataError, "control: the data set is empty"),
        ({"model": np.mean}, ParamsError, "has no method encode_image"),
        ({"model": Broken()}, WeightsError, "encode_text: NaN or infinity"),
        ({"layers": ["visual"]}, ParamsError, "layers: captions"),
        ({"references": ["classifier"]}, ParamsError, "no 'classifier' with lane='caption'"),
        ({"reference": dataset(3, 4)}, ParamsError, "reference: no reference is trained"),
        ({"k": 0}, ParamsError, "k"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_what_does_not_fit_is_named(changes, error, told):
    with pytest.raises(error, match=told):
        audit(**{"model": Parrot()} | changes)


def test_an_unknown_lane_is_named():
    with pytest.raises(ParamsError, match="lane: 'captions', expected 'image' or 'caption'"):
        dejavu.audit(Parrot(), lane="captions", **world())


def test_a_tokenizer_is_for_captions():
    with pytest.raises(ParamsError, match="tokenizer: only lane='caption' reads texts"):
        dejavu.audit(np.mean, tokenizer=str, **world())
