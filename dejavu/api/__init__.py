"""Audits in Python: on vectors that are at hand, or of a model on data sets."""

from dejavu.api.callback import MemorizationCallback
from dejavu.api.embeddings import audit_embeddings
from dejavu.api.model import audit
from dejavu.api.result import Audit, Excess

__all__ = ["Audit", "Excess", "MemorizationCallback", "audit", "audit_embeddings"]
