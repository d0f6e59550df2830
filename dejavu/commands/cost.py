"""`dejavu cost`: what the two-model and the one-model tests cost on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import PARAMS, REPORTS, AsJson, ParamsFile, ReportFolder

EXAMPLES = terminal.examples(
    (
        "dejavu cost",
        "seconds and memory of each test; also written to reports/cost.md and cost.csv",
    ),
    ("dejavu cost --json", "the same rows, for a script"),
)


def command(
    logs: Annotated[Path, typer.Option(help="Folder of the stages' logs.")] = Path("logs"),
    as_json: AsJson = False,
    params_path: ParamsFile = PARAMS,
    reports: ReportFolder = REPORTS,
) -> None:
    """Compare what the two-model test and the one-model tests cost on this machine.

    Seconds and memory come from the logs that every stage leaves, and count from the start of its process;
    a stage that was restored from the cache left none, and is named as not measured. Where other work
    wanted the cores, that is said: CPU seconds can be compared then, wall seconds cannot.
    """
    from dejavu.commands import stage_cost

    made = stage_cost.write(logs, params_path, reports)
    if as_json:
        terminal.show_json(made)
    else:
        typer.echo(stage_cost.markdown(made), nl=False)
