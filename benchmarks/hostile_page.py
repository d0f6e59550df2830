"""The parts of docs/results/hostile-inputs.md that `benchmarks.hostile_inputs --page` writes.

They stand between marks, so that the words around them stay. A kind that did not run keeps its row.
"""

from collections.abc import Sequence
from pathlib import Path

COUNTS, REPORTS = "counts", "reports"
_REPORT = "https://github.com/{}/issues/{}"


def put_row(page: Path, head: Sequence[str], line: str, kinds: Sequence[str]) -> None:
    """Replace the row of a kind, or add it, in the order of `kinds`; below them stands their sum."""
    rows = {_kind(old): old for old in _block(page, COUNTS)[2:]}
    rows[_kind(line)] = line
    ordered = [rows[kind] for kind in kinds if kind in rows]
    numbers = [[_number(cell) for cell in _cells(row)[1:-2]] for row in ordered]
    sums = " | ".join(f"{sum(column):,}" for column in zip(*numbers, strict=True))
    _put(page, COUNTS, [*head, *ordered, f"| all | {sums} | | |"])


def put_reports(page: Path, kind: str, names: Sequence[str]) -> None:
    """Replace the line that links the reports behind the inputs of a kind."""
    lines = {_kind(old): old for old in _block(page, REPORTS)[2:]}
    reports = sorted({name.partition(":")[0] for name in names}, key=str.lower)
    links = ", ".join(_link(report) for report in reports)
    lines[kind] = f"| `{kind}` | {len(reports)} | {len(names)} | {links} |"
    head = ["| kind | reports | inputs | |", "| --- | ---: | ---: | --- |"]
    _put(page, REPORTS, [*head, *(lines[key] for key in sorted(lines))])


def _link(report: str) -> str:
    place, _, number = report.rpartition(" ")
    if not number.isdigit():
        return report  # an advisory, which has no such address
    return f"[{place.partition('/')[2]} {number}]({_REPORT.format(place, number)})"


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _kind(row: str) -> str:
    return _cells(row)[0].strip("`")


def _number(cell: str) -> int:
    return int(cell.replace(",", ""))


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: python -m benchmarks.hostile_inputs --page -->", f"<!-- /{name} -->"


def _block(page: Path, name: str) -> list[str]:
    first, last = _marks(name)
    text = page.read_text(encoding="utf-8")
    return text[text.index(first) + len(first) : text.index(last)].strip().splitlines()


def _put(page: Path, name: str, lines: Sequence[str]) -> None:
    first, last = _marks(name)
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(first)
    block = "\n".join(lines)
    page.write_text(f"{before}{first}\n{block}\n{last}{rest.partition(last)[2]}", encoding="utf-8")
