"""GroundingDINO and SAM through their true code in transformers, tiny and untrained."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dejavu.annotators import detectors, grounded_sam, grounded_transformers
from dejavu.annotators.grounded_sam import RememberLast
from dejavu.errors import DataError, ParamsError, WeightsError
from dejavu.params.annotators import GroundedSamParams
from tests.annotators.test_corpus_annotator import MACHINE
from tests.annotators.tiny_grounded import write_dino, write_sam

SETTINGS = {
    "source": "grounded_sam", "backend": "transformers", "weights": "dino", "mask_weights": "sam",
    "text_encoder": None, "vocabulary": "names.txt", "box_threshold": 0.4, "text_threshold": 0.3,
    "max_tags": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("grounded")
    write_dino(made / "dino")
    write_sam(made / "sam")
    (made / "names.txt").write_text("Cat\ntrench_coat\nzebrafish\ndog\n")
    return made


def load(folder, **changes):
    machine = MACHINE.model_copy(update={"data_root": str(folder)})
    return detectors.load(GroundedSamParams(**SETTINGS | changes), machine)


@pytest.fixture(scope="module")
def looker(folder):
    return load(folder)


def images():
    rng = np.random.default_rng(0)
    sizes = [(50, 80), (90, 40), (64, 64)]
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


@pytest.mark.slow
def test_what_is_found_equals_the_models_run_by_hand(looker, folder):
    """The twin follows the library's own example, and reads names off the tokens."""
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor, SamModel

    processor = AutoProcessor.from_pretrained(folder / "dino")
    detector = AutoModelForZeroShotObjectDetection.from_pretrained(folder / "dino").eval()
    sam = SamModel.from_pretrained(folder / "sam").eval()
    sam_processor = AutoProcessor.from_pretrained(folder / "sam")
    owners = {"cat": 0, "trench": 1, "coat": 1, "zebra": 2, "##fish": 2, "dog": 3}
    n_found = 0
    for image, found in zip(images(), looker.look(images()), strict=True):
        asked = processor(
            images=image, text="cat. trench coat. zebrafish. dog.", return_tensors="pt"
        )
        with torch.inference_mode():
            output = detector(**asked)
        tokens = processor.tokenizer.convert_ids_to_tokens(asked["input_ids"][0])
        (boxes,) = processor.post_process_grounded_object_detection(
            output, asked["input_ids"], threshold=0.0, text_threshold=0.0,
            target_sizes=[image.size[::-1]],
        )  # fmt: skip
        expected = []
        for line, box in zip(output.logits[0].sigmoid().double(), boxes["boxes"], strict=True):
            of_name = [[], [], [], []]
            for token, score in zip(tokens, line[: len(tokens)].tolist(), strict=True):
                if token in owners:
                    of_name[owners[token]].append(score)
            means = [round(float(np.mean(each)), 6) for each in of_name]
            if max(map(max, of_name)) > 0.4 and max(means) > 0.3:
                x0, y0, x1, y1 = box.tolist()
                corners = [max(x0, 0), max(y0, 0), min(x1, image.width), min(y1, image.height)]
                expected.append((means.index(max(means)), max(means), corners))
        best = {}
        for name, score, _ in expected:
            best[name] = max(best.get(name, 0), score)
        kept = sorted(best, key=lambda name: (-best[name], name))[:2]
        expected = sorted((e for e in expected if e[0] in kept), key=lambda e: (-e[1], e[0]))
        assert found.name_ids.tolist() == [e[0] for e in expected]
        assert found.scores == pytest.approx([e[1] for e in expected], abs=2e-6)
        np.testing.assert_allclose(found.boxes, [e[2] for e in expected], atol=0.02)
        n_found += len(expected)
        if not expected:
            continue
        asked = sam_processor(images=image, input_boxes=[found.boxes.tolist()], return_tensors="pt")
        with torch.inference_mode():
            masks = sam(
                pixel_values=asked["pixel_values"], input_boxes=asked["input_boxes"].float(),
                multimask_output=False,
            ).pred_masks  # fmt: skip
        (masks,) = sam_processor.image_processor.post_process_masks(
            masks, asked["original_sizes"], asked["reshaped_input_sizes"]
        )
        assert masks.shape[-2:] == image.size[::-1]
        assert found.mask_areas.tolist() == masks.sum(dim=(1, 2, 3)).tolist()
    assert n_found > 10, "untrained networks must find something, or this test compares nothing"


@pytest.mark.slow
def test_prompts_of_few_tokens_find_names_of_the_whole_vocabulary(folder, looker, monkeypatch):
    """With room for one name per prompt, ids go on from prompt to prompt."""
    assert len(looker.prompts) == 1
    monkeypatch.setattr(grounded_transformers.TransformersBackend, "max_tokens", 5)
    several = load(folder, box_threshold=0.0, text_threshold=0.0, max_tags=9, mask_weights=None)
    assert [prompt.text for prompt in several.prompts] == [
        "cat.",
        "trench coat.",
        "zebrafish.",
        "dog.",
    ]
    assert [prompt.first_id for prompt in several.prompts] == [0, 1, 2, 3]
    (found,) = several.look(images()[:1])
    assert set(found.name_ids.tolist()) == {0, 1, 2, 3}
    assert (found.mask_areas == -1).all()


@pytest.mark.slow
def test_an_image_is_seen_once_and_prompts_do_not_disturb_each_other(folder):
    backend = load(folder, mask_weights=None).backend
    remembering = backend.detector.model.backbone.conv_encoder
    calls = []
    remembering.network.register_forward_hook(lambda *_: calls.append(1))
    texts = ["cat.", "dog. zebrafish.", "trench coat."]
    together = list(backend.ground(images()[0], texts))
    assert len(calls) == 1
    for text, (logits, boxes) in zip(texts, together, strict=True):
        ((alone, places),) = backend.ground(images()[0], [text])
        np.testing.assert_array_equal(alone, logits)
        np.testing.assert_array_equal(places, boxes)
    assert len(calls) == 4
    assert remembering._answer is None, "an image's features are freed after its last prompt"


def test_remembering_means_the_very_same_question():
    asked = []
    last = RememberLast(torch.nn.Identity())
    last.network.register_forward_hook(lambda *_: asked.append(1))
    one, other = torch.zeros(2), torch.zeros(2)
    for question in (one, one, other, other, one):
        assert last(question) is question
    assert len(asked) == 3


@pytest.mark.slow
def test_blocks_of_masks_change_nothing(looker, monkeypatch):
    whole = list(looker.look(images()))
    monkeypatch.setattr(grounded_sam, "_MASK_PIXELS_AT_ONCE", 1)
    for one, two in zip(whole, looker.look(images()), strict=True):
        assert one.mask_areas.tolist() == two.mask_areas.tolist()


@pytest.mark.parametrize("size", [(30, 700), (700, 30)])
@pytest.mark.slow
def test_lines_are_images_too(folder, size):
    """Without a canvas there would be fewer places than boxes to choose."""
    everything = load(folder, box_threshold=0.0, text_threshold=0.0, max_tags=9)
    image = images()[0].resize(size)
    (found,) = everything.look([image])
    canvas = Image.new("RGB", (max(35, size[0]), max(35, size[1])))
    canvas.paste(image)
    (whole,) = everything.look([canvas])
    clipped = np.minimum(whole.boxes, [*size, *size])
    is_seen = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    np.testing.assert_array_equal(found.boxes, clipped[is_seen])
    assert found.name_ids.tolist() == whole.name_ids[is_seen].tolist()
    assert 0 < found.mask_areas.max() <= 30 * 700


@pytest.mark.slow
def test_higher_thresholds_find_less(folder, looker):
    from dataclasses import replace

    def n_found(**changes):
        settings = looker.settings.model_copy(update={"max_tags": 9} | changes)
        return sum(
            len(found.name_ids) for found in replace(looker, settings=settings).look(images())
        )

    some = n_found()
    assert n_found(box_threshold=0.9) < some
    assert n_found(text_threshold=0.9) < some
    assert n_found(box_threshold=0.0, text_threshold=0.0) >= some


@pytest.mark.slow
def test_provenance_names_weights_and_words(folder, looker):
    assert set(looker.provenance) == {"weights", "mask_weights", "vocabulary"}
    assert load(folder, mask_weights=None).provenance["weights"] == looker.provenance["weights"]


def test_wrong_folders_are_refused(folder, tmp_path):
    for name, target in (("dino", "sam"), ("sam", "dino")):
        shutil.copytree(folder / name, tmp_path / target)
    (tmp_path / "names.txt").write_text("cat\n")
    with pytest.raises(
        WeightsError, match="type 'sam', expected grounding-dino or mm-grounding-dino"
    ):
        load(tmp_path)
    shutil.rmtree(tmp_path / "dino")
    with pytest.raises(
        WeightsError, match="no such folder, and 'dino' is no name of a model on the hub"
    ):
        load(tmp_path)
    write = json.loads((folder / "dino/config.json").read_text()) | {"decoder_layers": 3}
    shutil.copytree(folder / "dino", tmp_path / "dino")
    (tmp_path / "dino/config.json").write_text(json.dumps(write))
    with pytest.raises(WeightsError, match="do not fit its config.json: .* missing keys"):
        load(tmp_path)
    (tmp_path / "dino/model.safetensors").unlink()
    with pytest.raises(WeightsError, match="transformers cannot load it"):
        load(tmp_path)
    with pytest.raises(WeightsError, match="a .pth is for backend original"):
        load(tmp_path, weights="groundingdino_swint_ogc.pth")


@pytest.mark.slow
def test_a_name_too_long_for_a_prompt_is_refused(folder, tmp_path):
    (folder / "long.txt").write_text("cat " * 300 + "\n")
    with pytest.raises(DataError, match="300 tokens, expected 1 to 253"):
        load(folder, vocabulary="long.txt")


def test_the_original_backend_says_what_it_needs(folder):
    transformers = pytest.importorskip("transformers")
    if transformers.__version__ < "5":
        pytest.skip("this is an environment for the original backend")
    with pytest.raises(
        ParamsError,
        match=r"needs transformers < 5, found .*pip install 'dejavu-audit\[grounded-sam\]'",
    ):
        load(folder, backend="original", weights="x.pth", text_encoder="bert")


def test_a_text_encoder_belongs_to_the_original_backend():
    for changes in ({"backend": "original"}, {"text_encoder": "bert"}):
        with pytest.raises(ValueError, match="text_encoder is the folder of bert-base-uncased"):
            GroundedSamParams(**SETTINGS | changes)
