"""Files that were tables once: what Parquet's reader says of them, as one error that names the file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from dejavu.errors import ArtifactError

OURS = "Remove it, and `dvc repro` makes it again."


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what is raised about a damaged file into an error of ours; what the system says of disks passes.

    Args:
        path: the Parquet file that the block reads.

    Raises:
        ArtifactError: the file is damaged.
    """
    try:
        yield
    except (pa.ArrowException, UnicodeError) as damage:
        raise _error(path, damage) from None
    except OSError as damage:
        if damage.errno is not None:  # Arrow raises it without a number where bytes mean nothing
            raise
        raise _error(path, damage) from None


def _error(path: Path, damage: Exception) -> ArtifactError:
    reason = " ".join(str(damage).split())[:200]
    return ArtifactError(f"{path}: a damaged table: {reason or type(damage).__name__}. {OURS}")
