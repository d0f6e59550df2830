"""`dejavu report`: where the page of the last run lies, a browser on it, and a report to give away."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import (
    DATA,
    PARAMS,
    REPORTS,
    AsJson,
    DataFolder,
    ParamsFile,
    ReportFolder,
)
from dejavu.errors import ArtifactError, ParamsError

PAGE = "index.html"
EXAMPLES = terminal.examples(
    ("dejavu report", "say where the page lies"),
    ("dejavu report --open", "open it in the browser"),
    (
        "dejavu report --without-images --without-names --out shareable",
        "a report for readers who may not see the data",
    ),
)


def command(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    without_images: Annotated[
        bool, typer.Option("--without-images", help="Make a report without any image.")
    ] = False,
    without_names: Annotated[
        bool,
        typer.Option(
            "--without-names",
            help="Make a report without names of samples and files, and captions.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="New folder of a report without images or names.")
    ] = None,
    as_json: AsJson = False,
    reports: ReportFolder = REPORTS,
    data: DataFolder = DATA,
    params_path: ParamsFile = PARAMS,
) -> None:
    """Say where the report's page lies; --open shows it in the system's browser.

    The page is one file that needs no network: copy it, mail it, print it. The variable BROWSER names
    another browser than the system's. With --without-images, --without-names or both, the report is made
    again from the run's tables into the new folder --out: without names there are no galleries and no lists
    of samples, and of each model no path.
    """
    if without_images or without_names:
        reports = _shareable(
            data, params_path, out, images=not without_images, names=not without_names
        )
    elif out is not None:
        raise ParamsError(
            "--out: a report is made anew only with --without-images or --without-names."
        )
    page = reports / PAGE
    if not page.is_file():
        raise ArtifactError(f"{page}: no page here yet. Run `dvc repro` to make it.")
    if as_json:
        terminal.show_json({"page": str(page), "n_bytes": page.stat().st_size})
    else:
        typer.echo(str(page))
    if open_it and not webbrowser.open(page.absolute().as_uri()):
        raise ArtifactError(
            f"{page}: no browser could be started here. Open the file yourself, or name a browser in "
            "the variable BROWSER."
        )


def _shareable(
    data: Path, params_path: Path, out: Path | None, *, images: bool, names: bool
) -> Path:
    """Make the report into a new folder, and return it."""
    if out is None:
        raise ParamsError("--out: name a new folder for the report, for example --out shareable.")
    terminal.require_new(out, "folder")
    from dejavu.report import from_params
    from dejavu.report.make import make
    from dejavu.report.sharing import Sharing

    make(
        settings=from_params.read(params_path), inputs=data, out=out,
        sharing=Sharing(has_images=images, has_names=names),
    )  # fmt: skip
    return out
