"""Entries of ``image.models`` for networks that were trained elsewhere."""

from typing import Literal

from dejavu.params.base import Model, Needs, Seen
from dejavu.params.external_files import File
from dejavu.params.names import Layers, Name


class ReleasedModel(Model):
    """What every network that was trained elsewhere states."""

    recipe: Literal["released"]
    # what its makers trained on: the target role, a list of roles, or none of these images
    trained_on: Literal["target", "elsewhere"] | Seen
    second_model: None  # a model trained elsewhere has no second model of its recipe
    layers: Layers  # `projector` and/or `backbone`; the first is the headline


class TimmModel(ReleasedModel):
    """A released network of the timm library."""

    needs = Needs(hint="`packaged` (EfficientNet-Lite0), or a file with timm's keys")
    source: Literal["timm"]
    name: (
        str  # architecture, e.g. tf_efficientnet_lite0; its pretrained config fixes the input size
    )
    weights: File  # `packaged` (from a Python package) or a .safetensors or .pth with timm's keys


class TorchvisionModel(ReleasedModel):
    """A released network of torchvision."""

    needs = Needs(hint="a file with torchvision's keys")
    source: Literal["torchvision"]
    name: str  # architecture, e.g. resnet50
    weights: File  # a .safetensors or .pth with torchvision's keys


class VicregModel(ReleasedModel):
    """A released VICReg checkpoint."""

    needs = Needs(fetch=("vicreg_resnet50_full", "vicreg_resnet50"))
    source: Literal["vicreg"]
    weights: File  # file below machine.data_root; only the full checkpoint has the projector


class BarlowTwinsModel(ReleasedModel):
    """A released Barlow Twins checkpoint, also of VISSL."""

    needs = Needs(fetch=("barlow_twins_full", "barlow_twins_resnet50"))
    source: Literal["barlow_twins"]
    weights: File  # file below machine.data_root; only a full checkpoint has the projector


class DinoModel(ReleasedModel):
    """A released DINO checkpoint, ResNet or ViT."""

    needs = Needs(fetch=("dino_resnet50_full", "dino_vits16_full", "dino_resnet50", "dino_vits16"))
    source: Literal["dino"]
    weights: File  # file below machine.data_root; only the full checkpoint has the projector
    network: Literal["teacher", "student"]  # DINO's own evaluation takes the teacher


class EmbeddingsModel(Model):
    """Vectors that were computed elsewhere; neither network nor images are needed here."""

    needs = Needs(hint="vectors made elsewhere: docs/recipes.md says which")
    source: Literal["embeddings"]
    recipe: Literal["released"]
    trained_on: Literal["target", "reference", "elsewhere"] | Seen  # what its makers trained on
    second_model: Name | None  # another `embeddings` entry, trained on the reference role
    layers: Layers  # folders below `path`, any names; the first is the headline
    path: (
        File  # folder with <layer>/public_image.parquet and <layer>/crop.parquet, or .npy and .txt
    )


class FileModel(ReleasedModel):
    """An encoder folder that stage ``encoder`` wrote elsewhere: weights and provenance."""

    needs = Needs(hint="a folder that stage `encoder` wrote on another machine")
    source: Literal["file"]
    weights: File  # folder below machine.data_root


AnyReleased = (
    TimmModel
    | TorchvisionModel
    | VicregModel
    | BarlowTwinsModel
    | DinoModel
    | FileModel
    | EmbeddingsModel
)
