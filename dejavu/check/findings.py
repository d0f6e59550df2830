"""What a check finds: one line per thing that was tried."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from dejavu.downloads.published_files import DOWNLOADS
from dejavu.errors import DejavuError
from dejavu.run import failures

Status = Literal["ok", "untried", "missing", "wrong"]
FAILURES = ("missing", "wrong")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a run needs, and whether it is there and right."""

    area: str  # params, image, caption, room or stages
    what: str  # section or entry of params.yaml, or what else was looked at
    status: Status  # untried: nothing speaks against it, but only the run will tell
    detail: str  # what was found; for a failure also what to do


class Absent(Exception):  # noqa: N818  # a finding, not an error
    """Something is not there; the message says what to put where."""


class Untried(Exception):  # noqa: N818  # a finding, not an error
    """Something could not be tried here; the message says why."""


def tried(area: str, what: str, attempt: Callable[[], str]) -> Finding:
    """Return what became of `attempt`, which returns a detail or raises."""
    status: Status = "ok"
    try:
        detail = attempt()
    except Absent as absence:
        status, detail = "missing", str(absence)
    except Untried as reason:
        status, detail = "untried", str(reason)
    except DejavuError as error:
        status, detail = "wrong", str(error)
    except OSError as error:
        status, detail = "wrong", failures.line_of(error)
    except Exception as error:  # noqa: BLE001  # what would stop the run must not stop the check
        status, detail = (
            "wrong",
            f"{type(error).__name__}: {error} (not foreseen; please report it)",
        )
    return Finding(area=area, what=what, status=status, detail=detail)


def guarded(area: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield `findings`; what breaks while the next one is made is the last finding, not the end."""
    stream = iter(findings)
    while True:
        finding: Finding | None = None

        def step() -> str:
            nonlocal finding
            finding = next(stream, None)
            return ""

        failure = tried(area, "the check itself", step)
        if failure.status != "ok":
            yield failure
            return
        if finding is None:
            return
        yield finding


def fetch_hint(name: str) -> str:
    """Return " `dejavu fetch x` brings it." if a file or folder of this name can be fetched."""
    last = name.rstrip("/").rpartition("/")[2]
    for key, entry in DOWNLOADS.items():
        names = {file.path for file in entry.files} | {entry.folder.rpartition("/")[2]}
        if last in names or last == entry.unpacks_to:
            return f" `dejavu fetch {key}` brings it."
    return ""
