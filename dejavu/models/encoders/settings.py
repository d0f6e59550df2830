"""What stage ``encoder`` is asked for."""

import dataclasses
from typing import Any

from dejavu.models.provenance import Provenance
from dejavu.params.encoders import ModelParams, RecipeParams
from dejavu.params.machine import MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """One network: its entry, how it is trained if it is trained here, and on what machine."""

    model: str
    entry: ModelParams  # ``image.models.<model>``
    recipe: RecipeParams
    seed: int  # of the run
    machine: MachineParams

    def described(self, **more: Any) -> Provenance:
        """Return the record of every network, trained or released, with `more` of its fields."""
        trained_on = getattr(self.entry, "trained_on", "nothing")
        return Provenance(
            model=self.model,
            source=self.entry.source,
            recipe={"name": self.entry.recipe, **self.recipe.model_dump()},
            trained_on=trained_on if isinstance(trained_on, str) else ", ".join(trained_on),
            **more,
        )
