"""Run a stage: its command line, its shards, its progress, its seeds, what it reads from outside."""
