"""Nearest neighbors, exact or approximate, in both lanes."""
