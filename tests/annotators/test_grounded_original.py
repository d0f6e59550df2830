"""GroundingDINO and SAM through their authors' code; runs where the extra grounded-sam is installed."""

import importlib.util

import numpy as np
import pytest
import torch
from PIL import Image

from dejavu.annotators import detectors
from dejavu.errors import WeightsError
from dejavu.params.annotators import GroundedSamParams
from tests.annotators.test_corpus_annotator import MACHINE
from tests.annotators.tiny_grounded import vocabulary

if importlib.util.find_spec("groundingdino") is None:
    pytest.skip("the extra grounded-sam is not installed", allow_module_level=True)

from dejavu.annotators import grounded_original

SETTINGS = {
    "source": "grounded_sam", "backend": "original", "weights": "dino.pth", "mask_weights": "sam.pth",
    "text_encoder": "bert", "vocabulary": "names.txt", "box_threshold": 0.4, "text_threshold": 0.3,
    "max_tags": 4,
}  # fmt: skip
SIDE = 64


def write_bert(folder):
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = vocabulary()
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=37,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)


def published_dino(folder):
    """Return the published network of Swin-T, untrained, with a small text encoder."""
    import groundingdino
    from groundingdino.models import build_model
    from groundingdino.util.slconfig import SLConfig

    (root,) = groundingdino.__path__
    args = SLConfig.fromfile(f"{root}/config/GroundingDINO_SwinT_OGC.py")
    args.text_encoder_type = str(folder / "bert")
    args.use_checkpoint = args.use_transformer_ckpt = False
    return build_model(args).eval()


def small_sam(checkpoint=None):
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    encoder = ImageEncoderViT(
        img_size=SIDE, patch_size=8, embed_dim=32, depth=2, num_heads=2, out_chans=16, window_size=4,
        global_attn_indexes=(1,), use_rel_pos=True,
    )  # fmt: skip
    prompts = PromptEncoder(
        embed_dim=16, image_embedding_size=(8, 8), input_image_size=(SIDE, SIDE), mask_in_chans=4
    )
    transformer = TwoWayTransformer(depth=1, embedding_dim=16, mlp_dim=16, num_heads=2)
    decoder = MaskDecoder(transformer_dim=16, transformer=transformer, iou_head_hidden_dim=16)
    return Sam(encoder, prompts, decoder).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("original")
    torch.manual_seed(0)
    write_bert(made / "bert")
    state = {f"module.{name}": tensor for name, tensor in published_dino(made).state_dict().items()}
    left = {"module.label_enc.weight": torch.zeros(3, 4)}
    torch.save({"model": state | left}, made / "dino.pth")
    torch.save(small_sam().state_dict(), made / "sam.pth")
    (made / "names.txt").write_text("cat\ntrench coat\nzebrafish\n")
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch):
    from segment_anything import sam_model_registry

    monkeypatch.setattr(grounded_original, "SHORTER_PX", 320)
    monkeypatch.setattr(grounded_original, "LONGER_PX", 400)
    monkeypatch.setattr(grounded_original, "_SAM_SIZES", {32: "small"})
    monkeypatch.setitem(sam_model_registry, "small", small_sam)


def load(folder, **changes):
    machine = MACHINE.model_copy(update={"data_root": str(folder)})
    return detectors.load(GroundedSamParams(**SETTINGS | changes), machine)


def images():
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (*s, 3), dtype=np.uint8)) for s in ((50, 80), (90, 40))
    ]


def test_what_is_found_equals_the_models_run_by_hand(folder):
    import groundingdino.datasets.transforms as transforms
    from segment_anything import SamPredictor

    looker = load(folder)
    detector = published_dino(folder)
    saved = torch.load(folder / "dino.pth", weights_only=True)["model"]
    left = detector.load_state_dict(
        {name.removeprefix("module."): tensor for name, tensor in saved.items()}, strict=False
    )
    assert left.missing_keys == []
    sam = small_sam()
    sam.load_state_dict(torch.load(folder / "sam.pth", weights_only=True))
    predictor = SamPredictor(sam)
    tokens_of = [[1], [3, 4], [6, 7]]  # [CLS] cat . trench coat . zebra ##fish . [SEP]
    prepare = transforms.Compose([
        transforms.RandomResize([320], max_size=400),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])  # fmt: skip
    n_found = 0
    for image, found in zip(images(), looker.look(images()), strict=True):
        with torch.inference_mode():
            output = detector(
                prepare(image, None)[0][None], captions=["cat. trench coat. zebrafish."]
            )
        scores = output["pred_logits"][0].sigmoid().double().numpy()
        expected = []
        for line, (x, y, w, h) in zip(scores, output["pred_boxes"][0].tolist(), strict=True):
            means = [round(float(np.mean([line[t] for t in tokens])), 6) for tokens in tokens_of]
            best = max(line[t] for tokens in tokens_of for t in tokens)
            if best > 0.4 and max(means) > 0.3:
                box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]).clip(0, 1)
                expected.append((means.index(max(means)), max(means), box * np.tile(image.size, 2)))
        expected.sort(key=lambda e: (-e[1], e[0]))
        expected = [e for e in expected if (np.round(e[2], 2)[2:] > np.round(e[2], 2)[:2]).all()]
        assert len(found.name_ids) == len(expected)
        assert found.scores == pytest.approx([e[1] for e in expected], abs=5e-6)
        n_found += len(expected)
        predictor.set_image(np.asarray(image))
        for box, area in list(zip(found.boxes, found.mask_areas, strict=True))[:5]:
            masks, _, _ = predictor.predict(box=box, multimask_output=False)
            assert masks.shape == (1, image.height, image.width)
            assert area == masks.sum()
    assert n_found > 10, "untrained networks must find something, or this test compares nothing"


def test_an_image_is_seen_once_and_prompts_do_not_disturb_each_other(folder):
    backend = load(folder, mask_weights=None).backend
    calls = []
    backend.detector.backbone[0].network.register_forward_hook(lambda *_: calls.append(1))
    texts = ["cat.", "zebrafish. dog."]
    together = list(backend.ground(images()[0], texts))
    assert len(calls) == 1
    for text, (logits, boxes) in zip(texts, together, strict=True):
        ((alone, places),) = backend.ground(images()[0], [text])
        np.testing.assert_array_equal(alone, logits)
        np.testing.assert_array_equal(places, boxes)


def test_wrong_files_are_refused(folder, tmp_path):
    with pytest.raises(WeightsError, match="not a published GroundingDINO file"):
        load(folder, weights="sam.pth")
    with pytest.raises(WeightsError, match="expected a SAM file"):
        load(folder, mask_weights="dino.pth")
    with pytest.raises(WeightsError, match="no such folder. GroundingDINO reads bert-base-uncased"):
        load(folder, text_encoder="nowhere")
    saved = torch.load(folder / "dino.pth", weights_only=True)["model"]
    torch.save(
        {"model": {k: v for k, v in saved.items() if "bbox_embed.0" not in k}}, folder / "cut.pth"
    )
    with pytest.raises(WeightsError, match="the weights do not fit"):
        load(folder, weights="cut.pth")
    with pytest.raises(WeightsError, match="no such file"):
        load(folder, weights="none.pth")
