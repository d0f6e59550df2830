"""`dejavu init`: a project of one's own, that `dvc repro` runs with the installed package."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.errors import DataError, ParamsError, suggestion
from dejavu.run.pipeline import FILES, FOLDERS, pipeline_folder
from dejavu.run.progress import say

EXAMPLES = terminal.examples(
    ("dejavu init audit", "a new folder with the pipeline and its default parameters"),
    (
        "dejavu init audit --preset my-model",
        "the same, to audit a checkpoint on a folder of images",
    ),
)
DVC_FILES = ("config", "plots", "plots_page.html")  # go into the .dvc folder that `dvc init` makes
GITIGNORE = (
    ".work/",
    "logs/",
    "reports/cost.*",
    "reports/check.html",
    "dvc_plots/",
    "__pycache__/",
)


def command(
    folder: Annotated[
        Path, typer.Argument(help="The folder to make; it may exist if it is empty.")
    ],
    preset: Annotated[
        str | None, typer.Option(help="Start from presets/NAME.yaml instead of the defaults.")
    ] = None,
) -> None:
    """Make a DVC project of your own: dvc.yaml, params.yaml, stages and presets.

    Nothing is downloaded and nothing runs. Inside a Git repository the project becomes part of it;
    elsewhere DVC is set up without Git.
    """
    source = pipeline_folder()
    parameters = _parameters(source, preset)
    _refuse_what_is_there(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, folder / name)
    for name in FOLDERS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / name, folder / name, ignore=ignore)
    shutil.copyfile(parameters, folder / "params.yaml")
    (folder / ".gitignore").write_text("\n".join(GITIGNORE) + "\n", encoding="utf-8")
    _init_dvc(folder, source)
    say(f"{folder} holds a project. Next:")
    say(f"  cd {folder}")
    say("  dejavu check      opens everything that params.yaml names")
    say("  dvc repro         runs it; dejavu report --open shows the answer")


def _parameters(source: Path, preset: str | None) -> Path:
    if preset is None:
        return source / "params.yaml"
    known = sorted(file.stem for file in (source / "presets").glob("*.yaml"))
    if preset not in known:
        raise ParamsError(f"--preset {preset!r}: no such preset.{suggestion(preset, known)}")
    return source / "presets" / f"{preset}.yaml"


def _refuse_what_is_there(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file, expected a folder to make or an empty one.")
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if there not in ([], [".git"]):
        raise DataError(
            f"{folder}: holds {len(there)} files or folders ({', '.join(there[:3])}, …), expected an "
            "empty folder. Nothing was written; name another one."
        )


def _init_dvc(folder: Path, source: Path) -> None:
    inside = subprocess.run(  # noqa: S603  # fixed words, no shell
        ["git", "-C", str(folder), "rev-parse", "--show-prefix"],  # noqa: S607  # git is on PATH or absent
        capture_output=True, text=True, check=False,
    ) if shutil.which("git") else None  # fmt: skip
    if inside is None or inside.returncode:
        how = ["--no-scm"]
    else:
        how = ["--subdir"] if inside.stdout.strip() else []
    done = subprocess.run(  # noqa: S603  # fixed words, no shell
        [sys.executable, "-m", "dvc", "init", "--quiet", *how],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise DataError(f"{folder}: `dvc init` failed: {done.stderr.strip()[-500:]}")
    for name in DVC_FILES:
        path, place = source / ".dvc" / name, folder / ".dvc" / name
        if path.is_dir():
            shutil.copytree(path, place, dirs_exist_ok=True)
        elif name == "config":  # `dvc init` wrote there, at most, that there is no Git
            is_alone = "no_scm" in place.read_text(encoding="utf-8")
            text = path.read_text(encoding="utf-8")
            added = "[core]\n    no_scm = True\n" if is_alone else "[core]\n"
            place.write_text(text.replace("[core]\n", added, 1), encoding="utf-8")
        else:
            shutil.copyfile(path, place)
