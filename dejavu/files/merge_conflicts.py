"""Files in which Git left both sides of a merge: no damage, and nothing of them is lost."""

import re
import shlex
from pathlib import Path

_MARK = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)  # as Git writes them, a name behind


def line_of(text: str) -> int | None:
    r"""Return the line of the first mark that Git left in a file, from 1; None without any.

    >>> line_of("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n"), line_of("a: 1\n")
    (2, None)
    """
    found = _MARK.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else None


def problem_of(path: Path, text: str) -> str | None:
    """Say that a file holds both sides of a merge, where, and how to take one; None if it does not.

    Args:
        path: the file, for the message.
        text: what it holds.
    """
    line = line_of(text)
    if line is None:
        return None
    name = shlex.quote(str(path))
    return (
        f"{path}: line {line}: Git left both sides of a merge here; nothing is lost. Keep one by hand, "
        f"or take one side's whole file: `git checkout --theirs {name}` (or `--ours`; once the merge is "
        f"committed, `git checkout BRANCH -- {name}`), then `git add {name}`."
    )


def ours(text: str) -> str:
    r"""Return the text with our side of every conflict: that of the branch which was merged into.

    >>> ours("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\nc: 3\n")
    'a: 1\nb: 1\nc: 3\n'
    """
    kept, is_ours = list[str](), True
    for line in text.splitlines(keepends=True):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            is_ours = True
        elif line.startswith("||||||| ") or line.rstrip("\r\n") == "=======":
            is_ours = False
        elif is_ours:
            kept.append(line)
    return "".join(kept)
