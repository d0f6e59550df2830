"""The command `dejavu`: ask the results of a run."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dejavu import check, fetch
from dejavu.errors import DejavuError

app = typer.Typer(
    help="Measure how much of its training data an encoder memorized. `dvc repro` runs the pipeline; "
    "these commands read what it made.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("fetch")(fetch.command)
app.command("check")(check.command)
DataFolder = Annotated[Path, typer.Option("--data", help="Folder of the tables.")]
ParamsFile = Annotated[Path, typer.Option("--params", help="Parameters that named queries use.")]
Reports = Annotated[Path, typer.Option("--reports", help="Folder of the report.")]


class Format(StrEnum):
    """How rows are shown or saved."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


@app.command()
def sql(
    statement: Annotated[
        str | None, typer.Argument(help='For example "FROM image_scores LIMIT 5".')
    ] = None,
    query: Annotated[str | None, typer.Option(help="Run a named query instead.")] = None,
    list_views: Annotated[
        bool, typer.Option("--list", help="List views, columns, queries.")
    ] = False,
    output: Annotated[
        Format, typer.Option("--format", help="How to show the rows.")
    ] = Format.table,
    out: Annotated[Path | None, typer.Option(help="Write the rows to this file.")] = None,
    data: DataFolder = Path("data"),
    params_path: ParamsFile = Path("params.yaml"),
) -> None:
    """Ask the tables of this project a question in SQL (DuckDB). Nothing can be changed by it."""
    from dejavu import console_sql

    console_sql.run(
        statement=statement, query=query, list_views=list_views, output=output.value, out=out,
        data=data, params_path=params_path,
    )  # fmt: skip


@app.command()
def summary(
    full: Annotated[bool, typer.Option("--full", help="Show the whole summary.")] = False,
    reports: Reports = Path("reports"),
) -> None:
    """Print the answer of the last run and say where the report lies."""
    from dejavu.report.reading import opening

    print(opening(reports / "summary.md", full=full))
    files = {"report": "summary.md", "numbers": "results.json", "tables": "tables"}
    print("\n" + " · ".join(f"{what}: {reports / name}" for what, name in files.items()))


@app.command()
def cost(
    logs: Annotated[Path, typer.Option(help="Folder of the stages' logs.")] = Path("logs"),
    params_path: ParamsFile = Path("params.yaml"),
    reports: Reports = Path("reports"),
) -> None:
    """Compare what the two-model test and the one-model tests cost on this machine."""
    from dejavu.report import cost as costs

    print(costs.write(logs, params_path, reports))


@app.command(name="import-labels")
def import_labels(
    pickle: Annotated[Path, typer.Argument(help="A [labels, scores] pickle of an annotator.")],
    sample_names: Annotated[Path, typer.Option(help="Text file, one sample name per line.")],
    class_names: Annotated[Path, typer.Option(help="Text file, one object name per line.")],
    out: Annotated[Path, typer.Option(help="The Parquet table to write.")],
) -> None:
    """Turn annotations pickled elsewhere into a table that `caption.objects` reads.

    The pickle is read without running anything it holds; anything but lists of numbers is refused.
    """
    from dejavu.annotators import label_pickles

    n = label_pickles.convert(pickle, sample_names=sample_names, class_names=class_names, out=out)
    print(f"{n} detections in {out}: set caption.objects to {{source: table, path: {out}, …}}")


def main() -> None:
    """Run the command line; a mistake the user can fix is one message, not a traceback."""
    try:
        app()
    except DejavuError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
