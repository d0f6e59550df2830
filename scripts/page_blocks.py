"""Tables that stand in a page between ``<!-- made by: NAME -->`` and ``<!-- /made -->``."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_BLOCK = re.compile(r"(<!-- made by: (?P<name>[^>]+?) -->\n).*?(<!-- /made -->)", re.DOTALL)


def fill(page: Path, made: Mapping[str, Callable[[], Iterable[str]]]) -> None:
    """Put the lines that `made` gives for each name into its block; the prose around stays.

    Raises:
        KeyError: a block of the page is made by nothing.
    """

    def anew(found: re.Match[str]) -> str:
        lines = "\n".join(made[found["name"]]())
        return f"{found[1]}{lines}\n{found[3]}"

    page.write_text(_BLOCK.sub(anew, page.read_text(encoding="utf-8")), encoding="utf-8")
