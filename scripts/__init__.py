"""Chores of this repository, one script each: ``python -m scripts.<name>``."""
