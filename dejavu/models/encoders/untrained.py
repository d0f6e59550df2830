"""A network of a recipe before its training: the negative control, which saw no image (ours).

What a test reports of it is a false alarm, since there is nothing that it could have memorized.
"""

from pathlib import Path

from dejavu.errors import ParamsError
from dejavu.models.encoders import networks, preprocessing, source, trained_network
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.source import TrainingInputs
from dejavu.params.encoders import ReleasedRecipe
from dejavu.run import seeds


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Draw the weights of a network and write its folder (see `dejavu.encoders.make`).

    Raises:
        ParamsError: the recipe is for released models, or a layer is not one of the network's.
    """
    recipe = settings.recipe
    if isinstance(recipe, ReleasedRecipe):
        raise ParamsError(
            f"image.models.{settings.model}: source untrained needs a recipe with a method, whose network it "
            f"draws; recipes.{settings.entry.recipe} is empty."
        )
    seed = seeds.number(settings.seed, f"untrained.{settings.model}.init")
    network = networks.seeded(seed, lambda: trained_network.network(recipe)).eval()
    record = settings.described(
        seed=settings.seed,
        preprocessing=preprocessing.of_recipe(recipe),
        layers=network.layers,
    )
    source.write(settings, out, network=network, record=record, libraries=SOURCE.libraries)


SOURCE = Source(
    make=make, network=trained_network.of_record, libraries=("torch", "lightly", "timm")
)
