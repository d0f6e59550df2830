"""The slow twin of the search, and banks made of arrays."""

import numpy as np

from dejavu.search.held_bank import Bank


def bank_of(vectors, ids=None, *, block_rows=7):
    """Return a bank that streams `vectors` in blocks."""
    ids = np.arange(len(vectors)) if ids is None else ids

    def blocks():
        for start in range(0, len(vectors), block_rows):
            yield ids[start : start + block_rows], vectors[start : start + block_rows]

    return Bank(blocks=blocks, n_rows=len(vectors), dim=vectors.shape[1])


def slow_nearest(queries, vectors, ids, k, metric):
    """Sort the whole bank for each query, from the definition."""
    answer = []
    for query in queries.astype(np.float64):
        keys = []
        for vector, sample_id in zip(vectors.astype(np.float64), ids, strict=True):
            if metric == "l2":
                distance = sum((a - b) ** 2 for a, b in zip(query, vector, strict=True))
                value = -float(f"{distance:.9g}")
            else:
                lengths = np.sqrt((query @ query) * (vector @ vector))
                value = round(float(query @ vector / lengths), 9)
            keys.append((-value, int(sample_id)))
        answer.append([sample_id for _, sample_id in sorted(keys)[:k]])
    return answer
