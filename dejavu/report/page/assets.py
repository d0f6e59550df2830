"""Scripts and styles of the page, and the policy that lets no other script run."""

import base64
import hashlib
import importlib.resources
import json
from typing import Any

from markupsafe import Markup

_FOLDER = importlib.resources.files("dejavu") / "templates" / "page"


def script_json(value: Any) -> Markup:
    r"""Return JSON for a script element: no text in it can end the element.

    >>> str(script_json({"a": "</script>"}))
    '{"a":"\\u003c/script>"}'
    """
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 cannot end its script element


def policy(scripts: list[str]) -> str:
    """Return the security policy of a page: these scripts run, and nothing is requested from anywhere."""
    hashes = (
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    )
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def read(name: str) -> str:
    """Return a packaged script or style."""
    return (_FOLDER / name).read_text(encoding="utf-8")
