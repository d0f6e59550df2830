"""Measure how much of its training data an encoder memorized beyond correlation."""

__version__ = "0.1.0"
