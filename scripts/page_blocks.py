"""Tables that stand in a page between ``<!-- made by: NAME -->`` and ``<!-- /made -->``."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_BLOCK = re.compile(r"(<!-- made by: (?P<name>[^>]+?) -->\n).*?(<!-- /made -->)", re.DOTALL)


def fill(page: Path, made: Mapping[str, Callable[[], Iterable[str]]]) -> None:
    """Put the lines that `made` gives for each name into its block; other blocks and the prose stay.

    Raises:
        KeyError: the page has no block of a name.
    """
    text = page.read_text(encoding="utf-8")
    if missing := set(made) - {found["name"] for found in _BLOCK.finditer(text)}:
        raise KeyError(f"{page}: no block {', '.join(sorted(missing))}")

    def anew(found: re.Match[str]) -> str:
        if found["name"] not in made:
            return found[0]
        lines = "\n".join(made[found["name"]]())
        return f"{found[1]}{lines}\n{found[3]}"

    page.write_text(_BLOCK.sub(anew, text), encoding="utf-8")
