"""Recognize public checkpoint layouts by their names, to tell a user which source a file belongs to."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor

from dejavu.models.checkpoints import wrappers


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """What a file appears to be."""

    kind: str  # what a file is, in words
    advice: str  # a sentence for error messages


_KNOWN = {
    "vicreg_full": ("a VICReg full checkpoint", "source: vicreg"),
    "barlow_twins_full": ("a Barlow Twins full checkpoint", "source: barlow_twins"),
    "barlow_twins_vissl": ("a Barlow Twins checkpoint of VISSL", "source: barlow_twins"),
    "dino_full": ("a DINO full checkpoint (student and teacher)", "source: dino"),
    "dino_vit": ("a DINO ViT backbone (or timm's, without a classifier)", "source: dino"),
    "vit": ("a ViT with timm's names", "source: timm"),
    "resnet_backbone": (
        "a ResNet backbone without classifier or projector, as VICReg, Barlow Twins and DINO release",
        "source: vicreg, barlow_twins or dino with layers: [backbone], or source: state_dict",
    ),
    "own_class": ("a ResNet of its author's own class", "source: factory"),
    "small_stem": (
        "a ResNet whose first convolution is 3x3, as for CIFAR, which no library builds by a name",
        "source: factory",
    ),
    "resnet": ("a ResNet classifier with torchvision's names", "source: torchvision"),
    "clip": ("a CLIP model", "source: open_clip"),
    "clip_hf": ("a CLIP model of the transformers library", "source: open_clip"),
    "own": ("an encoder that this pipeline trained", "source: file"),
    "efficientnet_lite0": (
        "EfficientNet-Lite0 as packaged", "source: timm, name: tf_efficientnet_lite0"
    ),
    "sam": ("a Segment Anything model", "it with the annotator grounded_sam"),
    "grounding_dino": ("a GroundingDINO model", "it with the annotator grounded_sam"),
    "text": ("a BERT-like text model", "it as a text model"),
}  # fmt: skip


def recognize(contents: Any) -> Layout | None:
    """Return the layout of what `checkpoints.read` returned, or None if it is none of the known."""
    kind = _kind(contents)
    if kind is None:
        return None
    if kind.startswith(_PART):
        start = kind.removeprefix(_PART)
        use = f"source: state_dict with prefix: {start}"
        return Layout(
            kind, f"Its names start with {start} before those of a known network: set {use}"
        )
    name, use = _KNOWN[kind]
    verb = "set" if use.startswith("source") else "use"
    return Layout(name, f"This looks like {name}: {verb} {use}.")


def _kind(contents: Any) -> str | None:
    if not isinstance(contents, Mapping):
        return None
    if "classy_state_dict" in contents:
        return "barlow_twins_vissl"
    if "student" in contents and "teacher" in contents:
        return "dino_full"
    return _kind_of_names(wrappers.inner(contents)[0])


def _kind_of_names(state: Any) -> str | None:
    if not wrappers.is_state(state):
        return None
    tensors = {wrappers.bare(str(k)): v for k, v in state.items() if isinstance(v, Tensor)}
    if _has_small_stem(tensors):
        return "small_stem"
    names = set(tensors)
    start = wrappers.shared(sorted(names))
    names = {name.removeprefix(start) for name in names}
    for kind, test in _TESTS:
        if test(names):
            return kind
    for beginning in wrappers.beginnings(sorted(names)):
        part = {n.removeprefix(beginning) for n in names if n.startswith(beginning)}
        if any(test(part) for _, test in _BACKBONES):
            return _PART + beginning
    return None


def _has_small_stem(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether a ResNet, wherever in the file it is, begins with one 3x3 convolution of RGB.

    Those of CLIP begin with three.
    """
    block = "layer1.0.conv1.weight"
    for start in (name.removesuffix(block) for name in tensors if name.endswith(block)):
        first = tensors.get(f"{start}conv1.weight")
        if (
            first is not None
            and first.shape[1:] == (3, 3, 3)
            and f"{start}conv2.weight" not in tensors
        ):
            return True
    return False


def _any(names: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


_PART = "part "  # of the kind of a file whose names start in front of a known network's
_BACKBONES: tuple[tuple[str, Callable[[set[str]], bool]], ...] = (
    ("resnet", lambda n: {"layer1.0.conv1.weight", "layer4.0.conv1.weight"} <= n),
    ("vit", lambda n: "blocks.0.attn.qkv.weight" in n),
)
# The first that fits wins: a CLIP model of OpenCLIP also holds a ResNet or a ViT.
_TESTS: tuple[tuple[str, Callable[[set[str]], bool]], ...] = (
    ("clip_hf", lambda n: _any(n, "vision_model.") and _any(n, "text_model.")),
    ("clip", lambda n: "logit_scale" in n and _any(n, "visual.")),
    ("grounding_dino", lambda n: _any(n, "bert.") and _any(n, "transformer.")),
    ("sam", lambda n: _any(n, "image_encoder.") and _any(n, "mask_decoder.")),
    ("own", lambda n: _any(n, "backbone.body.")),
    ("vicreg_full", lambda n: _any(n, "backbone.layer1.") and "projector.0.bias" in n),
    ("barlow_twins_full", lambda n: _any(n, "backbone.layer1.") and "projector.0.weight" in n),
    ("efficientnet_lite0", lambda n: "_conv_stem.weight" in n),
    ("resnet", lambda n: "layer1.0.conv1.weight" in n and "fc.weight" in n),
    ("resnet_backbone", lambda n: {"layer1.0.conv1.weight", "layer4.0.conv1.weight"} <= n),
    ("own_class", lambda n: "layer1.0.conv1.weight" in n),
    ("vit", lambda n: "blocks.0.attn.qkv.weight" in n and "head.weight" in n),
    ("dino_vit", lambda n: "blocks.0.attn.qkv.weight" in n),
    ("text", lambda n: _any(n, "embeddings.word_embeddings.") or _any(n, "bert.embeddings.")),
)
