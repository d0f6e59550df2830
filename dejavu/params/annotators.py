"""Networks that name what they see: for ``image.annotators`` and ``caption.objects`` alike.

Paths are relative to machine.data_root. Names come from a text file with one name per line, or from a
library: ``imagenet_1k`` (timm) and ``coco`` (torchvision).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dejavu.params.base import Needs, Positive, Section, Share
from dejavu.params.external_files import File, Outside

OpenShare = Annotated[float, Field(ge=0, lt=1)]


class TaggerParams(Section):
    """Any classifier of timm with the names of its classes.

    A tagger that was trained on the attacked images may remember them: what it says is then no evidence
    of what anyone could see in a crop. EfficientNet-Lite0 was trained on ImageNet-1k.
    """

    needs = Needs(hint="`packaged` (EfficientNet-Lite0, 1000 classes), or a file")
    source: Literal["tagger"]
    name: str  # timm's name of the network, e.g. tf_efficientnet_lite0
    weights: File  # `packaged` (from a Python package) or a .safetensors or .pth with timm's keys
    labels: File  # names of its classes, in order: a file, imagenet_1k or coco
    scores: Literal["softmax", "sigmoid"]  # sigmoid: classes do not exclude each other
    resize: Literal["squash", "center"]  # squash shows all of an image; center is timm's own way
    min_score: Share  # classes below it are no tags
    max_tags: Positive  # names kept per image, best first


class GroundedSamParams(Section):
    """GroundingDINO's boxes for names given as a prompt, and SAM's masks in them."""

    needs = Needs(
        fetch=("grounding_dino_swint", "bert_base_uncased", "sam_vit_b", "sam_vit_h"),
        hint="backend transformers reads Hugging Face folders; backend original needs the package "
        "extra grounded-sam",
    )
    source: Literal["grounded_sam"]
    backend: Literal["transformers", "original"]  # original: extra grounded-sam, transformers < 5
    weights: File  # GroundingDINO; transformers: a folder or hub name; original: a .pth
    mask_weights: File | None  # SAM, in the same way; null: boxes without masks
    text_encoder: File | None  # original: folder of bert-base-uncased; transformers: null
    vocabulary: File  # names looked for: a file, imagenet_1k or coco
    box_threshold: OpenShare  # the best word of a box scores more; paper code: 0.25
    text_threshold: OpenShare  # the mean over the words of a box's name is more; paper code: 0.2
    max_tags: Positive  # names kept per image, best first

    @model_validator(mode="after")
    def _text_encoder_of_original(self) -> "GroundedSamParams":
        if (self.backend == "original") != (self.text_encoder is not None):
            raise ValueError(
                "text_encoder is the folder of bert-base-uncased for backend original, else null"
            )
        return self


class DeticParams(Section):
    """Detic through detectron2, where both are installed from their repositories."""

    needs = Needs(
        packages=("detectron2",),
        install="install detectron2 and clone Detic from their repositories",
        hint="or make annotations elsewhere: source table, `dejavu import-labels`",
    )
    source: Literal["detic"]
    folder: str  # a checkout of Detic with third_party/CenterNet2
    # below `folder`, e.g. configs/Detic_LCOCOI21k_CLIP_SwinB_896b32_4x_ft4x_max-size.yaml
    config: Annotated[str, Outside(below="folder")]
    weights: File  # the .pth of that config
    vocabulary: File  # names of the classes: a file, imagenet_1k or coco
    classifier: File  # .npy, names x 512, float: CLIP ViT-B/32's vectors of "a <name>"
    min_score: Share  # detections below it are dropped; paper: 0.3
    max_tags: Positive  # names kept per image, best first


LookerParams = TaggerParams | GroundedSamParams | DeticParams
