"""`dejavu models`, `corpora`, `annotators`: what params.yaml can name, and whether it can run here."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from dejavu.commands import terminal
from dejavu.commands.terminal import PARAMS, AsJson, ParamsFile

if TYPE_CHECKING:
    from dejavu.check.sources import Entry, Kind, Source

MODELS_EXAMPLES = terminal.examples(
    ("dejavu models", "what can be audited, and which entries params.yaml names now"),
    ("dejavu models --json", "the same for a script; keys: sources, entries"),
    ("dejavu fetch vicreg_resnet50_full", "bring weights that the list names"),
)
CORPORA_EXAMPLES = terminal.examples(
    ("dejavu corpora", "which data sets can be read"),
    ("dejavu check", "open the one that params.yaml names"),
)
ANNOTATORS_EXAMPLES = terminal.examples(
    ("dejavu annotators", "what can tag crops and find objects"),
    ("dejavu import-labels --help", "use annotations made elsewhere"),
)


def models(params_path: ParamsFile = PARAMS, as_json: AsJson = False) -> None:
    """List the sources of models to audit and of text models: what each is, needs, and if it runs here."""
    _show("models", params_path, as_json=as_json)


def corpora(params_path: ParamsFile = PARAMS, as_json: AsJson = False) -> None:
    """List the data sets that can be read, with what an entry states and how to get the data."""
    _show("corpora", params_path, as_json=as_json)


def annotators(params_path: ParamsFile = PARAMS, as_json: AsJson = False) -> None:
    """List what can tag background crops and find objects, and what is missing for it here."""
    _show("annotators", params_path, as_json=as_json)


def _show(kind: "Kind", params_path: Path, *, as_json: bool) -> None:
    from dejavu import params
    from dejavu.check import sources
    from dejavu.params.machine import MachineParams

    # without a params.yaml the list still teaches what one can say
    content = params.read(params_path) if params_path.is_file() else {}
    folder = Path()
    if content:
        folder = params.section(params_path, "machine", MachineParams).data_folder
    found = sources.sources(kind, content, folder)
    named = list(sources.entries(kind, params_path, content, folder))
    if as_json:
        listed = [dataclasses.asdict(each) | {"can_run": each.can_run} for each in found]
        terminal.show_json({"sources": listed, "entries": [dataclasses.asdict(e) for e in named]})
        return
    console = terminal.console()
    for section in dict.fromkeys(source.section for source in found):
        rows = [_row(source) for source in found if source.section == section]
        columns = ["source", "what it is", "an entry states", "here", "how to get it"]
        terminal.show_titled(console, section, terminal.table(columns, rows))
    if named:
        columns = ["entry", "source", "files"]
        title = f"Named in {params_path} (`dejavu check` opens them)"
        terminal.show_titled(console, title, terminal.table(columns, [_entry(e) for e in named]))


def _row(source: "Source") -> Sequence[str | Text]:
    here = Text("ready", style="green")
    if source.missing_packages:
        here = Text(f"no package {', '.join(source.missing_packages)}", style="red")
    brought = [
        f"dejavu fetch {name}{' (here)' if is_here else ''}"
        for name, is_here in source.fetch.items()
    ]
    ways = [part for part in (source.install, *brought, source.hint) if part]
    return (source.name, source.about, ", ".join(source.keys), here, "; ".join(ways))


def _entry(entry: "Entry") -> Sequence[str | Text]:
    absent = "no such file: a tag?" if entry.source == "open_clip" else "not there"
    files = Text(", ").join(
        Text(path if is_there else f"{path} ({absent})", style="" if is_there else "red")
        for path, is_there in entry.files.items()
    )
    return (entry.name, entry.source, files)
