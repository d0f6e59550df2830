"""Guesses that were made elsewhere: from which file, by a network trained on what."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from dejavu.files import json_files
from dejavu.params.predictions import PredictionsParams

RECORD = (
    Path("inputs") / "image" / "predictions.json"
)  # below data: what stage `inputs` noted of the files


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """An entry of ``image.predictions`` as the report names it."""

    name: str
    file: str | None  # relative to machine.data_root; None: names of files are not told
    sha256: str | None  # of the file; None: not noted
    trained_on: str | None  # None: a reference, of which nothing more is known
    second_model: str | None
    votes: int | None

    def facts(self) -> dict[str, object]:
        """Return what is known, by the name of each fact."""
        return dataclasses.asdict(self)


def read(
    data: Path, entries: Mapping[str, PredictionsParams], *, has_names: bool = True
) -> list[Guesses]:
    """Return the tables of guesses that a run was given, in the order of params.yaml.

    Args:
        data: folder of the run's data.
        entries: section ``image.predictions``.
        has_names: False: no file is named.
    """
    noted = json_files.mapping(data / RECORD)["outside"] if (data / RECORD).is_file() else []
    digests = {each["path"]: each.get("sha256") for each in noted}
    return [
        Guesses(
            name=name,
            file=entry.path if has_names else None,
            sha256=digests.get(entry.path),
            trained_on=_seen(entry),
            second_model=entry.second_model,
            votes=entry.votes,
        )
        for name, entry in entries.items()
    ]


def _seen(entry: PredictionsParams) -> str | None:
    if isinstance(entry.trained_on, tuple):
        return ", ".join(entry.trained_on) or "nothing"
    return entry.trained_on
