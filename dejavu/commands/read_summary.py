"""Read the report back for the terminal."""

from pathlib import Path

from dejavu.errors import ArtifactError
from dejavu.files import merge_conflicts


def opening(path: Path, *, full: bool = False) -> str:
    """Return the answer of a summary: its text up to the first table, or all of it.

    Raises:
        ArtifactError: there is no summary yet, or both sides of a merge in it.
    """
    if not path.is_file():
        raise ArtifactError(f"{path}: no report here yet. Run `dvc repro` to make it.")
    text = path.read_text(encoding="utf-8", errors="replace")
    if problem := merge_conflicts.problem_of(path, text):
        raise ArtifactError(problem)
    if full:
        return text.rstrip()
    sections = text.split("\n## ")
    return "\n## ".join(sections[:2]).rstrip()
