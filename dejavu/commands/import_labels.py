"""`dejavu import-labels`: annotations pickled elsewhere become a table."""

from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal

EXAMPLES = terminal.examples(
    (
        "dejavu import-labels detic.pkl --sample-names names.txt --class-names lvis.txt "
        "--out objects.parquet",
        "then set caption.objects to {source: table, path: objects.parquet, …}",
    ),
)


def command(
    pickle: Annotated[Path, typer.Argument(help="A [labels, scores] pickle of an annotator.")],
    sample_names: Annotated[Path, typer.Option(help="Text file, one sample name per line.")],
    class_names: Annotated[Path, typer.Option(help="Text file, one object name per line.")],
    out: Annotated[Path, typer.Option(help="The Parquet table to write.")],
) -> None:
    """Turn annotations pickled elsewhere into a table that `caption.objects` reads.

    The pickle is read without running anything it holds; anything but lists of numbers is refused.
    """
    from dejavu.annotators import label_pickles
    from dejavu.run import project_lock

    with project_lock.held():
        n = label_pickles.convert(
            pickle, sample_names=sample_names, class_names=class_names, out=out
        )
    typer.echo(f"{n} detections in {out}: set caption.objects to {{source: table, path: {out}, …}}")
