"""Folders of the transformers library with two towers give the vectors of the library's own pipeline."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dejavu import params
from dejavu.errors import ParamsError, WeightsError
from dejavu.models import clip
from dejavu.models.clip import load
from dejavu.params.caption import CaptionModelParams, TransformersClipParams
from dejavu.params.machine import MachineParams
from tests.models import fixtures

CAPTIONS = ["a photo of a dog", "two cats on a red mat", "a", " ".join(["cat"] * 40)]
WORDS = ["<pad>", "<unk>", "<s>", "</s>", *sorted({word for c in CAPTIONS for word in c.split()})]
LENGTH = 16  # tokens that the text tower takes
TOWER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
END = WORDS.index("</s>")


def hub_folder(folder, kind):
    """A folder as `save_pretrained` writes it, of a small network of a real class with its tokenizer."""
    import transformers as hf
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vision = {**TOWER, "image_size": 48, "patch_size": 8}
    text = {**TOWER, "vocab_size": len(WORDS), "max_position_embeddings": LENGTH,
            "eos_token_id": END, "bos_token_id": 2, "pad_token_id": 0}  # fmt: skip
    if kind == "clip":
        model = hf.CLIPModel(
            hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
        )
    else:
        text["projection_size"] = 32
        model = hf.SiglipModel(hf.SiglipConfig(text_config=text, vision_config=vision))
    fixtures.fill(model, 5)
    model.save_pretrained(folder)
    words = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", END)]
    )
    hf.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        model_max_length=LENGTH,
        # as CLIP's own tokenizer has it; transformers 4 adds the types of tokens, which its networks refuse
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    made = hf.CLIPImageProcessor if kind == "clip" else hf.SiglipImageProcessor
    sizes = {"size": {"height": 48, "width": 48}}
    if kind == "clip":
        sizes = {"size": {"shortest_edge": 53}, "crop_size": {"height": 48, "width": 48}}
    made(**sizes, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.25]).save_pretrained(folder)


def settings(weights="f", **changes):
    entry = {"source": "transformers", "recipe": "released", "weights": weights, "trained_on": "target",
             "second_model": None, "modes": ["t2i", "t2t"], **changes}  # fmt: skip
    return TransformersClipParams(**entry)


def machine(root):
    return MachineParams(
        device="cpu", engine="local", workers=1, batch_images=8, block_rows=1000, memory_gb=1,
        data_root=str(root),
    )  # fmt: skip


def images():
    rng = np.random.default_rng(3)
    sizes = ((75, 58), (58, 90), (48, 48))
    return [Image.fromarray(rng.integers(0, 255, (h, w, 3), np.uint8)) for w, h in sizes]


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@pytest.mark.slow
def test_vectors_are_those_of_the_librarys_own_pipeline(tmp_path, kind):
    import transformers as hf

    hub_folder(tmp_path / "f", kind)
    model = load.opened(settings(), machine(tmp_path))
    own = hf.AutoModel.from_pretrained(tmp_path / "f", local_files_only=True).eval()
    tokenizer = hf.AutoTokenizer.from_pretrained(tmp_path / "f", local_files_only=True)
    processor = hf.AutoImageProcessor.from_pretrained(tmp_path / "f", backend="pil")
    padding = "max_length" if kind == "siglip" else True
    tokens = tokenizer(
        CAPTIONS, padding=padding, truncation=True, max_length=LENGTH, return_tensors="pt"
    )
    with torch.inference_mode():
        found = own(**tokens, **processor(images(), return_tensors="pt"))
    for ours, theirs in (
        (model.embed_images(images()), found.image_embeds), (model.embed_texts(CAPTIONS), found.text_embeds),
    ):  # fmt: skip
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-6)
        assert theirs.std() > 1e-3
    assert model.facts["weights_sha256"]


def test_an_entry_of_params_yaml_names_it(tmp_path):
    hub_folder(tmp_path / "f", "clip")
    (tmp_path / "params.yaml").write_text(
        "m: {source: transformers, recipe: released, weights: f, trained_on: target, second_model: null, "
        "modes: [t2i]}"
    )
    entry = params.section(tmp_path / "params.yaml", "m", CaptionModelParams)
    assert clip.source_of(entry.source).libraries == ("torch", "transformers")
    assert load.opened(entry, machine(tmp_path)).embed_texts(["a"]).shape == (1, 24)


def test_folders_that_are_not_what_they_should_be(tmp_path):
    hub_folder(tmp_path / "f", "clip")
    folder, where = tmp_path / "f", machine(tmp_path)
    config = folder / "config.json"
    content = json.loads(config.read_text())
    for changed, told in (
        ({"auto_map": {"AutoModel": "mine.Model"}}, "code of the folder's own, which is never run"),
        ({"model_type": "vit"}, "is a 'vit', expected one of clip, siglip"),
        ({"projection_dim": 12}, "cannot load it"),
    ):
        config.write_text(json.dumps({**content, **changed}))
        with pytest.raises(WeightsError, match=told):
            load.opened(settings(), where)
    config.write_text(json.dumps(content))
    for name, told in (
        ("tokenizer.json", "has no tokenizer"), ("preprocessor_config.json", "has no image processor"),
        ("model.safetensors", "model.save_pretrained"),
    ):  # fmt: skip
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises((WeightsError, ParamsError), match=told):
            load.opened(settings(), where)
        (folder / name).write_bytes(kept)
