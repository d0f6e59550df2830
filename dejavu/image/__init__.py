"""The image lane, in the order of its stages: crop, embed, vote, references, score."""
