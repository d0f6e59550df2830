"""`dejavu annex`: what a reviewer needs to judge an audit."""

from typing import Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import (
    DATA,
    PARAMS,
    REPORTS,
    DataFolder,
    NewFile,
    ParamsFile,
    ReportFolder,
)

EXAMPLES = terminal.examples(
    ("dejavu annex", "print the annex of the last run as Markdown"),
    ("dejavu annex --release 'encoder 2.1' --out annex.md", "say for which release, write a file"),
)


def command(
    release: Annotated[
        str | None, typer.Option(help="The release that the audit is evidence for, in your words.")
    ] = None,
    out: NewFile = None,
    reports: ReportFolder = REPORTS,
    params_path: ParamsFile = PARAMS,
    data: DataFolder = DATA,
) -> None:
    """Print what was run and what was not, on which data, with which limits, for a reviewer.

    It is evidence, not a statement of compliance: it says what was measured and leaves the judgment to
    whoever reads it. Hashes tell which files it speaks of; commit and date are written.
    """
    from dejavu.commands import run_facts

    run = run_facts.read(reports, params_path, data)
    corpora = {lane: run.params.get(lane, {}).get("corpus", {}) for lane in run_facts.LANES}
    unused = [lane for lane, corpus in corpora.items() if corpus.get("adapter") == "none"]
    terminal.show_document(
        run_facts.render(
            "annex.md.j2", run=run, release=release, corpora=corpora, unused=unused,
            decided=run.results.decided(), undecided=run.results.undecided(),
        ),
        out,
    )  # fmt: skip
