"""Small checkpoint files with the true layouts of released models: true names, narrow tensors."""

import argparse
import functools
import json
import types

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from dejavu.models import folder
from dejavu.models.encoders import infer_architecture
from dejavu.models.encoders.released_network import assemble

torch.set_num_threads(1)  # networks this small only lose by sharing work

WIDTH = 8  # channels of the stem
PROJECTOR_DIM = 24


def one_sample(folder):
    """Write a samples table with a row: all that a network trained elsewhere asks of it."""
    path = folder / "samples.parquet"
    pq.write_table(pa.table({"sample_id": [0]}), path)
    return path


def exclude_bias_and_norm(p):
    return p.ndim == 1


def as_of_main(function):
    """Return a copy of `function` that pickles as ``__main__.<name>``, as in a training script."""
    copy = types.FunctionType(function.__code__, {}, function.__name__)
    copy.__module__, copy.__qualname__ = "__main__", function.__name__
    return copy


def fill(module, seed):
    """Give every tensor of `module` values of its own: also those that start as zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=generator)
                is_scale = name.endswith(("running_var", "weight_g")) or value.ndim == 1
                scale = 1.0 / max(1, value[0].numel()) ** 0.5 if value.ndim > 1 else 1.0
                value.copy_(noise + 0.5 if is_scale else (noise * 2 - 1) * 1.7 * scale)
    return module.eval()


class TinyBottleneck(nn.Module):
    def __init__(self, n_in, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU()
        if stride != 1 or n_in != planes * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, planes * 4, 1, stride, bias=False), nn.BatchNorm2d(planes * 4)
            )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        return self.relu(out + (self.downsample(x) if hasattr(self, "downsample") else x))


class TinyResNet(nn.Module):
    """torchvision's ResNet-50 with fewer and narrower blocks; an independent twin of the loader's."""

    def __init__(self, width=WIDTH, blocks=(2, 1, 1, 1), n_classes=None):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        n_in = width
        for stage, depth in enumerate(blocks, start=1):
            planes, layers = width * 2 ** (stage - 1), []
            for block in range(depth):
                layers.append(TinyBottleneck(n_in, planes, 2 if stage > 1 and block == 0 else 1))
                n_in = planes * 4
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        if n_classes:
            self.fc = nn.Linear(n_in, n_classes)
        self.dim = n_in

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


def projector(
    n_in, dim, *, bias, last_bias=False, activation=nn.ReLU, norm=True, n_maps=3, hidden=None
):
    layers, width, hidden = [], n_in, hidden or dim
    for _ in range(n_maps - 1):
        layers += [nn.Linear(width, hidden, bias=bias)]
        layers += [nn.BatchNorm1d(hidden)] if norm else []
        layers += [activation()]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, dim, bias=last_bias))


def tiny_vit(dim=64, depth=2, patch_px=8, input_px=32, n_classes=0):
    from timm.models.vision_transformer import VisionTransformer

    norm = functools.partial(nn.LayerNorm, eps=1e-6)
    return VisionTransformer(
        img_size=input_px, patch_size=patch_px, embed_dim=dim, depth=depth, num_heads=dim // 64,
        norm_layer=norm, num_classes=n_classes,
    )  # fmt: skip


def prefixed(prefix, module):
    return {f"{prefix}{name}": value for name, value in module.state_dict().items()}


def resnet_and_projector(seed, *, bias):
    backbone = fill(TinyResNet(), seed)
    return backbone, fill(projector(backbone.dim, PROJECTOR_DIM, bias=bias), seed + 1)


def vicreg_backbone(path, seed=0):
    backbone, _ = resnet_and_projector(seed, bias=True)
    torch.save(backbone.state_dict(), path)
    return backbone, None


def vicreg_full(path, seed=0):
    """The projector's entries come first, and the optimizer refers to the training script's function."""
    backbone, head = resnet_and_projector(seed, bias=True)
    model = {**prefixed("module.projector.", head), **prefixed("module.backbone.", backbone)}
    exclude = as_of_main(exclude_bias_and_norm)
    group = {
        "lr": 0.2, "params": [0], "weight_decay_filter": exclude, "lars_adaptation_filter": exclude,
    }  # fmt: skip
    contents = {"epoch": 1000, "model": model, "optimizer": {"state": {}, "param_groups": [group]}}
    save_with_main(contents, path, exclude_bias_and_norm=exclude)
    return backbone, head


def save_with_main(contents, path, **names):
    """Save with `names` living in ``__main__``, as in the script that made the file."""
    import __main__

    for name, value in names.items():
        setattr(__main__, name, value)
    try:
        torch.save(contents, path)
    finally:
        for name in names:
            delattr(__main__, name)


def barlow_twins_backbone(path, seed=10):
    backbone, _ = resnet_and_projector(seed, bias=False)
    torch.save(backbone.state_dict(), path)
    return backbone, None


def barlow_twins_full(path, seed=20):
    backbone, head = resnet_and_projector(seed, bias=False)
    loss = fill(nn.BatchNorm1d(PROJECTOR_DIM, affine=False), seed)
    model = {
        **prefixed("module.backbone.", backbone),
        **prefixed("module.projector.", head),
        **prefixed("module.bn.", loss),
    }
    group = {"lr": 0.2, "params": [0], "weight_decay_filter": True, "lars_adaptation_filter": True}
    torch.save(
        {"epoch": 1000, "model": model, "optimizer": {"state": {}, "param_groups": [group]}}, path
    )
    return backbone, head


def barlow_twins_vissl(path, seed=30):
    backbone, head = resnet_and_projector(seed, bias=False)
    heads = {
        f"{int(place) // 3}.clf.{int(place) % 3}.{parameter}": value
        for name, value in head.state_dict().items()
        for place, parameter in [name.split(".")]
    }
    model = {"trunk": prefixed("_feature_blocks.", backbone), "heads": heads}
    torch.save({"classy_state_dict": {"base_model": {"model": model}}, "iteration": 1}, path)
    return backbone, head


def dino_head(n_in, *, released_resnet, seed):
    """The released ResNet-50 head differs from the ViT heads: two maps, batch norm, plain prototypes."""
    head = nn.Module()
    if released_resnet:
        head.mlp = projector(
            n_in, 16, bias=True, last_bias=True, activation=nn.GELU, n_maps=2, hidden=32
        )
        head.last_layer = nn.Linear(16, 50, bias=False)
    else:
        head.mlp = projector(
            n_in, 16, bias=True, last_bias=True, activation=nn.GELU, norm=False, hidden=32
        )
        last = nn.Linear(16, 50, bias=False)
        head.last_layer = nn.Module()
        head.last_layer.weight_g = nn.Parameter(torch.ones(50, 1))
        head.last_layer.weight_v = last.weight
    return fill(head, seed)


def dino_full(path, *, vit, teacher_module=None, seed=40):
    """Student and teacher; a ViT's teacher has no ``module.``, a ResNet's has it or not."""
    nets = {}
    for offset, name in enumerate(("student", "teacher")):
        backbone = fill(tiny_vit() if vit else TinyResNet(), seed + offset)
        dim = 64 if vit else backbone.dim
        nets[name] = (backbone, dino_head(dim, released_resnet=not vit, seed=seed + 2 + offset))
    has_module = {"student": True, "teacher": not vit if teacher_module is None else teacher_module}
    contents = {
        name: {
            **prefixed("module." * has_module[name] + "backbone.", backbone),
            **prefixed("module." * has_module[name] + "head.", head),
        }
        for name, (backbone, head) in nets.items()
    }
    contents |= {
        "optimizer": {"state": {}, "param_groups": []},
        "epoch": 800,
        "args": argparse.Namespace(arch="vit_small" if vit else "resnet50", lr=0.0005),
        "dino_loss": {"center": torch.zeros(1, 50)},
    }
    torch.save(contents, path)
    return {name: (backbone, head.mlp) for name, (backbone, head) in nets.items()}


def dino_vit_backbone(path, seed=50):
    backbone = fill(tiny_vit(), seed)
    torch.save(backbone.state_dict(), path)
    return backbone, None


def torchvision_classifier(path, seed=60):
    backbone = fill(TinyResNet(n_classes=10), seed)  # its forward pass ends before the classifier
    torch.save(backbone.state_dict(), path)
    return backbone, None


def timm_classifier(path, seed=70):
    network = fill(tiny_vit(n_classes=10), seed)
    torch.save(network.state_dict(), path)

    def features(images):
        return network.forward_head(network.forward_features(images), pre_logits=True)

    return features, None


def encoder_folder(path, seed=75):
    """A folder as stage ``encoder`` writes it."""
    backbone = fill(TinyResNet(), seed)
    described = infer_architecture.resnet(backbone.state_dict(), path, contents=None)
    parts = {"backbone": (described, backbone.state_dict())}
    found = assemble("ResNet backbone file", path, contents=None, **parts)
    side = {"size_px": 32, "shorter_px": 36, "resize": "center", "resample": "bilinear"}
    facts = {
        "model": "theirs", "source": "vicreg", "recipe": {}, "trained_on": "elsewhere",
        "layers": found.layers,
        "architecture": json.dumps(found.architecture),
        "preprocessing": {**side, "mean": [0.4] * 3, "std": [0.2] * 3},
    }  # fmt: skip
    folder.write(path, found.network, facts, libraries=["torch"])
    return backbone, None
