"""Measure how strongly an encoder memorized its training data, beyond correlation."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dejavu.api import Audit, MemorizationCallback, audit, audit_embeddings

__version__ = "0.1.0"
__all__ = ["Audit", "MemorizationCallback", "__version__", "audit", "audit_embeddings"]


def __getattr__(name: str) -> Any:
    """Load the API when it is asked for: importing dejavu stays cheap."""
    if name not in __all__:
        raise AttributeError(f"module 'dejavu' has no attribute {name!r}")
    # By name: what the top package offers is no import of every module that asks for its version.
    return getattr(importlib.import_module("dejavu.api"), name)
