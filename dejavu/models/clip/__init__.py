"""CLIP and text embedding models of the caption lane: trained here, or loaded as released."""
