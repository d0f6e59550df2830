"""Measure how much of its training data an encoder memorized beyond correlation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dejavu.api import Audit, audit_embeddings

__version__ = "0.1.0"
__all__ = ["Audit", "__version__", "audit_embeddings"]


def __getattr__(name: str) -> Any:
    """Load the API when it is asked for: importing dejavu stays cheap."""
    if name not in __all__:
        raise AttributeError(f"module 'dejavu' has no attribute {name!r}")
    from dejavu import api

    return getattr(api, name)
