"""Write docs/results.schema.json: the JSON Schema of results.json.

Run as ``python -m scripts.describe_results``; a test fails when the file is stale.
"""

import json
from pathlib import Path

from dejavu.report import published

FILE = Path(__file__).parents[1] / "docs" / "results.schema.json"


def text() -> str:
    """Return the file's content."""
    return json.dumps(published.schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
