"""The caption lane, in the order of its stages: annotate, embed, score."""
