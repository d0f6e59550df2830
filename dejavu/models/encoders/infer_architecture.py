"""Describe the network that a state dict belongs to, from the names and shapes of its tensors.

Released checkpoints come in several widths and depths, and one head differs from the defaults of the script
that made it; what the file itself says cannot disagree with it. A description is plain data: it goes into
the provenance record, and `build` makes the network from it.
"""

import functools
import itertools
import re
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dejavu.errors import WeightsError
from dejavu.models.checkpoints.load import State, guess
from dejavu.models.encoders.networks import Backbone, seeded

VIT_HEAD_DIM = 64  # of every ViT that DINO published
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}

Description = dict[str, Any]


class ResNet(nn.Module):
    """A ResNet with torchvision's names and no classifier; of any width, depth and grouping."""

    def __init__(self, stages: list[nn.Sequential], stem: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Return the average of the last feature map."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)


def resnet(state: State, path: Path, *, contents: Any, refusing: str | None = None) -> Description:
    """Describe the ResNet that `state` (torchvision's names, no ``fc``) belongs to.

    `contents` is what the file holds and `refusing` the source at work, see `checkpoints.guess`.

    Raises:
        WeightsError: a tensor that a ResNet must have is missing.
    """
    shape = functools.partial(_shape, state, path=path, contents=contents, refusing=refusing)
    stages = []
    for stage in range(1, 5):
        n_blocks = _count(state, f"layer{stage}.{{}}.conv1.weight")
        names = [f"layer{stage}.{block}." for block in range(n_blocks)]
        shape(f"layer{stage}.0.conv1.weight", 4)
        stages.append([_block(shape, state, name) for name in names])
    return {"family": "resnet", "stem": shape("conv1.weight", 4)[0], "stages": stages}


def _block(shape: Any, state: State, name: str) -> list[Any]:
    """Describe a block: kind, channels inside and out, groups, whether its shortcut has weights."""
    kind = "bottleneck" if f"{name}conv3.weight" in state else "basic"
    n_inner = shape(f"{name}conv1.weight", 4)[0]
    n_out = shape(f"{name}conv{3 if kind == 'bottleneck' else 2}.weight", 4)[0]
    groups = max(1, n_inner // shape(f"{name}conv2.weight", 4)[1])
    return [kind, n_inner, n_out, groups, f"{name}downsample.0.weight" in state]


def vit(
    state: State,
    path: Path,
    *,
    num_heads: int | None,
    contents: Any,
    refusing: str | None = None,
) -> Description:
    """Describe the ViT that `state` (timm's and DINO's names) belongs to.

    Its output is the normalized class token. The input size in pixels follows from the number of
    position embeddings and the patch size. The number of heads does not show: networks of 6 and of 12 heads
    have equal tensors and other vectors.

    Raises:
        WeightsError: a tensor that a ViT must have is missing, its shape is none of DINO's, or the number of
            heads is not said or does not divide its width.
    """
    shape = functools.partial(_shape, state, path=path, contents=contents, refusing=refusing)
    dim, _, patch_px, _ = shape("patch_embed.proj.weight", 4)
    n_positions = shape("pos_embed", 3)[1]
    side = round((n_positions - 1) ** 0.5)
    if side * side != n_positions - 1:
        raise WeightsError(
            f"{path}: a ViT of {n_positions} positions is none of DINO's (a square and one)."
            f"{guess(contents, refusing='dino')}"
        )
    if num_heads is None or dim % num_heads:
        raise WeightsError(
            f"{path}: a ViT of width {dim}; its number of heads does not show in the shapes, and the entry "
            f"says num_heads: {num_heads}. Every ViT that DINO published has {dim // VIT_HEAD_DIM or 1} at "
            f"this width: set num_heads: {dim // VIT_HEAD_DIM or 1} if this is one of them, else what it was "
            "trained with (MoCo v3's ViT-S has 12)."
        )
    return {
        "family": "vit",
        "img_size": side * patch_px,
        "patch_size": patch_px,
        "embed_dim": dim,
        "depth": _count(state, "blocks.{}.norm1.weight"),
        "num_heads": num_heads,
        "mlp_ratio": shape("blocks.0.mlp.fc1.weight", 2)[0] / dim,
        "qkv_bias": "blocks.0.attn.qkv.bias" in state,
    }


def mlp(
    state: State, path: Path, *, n_in: int, structure: str, activation: str, contents: Any
) -> Description:
    """Describe the projector whose tensors are named by their place in a sequence.

    Args:
        state: names ``<place>.<parameter>``; places without tensors are activations.
        path: the file, for messages.
        n_in: length of the vectors that enter.
        structure: a pattern over the places: ``L`` a linear map with and ``l`` without bias, ``B`` a
            batch norm, ``a`` an activation; e.g. ``(LBa)*l``.
        activation: what stands at the places without tensors; a key of `ACTIVATIONS`.
        contents: what the file holds, from which a misfit guesses the right source.

    Raises:
        WeightsError: the places do not follow `structure`, or the widths do not fit one another.
    """
    kinds = _kinds(state, path)
    found = "".join(kinds.get(place, "a") for place in range(max(kinds, default=-1) + 1))
    if not re.fullmatch(structure, found):
        raise WeightsError(
            f"{path}: the projector is a sequence {found!r}, expected {structure!r} (L: linear, l: linear "
            f"without bias, B: batch norm, a: activation).{guess(contents)}"
        )
    widths = [n_in]
    for place in (place for place, kind in enumerate(found) if kind in "Ll"):
        n_out, expected = state[f"{place}.weight"].shape
        if expected != widths[-1]:
            raise WeightsError(
                f"{path}: the projector's map {place} takes {expected} numbers, gets {widths[-1]}."
            )
        widths.append(n_out)
    return {"family": "mlp", "sequence": found, "widths": widths, "activation": activation}


def build(description: Description) -> Any:
    """Make the untrained network of a description: a `Backbone`, or a sequence for a projector."""
    return seeded(0, functools.partial(_BUILDERS[description["family"]], description))


def _build_resnet(description: Description) -> Backbone:
    stem = n_in = description["stem"]
    stages = []
    for stage, blocks in enumerate(description["stages"]):
        layers = []
        for number, block in enumerate(blocks):
            layers.append(_build_block(n_in, 2 if stage and not number else 1, *block))
            n_in = block[2]
        stages.append(nn.Sequential(*layers))
    return Backbone(ResNet(stages, stem), n_in)


def _build_block(
    n_in: int, stride: int, kind: str, n_inner: int, n_out: int, groups: int, has_shortcut: bool
) -> nn.Module:
    from torchvision.models.resnet import BasicBlock, Bottleneck

    shortcut = None
    if has_shortcut:
        shortcut = nn.Sequential(
            nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
        )
    if kind == "basic":
        return BasicBlock(n_in, n_out, stride, shortcut)
    planes = max(1, n_out // Bottleneck.expansion)
    base_width = (
        64 * n_inner // (planes * groups)
    )  # torchvision: inner = planes * base / 64 * groups
    return Bottleneck(n_in, planes, stride, shortcut, groups, base_width)


def _build_vit(description: Description) -> Backbone:
    from timm.models.vision_transformer import VisionTransformer

    sizes = {key: value for key, value in description.items() if key != "family"}
    norm = functools.partial(nn.LayerNorm, eps=1e-6)
    return Backbone(VisionTransformer(norm_layer=norm, num_classes=0, **sizes), sizes["embed_dim"])


def _build_mlp(description: Description) -> nn.Sequential:
    widths = iter(itertools.pairwise(description["widths"]))
    width = description["widths"][0]
    layers: list[nn.Module] = []
    for kind in description["sequence"]:
        if kind in "Ll":
            n_in, width = next(widths)
            layers.append(nn.Linear(n_in, width, bias=kind == "L"))
        else:
            layers.append(
                nn.BatchNorm1d(width) if kind == "B" else ACTIVATIONS[description["activation"]]()
            )
    return nn.Sequential(*layers)


_BUILDERS = {"resnet": _build_resnet, "vit": _build_vit, "mlp": _build_mlp}


def _kinds(state: State, path: Path) -> dict[int, str]:
    """Return the kind of each place of a sequence: ``L``, ``l`` or ``B``."""
    kinds = {}
    for place in {name.partition(".")[0] for name in state}:
        weight = state.get(f"{place}.weight")
        if not place.isdigit() or weight is None:
            raise WeightsError(
                f"{path}: the projector has tensors {place!r}, expected numbers 0, 1, …"
            )
        linear = "L" if f"{place}.bias" in state else "l"
        kinds[int(place)] = linear if weight.ndim == 2 else "B"
    return kinds


def _count(state: State, name: str) -> int:
    """Return how many of ``name.format(0)``, ``name.format(1)``, … there are before the first gap."""
    return next(n for n in itertools.count() if name.format(n) not in state)


def _shape(
    state: State, name: str, n_axes: int, *, path: Path, contents: Any, refusing: str | None
) -> tuple[int, ...]:
    found = tuple(state[name].shape) if name in state else ()
    if len(found) != n_axes or 0 in found:
        what = f"one of shape {found}" if name in state else f"none among {len(state)}"
        raise WeightsError(
            f"{path}: expected a tensor {name!r} with {n_axes} axes, found {what}."
            f"{guess(contents, refusing=refusing)}"
        )
    return found
