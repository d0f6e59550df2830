"""Intervals and exact tests. Nothing here knows what a model or a label is."""
