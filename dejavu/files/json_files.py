"""JSON files that a run made, read back: whole, or one line that says what is wrong."""

import json
from pathlib import Path
from typing import Any

from dejavu.errors import ArtifactError
from dejavu.files import merge_conflicts


def mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a JSON file of a run holds.

    Raises:
        ArtifactError: it holds something else, is damaged, or holds both sides of a merge.
        OSError: it cannot be read.
    """
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(
            merge_conflicts.problem_of(path, text)
            or f"{path}: damaged ({error}). Run `dvc repro` to make it again."
        ) from None
    if not isinstance(content, dict):
        raise ArtifactError(f"{path}: no mapping of names. Run `dvc repro` to make it again.")
    return content
