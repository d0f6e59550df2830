"""`dejavu compare`: two runs' headline numbers and verdicts, side by side."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import AsJson
from dejavu.errors import ParamsError

if TYPE_CHECKING:
    from dejavu.report.published import Model

EXAMPLES = terminal.examples(
    ("dejavu compare ../last-month .", "two project folders, or two folders of reports"),
    ("dejavu compare a b --page compared.html", "the same as a page"),
    ("dejavu compare a b --json", "the same for a script"),
)
COLUMNS = ("lane", "model", "verdict A", "verdict B", "excess A", "excess B", "B − A, points")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One model in two runs; None where a run did not decide on it."""

    lane: str
    model: str
    verdict_a: str | None
    verdict_b: str | None
    excess_a_points: float | None
    excess_b_points: float | None
    excess_a: str  # with its interval
    excess_b: str
    change_points: float | None


def command(
    a: Annotated[Path, typer.Argument(help="A project, or its folder of reports.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    page: Annotated[
        Path | None, typer.Option(help="Write the comparison to this HTML file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show two runs' verdicts and adjusted excesses side by side.

    The change has no interval: runs share samples more often than not, and how much is not known from
    reports alone. Hold it against the intervals of both runs.
    """
    rows = compare(a, b)
    if page is not None:
        _write_page(rows, a, b, page)
    if as_json:
        terminal.show_json([dataclasses.asdict(row) for row in rows])
    elif page is not None:
        typer.echo(str(page))
    else:
        terminal.console().print(terminal.table(COLUMNS, [_cells(row) for row in rows]))
        changed = sum(row.verdict_a != row.verdict_b for row in rows)
        typer.echo(f"verdicts that differ: {changed} of {len(rows)}; A: {a}, B: {b}")


def compare(a: Path, b: Path) -> list[Compared]:
    """Return every model that one of two runs decided on.

    Raises:
        ArtifactError: a folder holds no results, or those of another version.
        ParamsError: neither run decided on a model.
    """
    from dejavu.report import published

    first, second = (
        published.read(folder / "reports" if (folder / "reports").is_dir() else folder).decided()
        for folder in (a, b)
    )
    keys = sorted({*first, *second}, key=lambda key: (key[0] != "image", key[1]))
    if not keys:
        raise ParamsError(f"{a}, {b}: neither run decided on a model, there is nothing to compare.")
    return [_compared(*key, first.get(key), second.get(key)) for key in keys]


def _compared(lane: str, name: str, first: "Model | None", second: "Model | None") -> Compared:
    from dejavu.commands.run_facts import points

    values = [None if each is None else each.adjusted.value for each in (first, second)]
    before, after = (None if value is None else 100 * value for value in values)
    words = [each.verdict.text if each and each.verdict else None for each in (first, second)]
    return Compared(
        lane=lane, model=name, verdict_a=words[0], verdict_b=words[1], excess_a_points=before,
        excess_b_points=after, excess_a=points(None if first is None else first.adjusted),
        excess_b=points(None if second is None else second.adjusted),
        change_points=None if before is None or after is None else after - before,
    )  # fmt: skip


def _cells(row: Compared) -> tuple[str, ...]:
    change = "–" if row.change_points is None else f"{row.change_points:+.1f}"
    words = (each or "not in this run" for each in (row.verdict_a, row.verdict_b))
    return (row.lane, row.model, *words, row.excess_a, row.excess_b, change)


def _write_page(rows: list[Compared], a: Path, b: Path, page: Path) -> None:
    import jinja2

    from dejavu.text import printable

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    cells = [[printable(cell, keep="") for cell in _cells(row)] for row in rows]
    text = environment.get_template("compare.html.j2").render(
        columns=COLUMNS, rows=cells, a=str(a), b=str(b)
    )
    page.write_text(text, encoding="utf-8")
