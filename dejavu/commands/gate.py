"""`dejavu gate`: may this model pass? An exit code for CI."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.boundary import DIFFERS
from dejavu.commands.terminal import PARAMS, REPORTS, AsJson, ParamsFile, ReportFolder
from dejavu.errors import ParamsError
from dejavu.run.progress import say

if TYPE_CHECKING:
    from dejavu.report.published import Decided, Model, Results

EXAMPLES = terminal.examples(
    ("dejavu gate", "exit code 3 unless every model is shown to exceed control by report.tolerance at most"),
    ("dejavu gate --max-excess 10", "the same with 10 points"),
    ("dejavu gate --json", "the same for a script; keys: max_excess_points, passes, models"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One model, or one lane without an answer, at the gate."""

    lane: str
    model: str | None  # None: nothing of this lane could be decided
    passes: bool
    upper_points: float | None  # bound of the excess that holds for all models of the run at once
    why: str


def command(
    max_excess: Annotated[
        float | None,
        typer.Option(
            min=0, max=100, metavar="POINTS", help="Allowed excess; by default report.tolerance."
        ),
    ] = None,
    as_json: AsJson = False,
    reports: ReportFolder = REPORTS,
    params_path: ParamsFile = PARAMS,
) -> None:
    """Let a model pass if its excess is shown to be small enough; else say why not and exit with code 3.

    What counts is the upper bound of the excess, so few samples never help a model: an audit that cannot
    tell does not pass, and neither does one whose control samples differ from its target samples.
    """
    from dejavu import params
    from dejavu.report import published

    limit = max_excess
    if limit is None:
        limit = params.section(params_path, "report.tolerance", float)
    found = check(published.read(reports), limit)
    passes = all(each.passes for each in found)
    if as_json:
        rows = [dataclasses.asdict(each) for each in found]
        terminal.show_json({"max_excess_points": limit, "passes": passes, "models": rows})
    else:
        _show(found, limit)
    if not passes:
        raise typer.Exit(DIFFERS)


def check(results: "Results", max_excess_points: float) -> list[Checked]:
    """Hold every model of a run against the allowed excess.

    Args:
        results: of one run.
        max_excess_points: in points; an upper bound above it does not pass.

    Raises:
        ParamsError: the run measured no model.
    """
    found = [
        _checked(lane, name, model, model.verdict, max_excess_points)
        for (lane, name), model in results.decided().items()
        if model.verdict is not None
    ]
    found += [
        Checked(lane=lane, model=None, passes=False, upper_points=None, why=f"no verdict: {reason}")
        for lane, reason in results.undecided().items()
    ]
    if not found:
        raise ParamsError(
            "results.json holds no model of either lane: image.corpus and caption.corpus are both "
            "{adapter: none}? Nothing passes a gate unmeasured."
        )
    return found


def _checked(
    lane: str, name: str, model: "Model", verdict: "Decided", max_excess_points: float
) -> Checked:
    from dejavu.statistics.verdict import Word

    upper = 100 * verdict.upper
    bound = f"the excess is shown to be at most {max(upper, 0):.1f} points, {max_excess_points:g} are allowed"
    if verdict.word is Word.CONTROL_DIFFERS:
        reasons = "; ".join(model.control_check.reasons) if model.control_check else ""
        passes, why = False, f"control differs from target: {reasons or 'no reason is stated'}"
    elif upper <= max_excess_points:
        passes, why = True, bound
    elif verdict.word is Word.MEMORIZES:
        passes, why = False, f"memorizes: {bound}"
    else:
        passes, why = False, f"too few samples to tell: {bound}{_needed(verdict)}"
    return Checked(lane=lane, model=name, passes=passes, upper_points=upper, why=why)


def _needed(verdict: "Decided") -> str:
    if verdict.n_needed is None:
        return ""
    return f"; about {verdict.n_needed:,} attacked samples per role would do at report.tolerance"


def _show(found: list[Checked], limit: float) -> None:
    from dejavu.statistics.verdict import ERROR

    rows = [
        (each.lane, each.model or "–", "passes" if each.passes else "fails", each.why)
        for each in found
    ]
    terminal.console().print(terminal.table(["lane", "model", "gate", "why"], rows))
    n_failed = sum(not each.passes for each in found)
    typer.echo(f"failed: {n_failed} of {len(found)}; allowed excess: {limit:g} points")
    say(
        f"the bounds hold for all models of the run together, with {100 * (1 - ERROR):g} % confidence"
    )
