"""`dejavu cost`: what the two-model and the one-model tests cost on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import PARAMS, REPORTS, AsJson, ParamsFile, ReportFolder

_SIZES = "With --estimate: samples per role, e.g. target=300000,public=500000."
EXAMPLES = terminal.examples(
    (
        "dejavu cost",
        "seconds and memory of each test; also written to reports/cost.md and cost.csv",
    ),
    ("dejavu cost --json", "the same rows, for a script"),
    ("dejavu cost --estimate", "before a run: disk, memory, core and GPU hours of the parameters"),
    (
        "dejavu cost --estimate --params presets/imagenet-oss.yaml --image target=230000,public=500000",
        "the same of a preset, whose corpus is not listed yet",
    ),
)


def command(
    logs: Annotated[Path, typer.Option(help="Folder of the stages' logs.")] = Path("logs"),
    as_json: AsJson = False,
    params_path: ParamsFile = PARAMS,
    reports: ReportFolder = REPORTS,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Count from the parameters alone; run nothing.")
    ] = False,
    image: Annotated[str | None, typer.Option(help=_SIZES)] = None,
    caption: Annotated[str | None, typer.Option(help=_SIZES)] = None,
) -> None:
    """Compare what the two-model test and the one-model tests cost on this machine.

    Seconds and memory come from the logs that every stage leaves, and count from the start of its process;
    a stage that was restored from the cache left none, and is named as not measured. Where other work
    wanted the cores, that is said: CPU seconds can be compared then, wall seconds cannot.

    With --estimate: what a run will take, from measured rates (docs/recipes.md); what has no rate is named.
    """
    if estimate:
        _estimate(params_path, {"image": image, "caption": caption}, as_json=as_json)
        return
    from dejavu.commands import stage_cost

    made = stage_cost.write(logs, params_path, reports)
    if as_json:
        terminal.show_json(made)
    else:
        typer.echo(stage_cost.markdown(made), nl=False)


def _estimate(params_path: Path, sizes: dict[str, str | None], *, as_json: bool) -> None:
    from dejavu.commands import estimate

    given = {lane: estimate.parsed(text) for lane, text in sizes.items() if text is not None}
    made = estimate.rows(params_path, given)
    if as_json:
        terminal.show_json({"stages": made, "total": estimate.total(made)})
    else:
        typer.echo(estimate.markdown(made), nl=False)
