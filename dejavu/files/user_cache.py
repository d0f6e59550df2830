"""Texts that take seconds to make and are always the same, kept in the user's own cache folder.

Never in a project's folder: what a project brings could be anybody's, and some of these texts are run.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs


def text(name: str, make: Callable[[], str]) -> str:
    """Return a kept text, or make it and keep it where that can be done.

    Args:
        name: of the file; it says everything that decides the text, versions of libraries among it.
        make: makes the text.
    """
    place = Path(platformdirs.user_cache_path("dejavu")) / name
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return place.read_bytes().decode()
    made = make()
    with contextlib.suppress(OSError):  # no home, a full or read-only disk: made anew the next time
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(made)
        Path(scratch).replace(place)
    return made
