"""The source of networks that this pipeline trains: how they are trained, and built again."""

from pathlib import Path

from dejavu.models.encoders import trained_network
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source
from dejavu.models.source import TrainingInputs


def make(settings: EncoderSettings, inputs: TrainingInputs, out: Path) -> None:
    """Train a network and write its folder (see `dejavu.models.encoders.make`)."""
    from dejavu.models.training import make as training  # a second, which loading a network spares

    training.make(settings, inputs, out)


SOURCE = Source(make=make, network=trained_network.of_record, libraries=trained_network.LIBRARIES)
