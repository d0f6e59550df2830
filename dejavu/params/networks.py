"""What entries of ``image.models`` state of a network that its file does not show."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dejavu.params.base import Positive, Section

Channels = Annotated[tuple[float, float, float], Field(strict=False)]  # red, green, blue


class StatedPreprocessing(Section):
    """How the network saw images when it was trained or evaluated."""

    size_px: Positive  # side of the square that it sees
    resize: Literal["squash", "center"]  # center: shorter side to shorter_px; squash: both sides
    shorter_px: Positive  # at least size_px, which is cut from the middle
    resample: Literal["bilinear", "bicubic"]
    mean: Channels  # subtracted, of pixels in [0, 1]
    std: Channels  # divided by

    @model_validator(mode="after")
    def _possible(self) -> "StatedPreprocessing":
        if self.shorter_px < self.size_px:
            raise ValueError(f"shorter_px must be at least size_px = {self.size_px}")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self


class ModuleLayer(Section):
    """A layer that is the output of a module inside the network."""

    module: str  # as `named_modules` calls it, e.g. layer3 or blocks.5
    # map: mean over height and width of (n, channels, height, width); tokens: mean over the middle axis of
    # (n, tokens, channels); first_token: the first of these; none: (n, channels) as it is
    pooling: Literal["none", "map", "tokens", "first_token"]
