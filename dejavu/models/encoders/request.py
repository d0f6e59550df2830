"""What stage ``encoder`` is asked for."""

import dataclasses
from pathlib import Path
from typing import Any

from dejavu.models.provenance import Provenance
from dejavu.params.encoders import ModelParams, RecipeParams
from dejavu.params.machine import MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One network, and the tables its training images are in."""

    model: str
    settings: ModelParams
    recipe: RecipeParams
    seed: int
    samples: Path
    images: Path
    splits: Path
    machine: MachineParams

    def described(self, **more: Any) -> Provenance:
        """Return the record of every network, trained or released, with `more` of its fields."""
        trained_on = getattr(self.settings, "trained_on", "nothing")
        return Provenance(
            model=self.model,
            source=self.settings.source,
            recipe={"name": self.settings.recipe, **self.recipe.model_dump()},
            trained_on=trained_on if isinstance(trained_on, str) else ", ".join(trained_on),
            **more,
        )
