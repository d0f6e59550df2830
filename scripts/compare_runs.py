"""Hold two finished runs against each other: reports/results.json to the byte, every table by its rows.

    python -m scripts.compare_runs BEFORE AFTER [--renamed OLD=>NEW …] [--without COLUMN …]

BEFORE and AFTER are project folders. Tables are matched by their path below ``data/``. ``--renamed`` takes
a regular expression and what replaces it in BEFORE's paths and columns; ``--without`` leaves a column of
AFTER out that BEFORE did not have. Metadata is not compared: it names fingerprints of code and inputs.
Exits with 1 if anything differs.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def tables_below(project: Path) -> dict[str, Path]:
    """Return path below ``data/`` → file of every Parquet file."""
    data = project / "data"
    return {file.relative_to(data).as_posix(): file for file in sorted(data.rglob("*.parquet"))}


def renamed(name: str, pairs: list[tuple[str, str]]) -> str:
    """Return `name` with every old part replaced by its new one, in order."""
    for old, new in pairs:
        name = re.sub(old, new, name)
    return name


def difference(
    before: Path, after: Path, pairs: list[tuple[str, str]], without: frozenset[str]
) -> str | None:
    """Return how the rows of two files differ, or None if they are equal."""
    with pq.ParquetFile(before) as one, pq.ParquetFile(after) as other:
        first, second = one.read(), other.read()
    first = first.rename_columns([renamed(name, pairs) for name in first.column_names])
    second = second.select([name for name in second.column_names if name not in without])
    if first.column_names != second.column_names:
        return f"columns {first.column_names} became {second.column_names}"
    if first.num_rows != second.num_rows:
        return f"{first.num_rows} rows became {second.num_rows}"
    unequal = [name for name in first.column_names if not _equal(first[name], second[name])]
    return f"values of {', '.join(unequal)} differ" if unequal else None


def _equal(first: pa.ChunkedArray, second: pa.ChunkedArray) -> bool:
    one, other = first.combine_chunks(), second.combine_chunks()
    if one.type != other.type and one.type != pa.null():
        other = other.cast(one.type)
    return bool(one.equals(other) or one.to_pylist() == other.to_pylist())  # NaN apart from NaN


def differences(
    before: Path, after: Path, pairs: list[tuple[str, str]], without: frozenset[str]
) -> Iterator[str]:
    """Yield a line for every table or report that differs."""
    old = {renamed(name, pairs): file for name, file in tables_below(before).items()}
    new = tables_below(after)
    yield from (f"{name}: is no longer there" for name in sorted(set(old) - set(new)))
    yield from (f"{name}: is new" for name in sorted(set(new) - set(old)))
    for name in sorted(set(old) & set(new)):
        found = difference(old[name], new[name], pairs, without)
        if found:
            yield f"{name}: {found}"
    results = "reports/results.json"
    if (before / results).read_bytes() != (after / results).read_bytes():
        yield f"{results}: bytes differ"


def main() -> None:
    """Compare two runs from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--renamed", action="append", default=[], metavar="OLD=>NEW")
    parser.add_argument("--without", action="append", default=[], metavar="COLUMN")
    flags = parser.parse_args()
    pairs = [(old, new) for old, _, new in (each.partition("=>") for each in flags.renamed)]
    found = list(differences(flags.before, flags.after, pairs, frozenset(flags.without)))
    print("\n".join(found) or "equal: results.json to the byte, every table by its rows")
    n = len(tables_below(flags.after))
    print(f"{n} tables compared, {len(found)} differences")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
