"""`dejavu detect-boxes`: foreground boxes, and labels, for images that come without."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import PARAMS, ParamsFile

EXAMPLES = terminal.examples(
    (
        "dejavu detect-boxes --annotator grounded_sam",
        "look for each image's class; then set image.corpus.boxes to boxes.parquet",
    ),
    (
        "dejavu detect-boxes --annotator grounded_sam --wanted vocabulary",
        "photos without classes: boxes with labels; then set image.corpus.labels to boxes as well",
    ),
    (
        "dejavu detect-boxes --annotator tagger --out labeled.parquet",
        "name what is in the boxes that image.corpus.boxes lists",
    ),
)


def command(
    annotator: Annotated[
        str,
        typer.Option(
            help="Name of an entry of image.annotators, of source grounded_sam or tagger."
        ),
    ],
    wanted: Annotated[
        Literal["label", "vocabulary"],
        typer.Option(help="Look for each image's class, or for the entry's vocabulary."),
    ] = "label",
    out: Annotated[
        str, typer.Option(help="File to write, below the corpus' root.")
    ] = "boxes.parquet",
    params_path: ParamsFile = PARAMS,
) -> None:
    """Find the foreground of every image of an image_folder with GroundingDINO, or name it with a tagger.

    A killed command resumes where it was. Images in which nothing is found stay without a box: they can
    only be public ones, and with `labels: boxes` they are left out and counted (no_label).
    """
    from dejavu import params
    from dejavu.annotators import foreground
    from dejavu.params.corpora import CorpusParams
    from dejavu.params.machine import MachineParams
    from dejavu.params.references import AnnotatorParams
    from dejavu.run import project_lock

    with project_lock.held():
        path: Path = foreground.detect(
            params.section(params_path, f"image.annotators.{annotator}", AnnotatorParams).root,
            params.section(params_path, "image.corpus", CorpusParams).root,
            wanted=wanted,
            out=out,
            machine=params.section(params_path, "machine", MachineParams),
        )
    typer.echo(f"{path}: set image.corpus.boxes to {out!r}")
