"""Where the pipeline of this version lies: beside the package in a clone, inside it in a wheel."""

from pathlib import Path

from dejavu.errors import DataError

FILES = ("dvc.yaml", "params.yaml", ".dvcignore", "data/.gitignore")
FOLDERS = ("stages", "presets")


def pipeline_folder() -> Path:
    """Return where dvc.yaml, params.yaml, stages and presets of this version lie.

    Raises:
        DataError: the package was installed without them.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "project", package.parent):  # an installed wheel; a clone
        if all((folder / name).exists() for name in (*FILES, *FOLDERS)):
            return folder
    raise DataError(
        f"{package}: the pipeline (dvc.yaml, params.yaml, stages, presets) is not beside the package. "
        "Install dejavu-audit from its wheel, or run this in a clone."
    )
