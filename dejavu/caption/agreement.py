"""How far two references of one target agree, sample by sample (paper, Figure 4)."""

import itertools
from collections.abc import Iterable

import pyarrow as pa

from dejavu.caption.blocks import Block
from dejavu.caption.comparisons import CaptionComparison
from dejavu.caption.object_sets import count_by_row, is_among
from dejavu.caption.outcomes import Outcomes, Setting, head
from dejavu.params.caption import CaptionScoreParams
from dejavu.tables.schemas import REFERENCE_AGREEMENT

Pair = tuple[CaptionComparison, CaptionComparison]


def rows(
    block: Block,
    pair: Pair,
    crossing: tuple[Setting, Setting],
    outcomes: Outcomes,
) -> pa.Table:
    """Return the rows of one pair of references, at one setting of each, on a block."""
    first, second = (
        outcomes[each.reference_predictor, setting]
        for each, setting in zip(pair, crossing, strict=True)
    )
    common = first.correct[is_among(first.correct, second.correct)]
    names = {
        "target": pair[0].target, "mode": pair[0].mode,
        "first": pair[0].reference, "second": pair[1].reference,
    }  # fmt: skip
    counts = {
        "first_k": crossing[0][0], "second_k": crossing[1][0],
        "first_top": crossing[0][1], "second_top": crossing[1][1],
    }  # fmt: skip
    columns = head(names, counts, block) | {
        "first_hits": first.n_hits,
        "second_hits": second.n_hits,
        "common_hits": count_by_row(common, len(block.sample_ids), block.n_vocabulary),
    }
    return pa.table(columns, schema=REFERENCE_AGREEMENT.schema)


def crossings(settings: CaptionScoreParams) -> list[tuple[Setting, Setting]]:
    """List the pairs of (k, top) at which two references are compared (paper, Figure 4).

    Every k with every k at all objects, and every top with every top at the largest k; in the order of
    the agreement table's key.
    """
    tops = (*settings.top, None)
    by_k = [((k, None), (other, None)) for k in settings.k for other in settings.k]
    by_top = [((settings.k[-1], top), (settings.k[-1], other)) for top in tops for other in tops]

    def key(crossing: tuple[Setting, Setting]) -> tuple[int, ...]:
        (first_k, first_top), (second_k, second_top) = crossing
        last = 1 << 32  # NULL, all objects, sorts after any number
        return (first_k, second_k, first_top or last, second_top or last)

    return sorted(set(by_k + by_top), key=key)


def pairs(comparisons: Iterable[CaptionComparison]) -> list[Pair]:
    """Pair the references of each target and mode, in the order of the agreement table's key."""
    found = [
        (first, second)
        for first, second in itertools.combinations(comparisons, 2)
        if (first.target, first.mode) == (second.target, second.mode)
    ]
    return sorted(found, key=lambda p: (p[0].target, p[0].mode, p[0].reference, p[1].reference))
