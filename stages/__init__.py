"""One script per pipeline stage: flags in, one library call, artifact out."""
