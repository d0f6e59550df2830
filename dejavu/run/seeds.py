"""One random generator per purpose, so that a new draw here never shifts a draw there."""

import hashlib

import numpy as np


def number(seed: int, purpose: str) -> int:
    """Return the 63-bit integer seed of `purpose`, for libraries that take an integer."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return the generator for `purpose`, e.g. ``"split.roles"``.

    >>> draws = [int(generator(7, "split.roles").integers(1000)) for _ in range(2)]
    >>> draws[0] == draws[1]
    True
    """
    return np.random.default_rng(number(seed, purpose))


def uniforms(seed: int, purpose: str, names: list[str]) -> np.ndarray:
    """Return one number in [0, 1) per name that depends on nothing but seed, purpose and name.

    Adding or removing other names never changes the number of a name: this is what keeps a
    split stable when a data set grows.
    """
    prefix = f"{seed}:{purpose}:".encode()
    words = [hashlib.sha256(prefix + name.encode()).digest()[:8] for name in names]
    return np.frombuffer(b"".join(words), dtype=">u8").astype(np.float64) / 2.0**64
