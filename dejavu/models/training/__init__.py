"""Train networks: picture loading, batched views, self-supervised methods, the loop."""
