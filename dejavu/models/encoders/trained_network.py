"""Networks that this pipeline trains: a backbone and the projector of their method."""

from collections.abc import Callable

from jaxtyping import Float
from pydantic import TypeAdapter
from torch import Tensor, nn

from dejavu.models.encoders import networks, projectors
from dejavu.models.provenance import Provenance
from dejavu.params.encoders import TrainingRecipe

LIBRARIES = ("torch", "torchvision", "lightly", "timm")


class EncoderNetwork(nn.Module):
    """A backbone and a projector; the vectors of both are its layers."""

    def __init__(self, backbone: networks.Backbone, projector: nn.Module, dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = projector
        self.layers = {"projector": dim, "backbone": backbone.dim}

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> dict[str, Float[Tensor, "n _"]]:
        """Return the vectors of each layer for normalized images."""
        features = self.backbone(images)
        return {"projector": self.projector(features.float()), "backbone": features}


def network(recipe: TrainingRecipe) -> EncoderNetwork:
    """Build the network of a recipe, untrained.

    The projector of DINO ends at the bottleneck, before normalization and prototypes: the same layer
    that the authors of the one-model test take as its projector.
    """
    backbone = networks.build(recipe.architecture, width=recipe.width)
    projector = _PROJECTORS[recipe.method](backbone.dim, recipe.projector_dim)
    return EncoderNetwork(backbone, projector, recipe.projector_dim)


def of_record(record: Provenance) -> EncoderNetwork:
    """Return the network of a record, without weights."""
    recipe = {name: value for name, value in record.recipe.items() if name != "name"}
    return network(TypeAdapter(TrainingRecipe).validate_python(recipe))


_PROJECTORS: dict[str, Callable[[int, int], nn.Module]] = {
    "vicreg": projectors.expanding,
    "barlow_twins": projectors.expanding,
    "simclr": projectors.simclr,
    "dino": projectors.dino,
}
