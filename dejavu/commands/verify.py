"""`dejavu verify`: are the results on this disk the ones that the stages made?"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dejavu.commands import terminal
from dejavu.commands.boundary import DIFFERS
from dejavu.commands.terminal import AsJson
from dejavu.text import printable

if TYPE_CHECKING:
    from dejavu.commands.recomputed_numbers import Recomputed
    from dejavu.commands.recorded_hashes import Verified

EXAMPLES = terminal.examples(
    ("dejavu verify", "hash all results again, and compute the headline again; exit code 3 if one differs"),
    (
        "dejavu verify --json",
        "the same for a script; keys: differences, absent, n_files, n_bytes, n_numbers, not_recomputed",
    ),
)  # fmt: skip


def command(
    lock: Annotated[Path, typer.Option(help="What DVC recorded.")] = Path("dvc.lock"),
    cache: Annotated[
        Path | None, typer.Option(help="DVC's cache; by default the one of this project.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hash every result again, and compute the headline again from the tables.

    Hashes, in the project and in DVC's cache, are compared with dvc.lock, which is trusted: compare it with
    the committed one. DVC restores what lies in its cache without looking at it: run this after copying a
    cache from elsewhere, or before relying on numbers. The list of memorized samples, the adjusted
    excess of every model, its checks and its word are computed again from the guesses and scores, and
    compared with what the reports say.
    """
    from dejavu.commands import recomputed_numbers, recorded_hashes

    root = lock.absolute().parent
    found = recorded_hashes.verify(lock, root, cache or _cache(root))
    numbers = recomputed_numbers.verify(root, recorded_hashes.stages_of(lock))
    found.differences += numbers.differences
    if as_json:
        facts = {"n_numbers": numbers.n_numbers, "not_recomputed": numbers.reason}
        terminal.show_json(dataclasses.asdict(found) | facts)
    else:
        _show(found, numbers)
    if found.differences:
        raise typer.Exit(DIFFERS)


def _cache(root: Path) -> Path:
    """Return the folder that DVC's configuration names."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            return Path(repo.cache.local.path).parents[1]  # without files/md5
    except (DvcException, OSError, IndexError):
        return root / ".dvc" / "cache"


def _show(found: "Verified", numbers: "Recomputed") -> None:
    if found.differences:
        rows = [(d.stage, d.path, d.place, d.what) for d in found.differences]
        terminal.console().print(terminal.table(["stage", "result", "where", "what differs"], rows))
        typer.echo(
            "Differs in cache: remove the file there, and `dvc repro` makes it again. Differs in project: "
            "`dvc checkout --force` brings the recorded one back. Differs in numbers: the report says what "
            "its tables do not; `dvc repro --force --single-item report` writes it again."
        )
    if found.absent:
        typer.echo(f"{len(found.absent)} results lie nowhere here: `dvc repro` makes them.")
    if numbers.reason is not None:
        typer.echo(printable(f"no number was computed again: {numbers.reason}."))
    size = f"{found.n_files} files, {found.n_bytes / 1e6:,.1f} MB; {numbers.n_numbers:,} numbers"
    typer.echo(f"differences: {len(found.differences)}; compared: {size}")
