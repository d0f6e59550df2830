"""Section ``measures``: what else is measured of every attacked sample, by lane."""

import importlib.resources
from typing import Annotated

from pydantic import AfterValidator, Field

from dejavu.errors import suggestion


def known() -> list[str]:
    """Return the names of all measures: the modules of `dejavu.measures`."""
    folder = importlib.resources.files("dejavu") / "measures"
    names = (
        file.name.removesuffix(".py") for file in folder.iterdir() if file.name.endswith(".py")
    )
    return sorted(name for name in names if not name.startswith("_"))


def check_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse names without a module, and repeated ones."""
    for name in names:
        if name not in known():
            raise ValueError(f"names no measure {name!r}.{suggestion(name, known())}")
    if len(set(names)) != len(names):
        raise ValueError("names a measure twice, expected each once")
    return names


MeasureNames = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(check_measures)]
Temperature = Annotated[float, Field(gt=0)]  # of votes that nearness weighs, in units of the cosine
