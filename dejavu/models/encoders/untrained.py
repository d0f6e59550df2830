"""A network of a recipe before its training: the negative control, which saw no image (ours).

What a test reports of it is a false alarm, since there is nothing that it could have memorized.
"""

from pathlib import Path

from dejavu.errors import ParamsError
from dejavu.models.encoders import networks, preprocessing, source, trained_network
from dejavu.models.encoders.request import Request
from dejavu.models.encoders.source import Source
from dejavu.params.encoders import ReleasedRecipe
from dejavu.run import seeds


def make(request: Request, out: Path) -> None:
    """Draw the weights of a network and write its folder (see `dejavu.encoders.make`).

    Raises:
        ParamsError: the recipe is for released models, or a layer is not one of the network's.
    """
    recipe = request.recipe
    if isinstance(recipe, ReleasedRecipe):
        raise ParamsError(
            f"image.models.{request.model}: source untrained needs a recipe with a method, whose network it "
            f"draws; recipes.{request.settings.recipe} is empty."
        )
    seed = seeds.number(request.seed, f"untrained.{request.model}.init")
    network = networks.seeded(seed, lambda: trained_network.network(recipe)).eval()
    record = request.described(
        seed=request.seed,
        preprocessing=preprocessing.of_trained(recipe.view_px),
        layers=network.layers,
    )
    source.write(request, out, network=network, record=record, libraries=SOURCE.libraries)


SOURCE = Source(
    make=make, network=trained_network.of_record, libraries=("torch", "lightly", "timm")
)
