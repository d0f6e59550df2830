"""The command `dejavu`: every command's options, help and place in the help; commands/ does the work."""

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from dejavu import __version__
from dejavu.commands import (
    annex,
    boundary,
    card,
    check,
    compare,
    cost,
    demo,
    detect_boxes,
    fetch,
    gate,
    import_labels,
    init,
    report,
    resume,
    show,
    sources,
    sql,
    summary,
    verify,
)
from dejavu.run import cores, progress

BEFORE, AFTER = "Before a run", "After a run"
EPILOG = (
    "[yellow]Exit codes[/yellow]  0 fine · 1 something to fix; the message says what · 2 the command was not "
    "understood · 3 a check says no: `gate` lets no model pass, or `verify` finds other results than were "
    "recorded · 70 a bug of dejavu · 130 stopped by Ctrl-C"
    "\n\n[yellow]Start[/yellow]  dejavu check, dvc repro, dejavu summary, dejavu report --open"
)

app = typer.Typer(
    help="Measure how strongly an encoder memorized its training data. `dvc repro` runs the pipeline; "
    "these commands prepare a run and read what it made.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _register(name: str, run: Callable[..., None], *, panel: str, examples: str) -> None:
    app.command(name, rich_help_panel=panel, epilog=examples)(run)


_register("demo", demo.command, panel=BEFORE, examples=demo.EXAMPLES)
_register("init", init.command, panel=BEFORE, examples=init.EXAMPLES)
_register("check", check.command, panel=BEFORE, examples=check.EXAMPLES)
_register("models", sources.models, panel=BEFORE, examples=sources.MODELS_EXAMPLES)
_register("corpora", sources.corpora, panel=BEFORE, examples=sources.CORPORA_EXAMPLES)
_register("annotators", sources.annotators, panel=BEFORE, examples=sources.ANNOTATORS_EXAMPLES)
_register("fetch", fetch.command, panel=BEFORE, examples=fetch.EXAMPLES)
_register("detect-boxes", detect_boxes.command, panel=BEFORE, examples=detect_boxes.EXAMPLES)
_register("import-labels", import_labels.command, panel=BEFORE, examples=import_labels.EXAMPLES)
_register("resume", resume.command, panel=BEFORE, examples=resume.EXAMPLES)
_register("summary", summary.command, panel=AFTER, examples=summary.EXAMPLES)
_register("report", report.command, panel=AFTER, examples=report.EXAMPLES)
_register("show", show.command, panel=AFTER, examples=show.EXAMPLES)
_register("sql", sql.command, panel=AFTER, examples=sql.EXAMPLES)
_register("gate", gate.command, panel=AFTER, examples=gate.EXAMPLES)
_register("compare", compare.command, panel=AFTER, examples=compare.EXAMPLES)
_register("card", card.command, panel=AFTER, examples=card.EXAMPLES)
_register("annex", annex.command, panel=AFTER, examples=annex.EXAMPLES)
_register("verify", verify.command, panel=AFTER, examples=verify.EXAMPLES)
_register("cost", cost.command, panel=AFTER, examples=cost.EXAMPLES)


def _print_version(wanted: bool | None) -> None:
    if wanted:
        typer.echo(f"dejavu {__version__}")
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print results and errors only.")
    ] = False,
    version: Annotated[  # noqa: ARG001  # its callback prints and ends the command
        bool | None,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = None,
) -> None:
    """Apply the options that stand before a command's name."""
    if quiet:
        os.environ[progress.QUIET] = "1"


def main() -> None:
    """Run the command line; what the user can fix is one message, and a bug of ours says so."""
    cores.wait_briefly()
    sys.exit(boundary.run(app))


if __name__ == "__main__":
    main()
