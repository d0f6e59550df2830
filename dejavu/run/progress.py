"""Progress of long work: a bar on a terminal, a line now and then in a log."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from dejavu.text import printable

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 15.0
QUIET = "DEJAVU_QUIET"  # a variable of the environment, so that worker processes keep quiet too


Text = str | Callable[[], str]  # a callable is asked again for each message: it may tell a loss


def track(items: Iterable[T], *, what: Text, total: int | None = None) -> Iterator[T]:
    """Yield `items` while telling on stderr how many of `total` are done and how long is left."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    if is_quiet():
        yield from items
    elif sys.stderr.isatty():
        yield from _bar(items, what, total)
    else:
        yield from _lines(items, what, total)


def _bar(items: Iterable[T], what: Text, total: int | None) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(_said(what), total=total)
        for item in items:
            yield item
            progress.update(task, advance=1, description=_said(what))


def _lines(items: Iterable[T], what: Text, total: int | None) -> Iterator[T]:
    start = said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said, rate = now, done / (now - start)
            left = f", about {(total - done) / rate:.0f} s left" if total else ""
            count = f"{done}/{total}" if total else str(done)
            print(f"{_said(what)}: {count} ({rate:.1f}/s{left})", file=sys.stderr, flush=True)


def _said(what: Text) -> str:
    return what if isinstance(what, str) else what()


def say(message: str) -> None:
    """Tell the user one line on stderr, so that stdout stays free for results."""
    if not is_quiet():
        print(printable(message), file=sys.stderr, flush=True)


def is_quiet() -> bool:
    """Return whether the user asked for results and errors only."""
    return bool(os.environ.get(QUIET))
