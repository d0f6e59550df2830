"""Sections ``image.models`` and ``recipes``: networks and training."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from dejavu.params.base import Model, Positive, Section
from dejavu.params.names import Layers, Name
from dejavu.params.released import AnyReleased

RELEASED = "released"  # the recipe of models that were trained elsewhere

ShareAboveZero = Annotated[float, Field(gt=0, le=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class TrainedModel(Model):
    """A network that this pipeline trains."""

    no_modules = "the layers of a network of a recipe are projector and backbone"
    source: Literal["trained"]
    recipe: Name  # name in `recipes`
    trained_on: Literal["target", "reference"]  # role of the training images
    second_model: Name | None  # model of the same recipe on the reference role; null: no such test
    layers: Layers  # `projector` and/or `backbone`; the first is the headline


class UntrainedModel(Model):
    """The network of a recipe before its training: a negative control."""

    no_modules = TrainedModel.no_modules
    source: Literal["untrained"]
    recipe: Name  # name in `recipes`, for its architecture and sizes
    second_model: None
    layers: Layers  # `projector` and/or `backbone`; the first is the headline


ModelParams = Annotated[TrainedModel | UntrainedModel | AnyReleased, Field(discriminator="source")]


def check_models(models: dict[str, Any]) -> dict[str, Any]:
    """Refuse a second model that is unknown, of another recipe, or not of the reference role."""
    for name, model in models.items():
        if len(set(map(str.lower, model.layers))) != len(model.layers) or not model.layers:
            raise ValueError(f"{name}.layers must name each layer once, in any case, at least one")
    for name, model in models.items():
        if model.second_model is None:
            continue
        second = models.get(model.second_model)
        if second is None:
            raise ValueError(f"{name}.second_model {model.second_model!r} is not among the models")
        if second.recipe != model.recipe:
            raise ValueError(
                f"{name}.second_model {model.second_model!r} has recipe {second.recipe!r}, expected "
                f"{model.recipe!r}: the two-model test compares networks of one recipe"
            )
        if (model.source == "embeddings") != (second.source == "embeddings"):
            raise ValueError(
                f"{name} and its second_model {model.second_model!r} have sources {model.source!r} and "
                f"{second.source!r}: vectors made elsewhere have a second model made elsewhere"
            )
        roles = tuple(getattr(each, "trained_on", "nothing") for each in (model, second))
        if roles != ("target", "reference"):
            raise ValueError(
                f"{name} is trained on {roles[0]!r} and its second_model {model.second_model!r} on "
                f"{roles[1]!r}, expected target and reference"
            )
        if missing := set(model.layers) - set(second.layers):
            raise ValueError(
                f"{name}.second_model {model.second_model!r} lacks layers {sorted(missing)}"
            )
    return models


Models = Annotated[dict[Name, ModelParams], AfterValidator(check_models)]


class _Recipe(Section):
    """What every self-supervised recipe states."""

    architecture: str  # backbone, a name in dejavu.models.encoders.networks
    width: Positive  # channels of its first convolution
    projector_dim: Positive  # length of the projector's output; also of its hidden layers
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]  # images; an epoch drops its last incomplete batch
    accumulate: Positive = 1  # parts of a batch, one after the other; a loss sees one part
    optimizer: Literal["adamw", "lars"]
    learning_rate: PositiveFloat  # the peak of the one-cycle schedule
    weight_decay: NonNegative
    warmup_share: Annotated[float, Field(ge=0, lt=1)]  # share of the steps before the peak
    # small: fast views of squares of image_px; published: the authors' views, of images as they are
    views: Literal["small", "published"] = "small"
    image_px: Positive  # images are resized to this square before small views are drawn
    view_px: Positive  # side of a view, and of what the network sees when it embeds
    min_crop_scale: ShareAboveZero  # smallest share of the image's area in a view
    # brightness, contrast, saturation: 1 ± this. Published views: saturation of half of it (SimCLR: all
    # of it), hue of a quarter; the authors' 0.4, SimCLR's 0.8
    color_jitter: Annotated[float, Field(ge=0, lt=1)]
    planted_repeats: Positive  # how often a planted image occurs in an epoch


class VicregRecipe(_Recipe):
    """VICReg (Bardes et al. 2022)."""

    method: Literal["vicreg"]
    invariance: NonNegative  # coefficient of the distance of two views; paper: 25
    variance: NonNegative  # of the hinge on the standard deviation; paper: 25
    covariance: NonNegative  # of the off-diagonal covariance; paper: 1


class BarlowTwinsRecipe(_Recipe):
    """Barlow Twins (Zbontar et al. 2021)."""

    method: Literal["barlow_twins"]
    redundancy: NonNegative  # coefficient of the off-diagonal cross-correlation; paper: 5e-3


class SimclrRecipe(_Recipe):
    """SimCLR (Chen et al. 2020)."""

    method: Literal["simclr"]
    temperature: PositiveFloat  # of the contrastive softmax


class DinoRecipe(_Recipe):
    """DINO (Caron et al. 2021): `projector_dim` is the bottleneck before the prototypes."""

    method: Literal["dino"]
    n_prototypes: Positive  # outputs that teacher and student compare; paper: 65,536
    teacher_momentum: ShareAboveZero  # at the start; rises to 1 along a cosine; paper: 0.996
    teacher_temperature: PositiveFloat  # paper: 0.04
    student_temperature: PositiveFloat  # paper: 0.1
    n_local_views: Annotated[int, Field(ge=0)]  # small views that only the student sees; paper: 8
    local_view_px: Positive
    global_scale: (
        ShareAboveZero  # global views show at least, local ones at most this share of area
    )


class ReleasedRecipe(Section):
    """The empty recipe of models that were trained elsewhere."""


def _kind(recipe: Any) -> str:
    if isinstance(recipe, dict):
        return str(recipe.get("method", RELEASED if not recipe else "?"))
    return str(getattr(recipe, "method", RELEASED))


TrainingRecipe = VicregRecipe | BarlowTwinsRecipe | SimclrRecipe | DinoRecipe  # told by `method`
RecipeParams = Annotated[
    Annotated[VicregRecipe, Tag("vicreg")]
    | Annotated[BarlowTwinsRecipe, Tag("barlow_twins")]
    | Annotated[SimclrRecipe, Tag("simclr")]
    | Annotated[DinoRecipe, Tag("dino")]
    | Annotated[ReleasedRecipe, Tag(RELEASED)],
    Discriminator(_kind),
]
