"""The galleries of the report page: the samples behind the numbers, with their images."""

from dejavu.report.gallery.make import Galleries, build

__all__ = ["Galleries", "build"]
