"""How many of the exact neighbors a search found, as the stage measured it: one file per model."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from dejavu.errors import ArtifactError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """The recall of one search, in [0, 1]."""

    model: str
    names: Mapping[str, str]  # layer and metric, or mode
    k: int  # neighbors per query
    index: str  # FAISS factory string
    n_queries: int  # attacked samples it was measured on; 0: the index is exact
    recall: float  # share of the exact neighbors that were found

    @property
    def is_measured(self) -> bool:
        """Return whether the index may miss neighbors, so that the recall is a measurement."""
        return self.n_queries > 0


def write(path: Path, recalls: Sequence[Recall]) -> None:
    """Write the recall of every search of a model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([dataclasses.asdict(each) for each in recalls], indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> list[Recall]:
    """Return the recall of every search of every model, models by name.

    Args:
        folder: ``data/<lane>/recall``.

    Raises:
        ArtifactError: there is no file, or one that no stage wrote.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ArtifactError(
            f"{folder}: no recall of any search here. Run `dvc repro` to measure it."
        )
    return [each for file in files for each in _read(file)]


def _read(file: Path) -> list[Recall]:
    try:
        return [Recall(**each) for each in json.loads(file.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise ArtifactError(
            f"{file}: not a list of recalls ({error}). Run `dvc repro` to measure it again."
        ) from None
