"""What stage ``clip`` is asked for, and the type of a source of models of the caption lane."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dejavu.models import folder, source
from dejavu.models.clip.model import CaptionModel
from dejavu.params.caption import CaptionModelParams, ClipRecipe, NoRecipe
from dejavu.params.machine import MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionSettings:
    """One model: its entry, how it is trained if it is trained here, and on what machine."""

    model: str
    entry: CaptionModelParams  # ``caption.models.<model>``
    recipe: ClipRecipe | NoRecipe
    seed: int  # of the run
    machine: MachineParams

    def write_facts(self, out: Path, facts: dict[str, Any]) -> None:
        """Write the folder of a model whose weights stay where they are."""
        record = {"model": self.model, "is_empty": False, **self.entry.model_dump(), **facts}
        folder.write_facts(out, record)


# Its network is opened from the entry and, if stage ``clip`` put the weights there, from its folder.
Open = Callable[[Any, MachineParams, Path], CaptionModel]
Source = source.Source[CaptionSettings, Open]


def released(
    opened: Callable[[Any, MachineParams], CaptionModel], *, libraries: tuple[str, ...]
) -> Source:
    """Return the source of models that were trained elsewhere and that `opened` opens."""

    def make(settings: CaptionSettings, _inputs: source.TrainingInputs, out: Path) -> None:
        facts = opened(settings.entry, settings.machine).facts
        settings.write_facts(out, {**facts, "versions": folder.versions(libraries)})

    def network(settings: Any, machine: MachineParams, _folder: Path) -> CaptionModel:
        return opened(settings, machine)

    return Source(make=make, network=network, libraries=libraries)
