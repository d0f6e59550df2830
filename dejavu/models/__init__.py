"""Models under audit: their folders, devices and checkpoints; encoders, CLIP, training."""
