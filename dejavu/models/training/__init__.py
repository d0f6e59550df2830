"""Train networks: image loading, batched views, self-supervised methods, the loop."""
