"""The source of networks that this pipeline trains: how they are trained, and built again."""

from dejavu.models.encoders import trained_network
from dejavu.models.encoders.source import Source
from dejavu.models.training.make import make

SOURCE = Source(make=make, network=trained_network.of_record, libraries=trained_network.LIBRARIES)
