"""Where samples come from: one adapter per kind of corpus, and the reader of their images."""
