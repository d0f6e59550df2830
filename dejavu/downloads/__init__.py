"""Fetch published files that are not on this machine."""
