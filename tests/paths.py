"""Where the project and the shared photographs are."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
