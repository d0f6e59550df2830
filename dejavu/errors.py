"""Errors a user can fix.

DejavuError
├── ParamsError     params.yaml says something impossible
├── ArtifactError   a Parquet table is missing, breaks its contract, or does not belong here
├── BusyError       another run works in this project
├── DataError       images, labels or captions break a stated assumption
├── EngineError     workers of a cluster died, or do not see the project
├── FetchError      a file could not be downloaded, or is not the published one
├── QueryError      a question in SQL cannot be answered
├── WeightsError    a checkpoint is not what its entry in params.yaml says
└── TrainingError   a network or a reference did not train (collapsed, diverged, learned nothing)

Everything else that escapes is a bug of ours and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class DejavuError(Exception):
    """Base of every error this project raises on purpose."""


class ParamsError(DejavuError):
    """params.yaml says something impossible."""


class ArtifactError(DejavuError):
    """A Parquet table is missing, breaks its contract, or does not belong to its neighbors."""


class BusyError(DejavuError):
    """Another run works in this project."""


class DataError(DejavuError):
    """Images, labels or captions break a stated assumption."""


class AuditError(DejavuError):
    """An audit found more than was allowed, or could not tell."""


class EngineError(DejavuError):
    """Workers of a cluster died, or do not see the project."""


class FetchError(DejavuError):
    """A file could not be downloaded, or is not the published one."""


class QueryError(DejavuError):
    """A question in SQL cannot be answered."""


class WeightsError(DejavuError):
    """A checkpoint is not what its entry in params.yaml says."""


class TrainingError(DejavuError):
    """A network or a reference did not train: collapsed, diverged, or learned nothing."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'? Known: …" for a name that is not among `known`.

    >>> suggestion("vicregg", ["vicreg", "dino"])
    " Did you mean 'vicreg'? Known: dino, vicreg."
    >>> suggestion("resnet", ["vicreg", "dino"])
    ' Known: dino, vicreg.'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    return f"{guess} Known: {shown or 'nothing'}."
