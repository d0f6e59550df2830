"""Text from corpora on its way into a page: nothing invisible, nothing endless."""

import re

# Control characters (but tab and line feed) and characters that no Unicode text may hold.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SHOWN = 160  # characters of a text that a card shows at once; the rest is one key press away


def clean(text: str | None, longest: int) -> str:
    r"""Return a text for a page: control characters made visible, cut at `longest` characters.

    Markup stays as it is: the page escapes it. Marks that change the writing direction stay too: the
    page isolates every text of a corpus.

    >>> clean("a\x00b<script>", 100)
    'a�b<script>'
    >>> clean("abcdef", 3)
    'abc … (3 more characters are left out)'
    """
    if text is None:
        return ""
    kept = _UNPRINTABLE.sub("\ufffd", text[:longest])
    left_out = len(text) - longest
    return kept if left_out <= 0 else f"{kept} … ({left_out:,} more characters are left out)"


def beginning(text: str) -> str:
    """Return what of a text is shown at once.

    >>> beginning("word " * 40)[-8:]
    'd word …'
    """
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
