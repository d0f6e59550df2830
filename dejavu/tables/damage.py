"""Files that were tables once: what Parquet's reader says of them, as one error that names the file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from dejavu.errors import ArtifactError, DataError, DejavuError

OURS = "Remove it, and `dvc repro` makes it again."


@contextlib.contextmanager
def named(
    path: Path, error: type[DejavuError] = ArtifactError, *, advice: str = OURS
) -> Iterator[None]:
    """Turn what is raised about a damaged file into `error`; what the system says of disks passes.

    Args:
        path: the Parquet file that the block reads.
        error: what to raise instead.
        advice: what to do.
    """
    try:
        yield
    except (pa.ArrowException, UnicodeError) as damage:
        raise error(_line(path, damage, advice)) from None
    except OSError as damage:
        if damage.errno is not None:  # Arrow raises it without a number where bytes mean nothing
            raise
        raise error(_line(path, damage, advice)) from None


def brought(path: Path) -> contextlib.AbstractContextManager[None]:
    """Do the same for a file that people bring."""
    return named(path, DataError, advice="Write it, or bring it here, again.")


def _line(path: Path, damage: Exception, advice: str) -> str:
    reason = " ".join(str(damage).split())[:200]
    return f"{path}: a damaged table: {reason or type(damage).__name__}. {advice}"
