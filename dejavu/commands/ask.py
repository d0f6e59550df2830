"""Ask the tables of a run: open them, list them, explain them, take the rows of an answer."""

import re
from pathlib import Path

import pyarrow as pa
from rich.text import Text

from dejavu.commands import interruptible, terminal
from dejavu.errors import ParamsError, suggestion
from dejavu.tables import catalog, dictionary, queries
from dejavu.tables.catalog import VECTORS

SETTINGS = (  # small tables of what params.yaml says, which are made for who asks for them
    "targets", "at_percents", "false_positive_percents", "settings", "lengths", "caption_references",
    "caption_headline",
)  # fmt: skip
_SETTING = re.compile(rf"\b({'|'.join(SETTINGS)})\b", re.IGNORECASE)


def rows(statement: str, data: Path, params_path: Path) -> pa.Table:
    """Return what a statement answers.

    Args:
        statement: in DuckDB's SQL.
        data: folder of the tables.
        params_path: named queries join small tables made of it; it need not exist.

    Raises:
        ArtifactError: no tables there.
        QueryError: DuckDB refuses the statement.
    """
    made = _settings(params_path) if _SETTING.search(statement) else {}  # they take a while
    with catalog.connect(data, settings=made) as opened:
        return interruptible.rows(opened, statement)


def named(query: str, data: Path, params_path: Path) -> pa.Table:
    """Return what a named query answers.

    Raises:
        ParamsError: no query of this name.
    """
    return rows(queries.text(query), data, params_path)


def _settings(params_path: Path) -> dict[str, pa.Table]:
    """Return the small tables that named queries join; none without a params.yaml."""
    if not params_path.is_file():
        return {}
    from dejavu import params
    from dejavu.image.targets import targets_of
    from dejavu.params.caption import CaptionModels, CaptionScoreParams
    from dejavu.params.encoders import Models
    from dejavu.params.predictions import Predictions
    from dejavu.params.report import ReportParams, ScoreParams
    from dejavu.params.search import NeighborsParams
    from dejavu.report import settings

    models = params.section(params_path, "image.models", Models)
    guesses = params.section(params_path, "image.predictions", Predictions)
    neighbors = params.section(params_path, "image.neighbors", NeighborsParams)
    report = params.section(params_path, "report", ReportParams)
    found = settings.query_tables(
        tuple(targets_of(models, guesses, neighbors)),
        params.section(params_path, "image.score", ScoreParams),
        report,
    )
    references = settings.reference_table(
        params.section(params_path, "caption.models", CaptionModels),
        params.section(params_path, "caption.score", CaptionScoreParams),
    )
    return found | {
        "lengths": settings.lengths_table(),
        "caption_references": references,
        "caption_headline": settings.headline_table(report.headline.caption),
    }


def show_all(data: Path, params_path: Path, *, as_json: bool) -> None:
    """Print the views below `data`, and the named queries."""
    with catalog.connect(data, settings=_settings(params_path)) as opened:
        views = opened.views()
    known = {name: queries.about(name) for name in queries.names()}
    if as_json:
        columns = {view.name: view.columns for view in views}
        terminal.show_json({"views": columns, "queries": known})
        return
    cells = [
        (view.name, ", ".join(f"{name} {_brief(kind)}" for name, kind in view.columns.items()))
        for view in views
    ]
    console = terminal.console()
    terminal.show_named(console, "Views (--describe VIEW)", ("view", "columns"), cells)
    told = ("query", "what it tells")
    terminal.show_named(console, "Named queries (--query NAME)", told, known.items())
    wide = ", ".join(sorted(VECTORS))
    note = f"Leave vectors out of SUMMARIZE: SELECT * EXCLUDE ({wide})."
    console.print(note, markup=False, soft_wrap=True)


def _brief(kind: str) -> str:
    return "struct[]" if kind.startswith("STRUCT") and kind.endswith("[]") else (
        "struct" if kind.startswith("STRUCT") else kind.lower()
    )  # fmt: skip


def describe(name: str, *, as_json: bool) -> None:
    """Print the columns of one view, with their units and meanings."""
    known = {view.name: view for view in dictionary.views()}
    if name not in known:
        raise ParamsError(f"no view {name!r}.{suggestion(name, known)}")
    view = known[name]
    rows = [
        {"column": c.name, "type": c.kind, "unit": c.unit, "meaning": c.meaning}
        for c in view.columns
    ]
    if as_json:
        terminal.show_json({"view": name, "about": view.about, "columns": rows})
        return
    console = terminal.console()
    console.print(Text(f"{name}: {view.about}"))
    console.print(terminal.table(["column", "type", "unit", "meaning"], [r.values() for r in rows]))
