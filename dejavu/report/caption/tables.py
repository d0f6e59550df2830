"""One CSV per table and figure of the caption lane, with the paper's numbers beside ours."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.caption.object_sets import jaccard
from dejavu.report.caption.results import ROLES, STATISTICS, CaptionSettings
from dejavu.report.numbers import Node
from dejavu.report.settings import headline_table, lengths_table
from dejavu.run import seeds
from dejavu.statistics import resampling
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

Rows = list[dict[str, Any]]
Pair = tuple[float, float]  # PPG, PRG
# Paper: by (reference, mode). Tables 2 and 4 count all objects, by k; Tables 3 and 5 have k = 10, by top.
PAPER_BY_K: dict[str, dict[tuple[str, str], dict[int, Pair]]] = {
    "table_2": {  # 40 million licensed images
        ("second_model", "t2i"): {1: (0.030, 0.030), 10: (0.060, 0.064), 100: (0.054, 0.063)},
        ("text_model", "t2i"): {1: (0.014, 0.034), 10: (0.094, 0.082), 100: (0.190, 0.107)},
        ("text_model", "t2t"): {1: (0.033, 0.038), 10: (0.098, 0.065), 100: (0.218, 0.061)},
    },
    "table_4": {  # OpenCLIP trained on YFCC15M
        ("text_model", "t2i"): {1: (0.140, 0.164), 10: (0.156, 0.165), 100: (0.257, 0.097)},
        ("text_model", "t2t"): {1: (0.053, 0.061), 10: (0.054, 0.092), 100: (0.066, 0.080)},
    },
}
PAPER_BY_TOP: dict[str, dict[tuple[str, str], dict[int | None, Pair]]] = {
    "table_3": {
        ("second_model", "t2i"): {1: (0.022, 0.022), 10: (0.055, 0.056), None: (0.060, 0.064)},
        ("text_model", "t2i"): {1: (0.034, 0.034), 10: (0.081, 0.074), None: (0.094, 0.082)},
        ("text_model", "t2t"): {1: (0.026, 0.026), 10: (0.068, 0.064), None: (0.098, 0.065)},
    },
    "table_5": {
        ("text_model", "t2i"): {1: (0.092, 0.092), 10: (0.143, 0.142), None: (0.156, 0.165)},
        ("text_model", "t2t"): {1: (0.054, 0.054), 10: (0.071, 0.071), None: (0.054, 0.092)},
    },
}
PAPER_TABLES_K = 10
# Figure 4: Jaccard similarity, [second model's setting][text model's setting].
PAPER_AGREEMENT_BY_K = {
    1: {1: 0.25, 10: 0.30, 100: 0.25},
    10: {1: 0.29, 10: 0.59, 100: 0.62},
    100: {1: 0.25, 10: 0.61, 100: 0.84},
}
PAPER_AGREEMENT_BY_TOP: dict[int | None, dict[int | None, float]] = {
    1: {1: 0.40, 10: 0.23, None: 0.14},
    10: {1: 0.21, 10: 0.64, None: 0.47},
    None: {1: 0.13, 10: 0.45, None: 0.84},
}
SCORE_COLUMNS = (
    "test",
    "target",
    "reference",
    "mode",
    "k",
    "top",
    "role",
    "n",
    "ppg",
    "prg",
    "aucg",
)


def caption_tables(catalog: Catalog, results: Node, settings: CaptionSettings) -> dict[str, Rows]:
    """Return the rows of every table of the caption lane, by file name."""
    return {
        "caption_scores": score_rows(results),
        "caption_calibration": calibration_rows(results),
        "caption_by_neighbors": paper_rows(results, by="k"),
        "caption_by_objects": paper_rows(results, by="top"),
        "caption_agreement": agreement_rows(catalog, settings),
        "caption_top_l": catalog.rows(queries.text("caption_top_l")),
        "caption_planted": catalog.rows(queries.text("caption_planted")),
        "caption_exchangeability": catalog.rows(queries.text("caption_exchangeability")),
        "caption_dropped": catalog.rows(queries.text("caption_dropped")),
        "caption_most_memorized": catalog.rows(queries.text("caption_most_memorized")),
    }


def query_tables(settings: CaptionSettings) -> dict[str, pa.Table]:
    """Return the parameters as small tables, for the queries that need them."""
    return {
        "caption_headline": headline_table(settings.headline),
        "lengths": lengths_table(),
        "settings": pa.table(
            {"n_most_memorized": pa.array([settings.n_most_memorized], pa.int64())}
        ),
    }


def comparisons_of(results: Node) -> Iterator[tuple[dict[str, Any], Node]]:
    """Yield (target, reference, mode, k, top) as a dict, and the node of that comparison."""
    for target, references in results.items():
        for reference, modes in references.items():
            for mode, by_k in modes.items():
                for k, by_top in by_k.items():
                    for top, node in by_top.items():
                        yield {
                            "target": target, "reference": reference, "mode": mode,
                            "k": int(k.removeprefix("k=")), "top": top.removeprefix("top="),
                        }, node  # fmt: skip


def score_rows(results: Node) -> Rows:
    """Figure 8 and Tables 2 to 5: the gaps of every comparison, by role."""
    return [
        {
            "test": f"{who['target']} / {who['reference']} / {who['mode']} / {role}",
            **who,
            "role": role,
            "n": node[role]["n"],
            **_with_bounds(node[role], ""),
            "ppg_sign_p": node[role]["ppg_sign_p"],
            "prg_sign_p": node[role]["prg_sign_p"],
        }
        for who, node in comparisons_of(results)
        for role in ROLES
        if role in node
    ]


def calibration_rows(results: Node) -> Rows:
    """Every test calibrated: gap on target, on control, excess, and the two-model gap beside them."""
    rows: Rows = []
    for who, node in comparisons_of(results):
        second = results[who["target"]].get("second_model", {}).get(who["mode"], {})
        beside = second.get(f"k={who['k']}", {}).get(f"top={who['top']}", {}).get("target", {})
        row = {**who}
        for role in (*ROLES, "excess"):
            row |= _with_bounds(node.get(role, {}), f"{role}_")
        rows.append(row | _with_bounds(beside, "two_model_"))
    return rows


def paper_rows(results: Node, *, by: str) -> Rows:
    """Tables 2 and 4 (`by` = ``k``, all objects) or 3 and 5 (``top``, 10 neighbors), target role."""
    rows: Rows = []
    for who, node in comparisons_of(results):
        is_row = who["top"] == "all" if by == "k" else who["k"] == PAPER_TABLES_K
        if not is_row or "target" not in node:
            continue
        row = {**who, "n": node["target"]["n"], **_with_bounds(node["target"], "")}
        row |= _with_bounds(node.get("excess", {}), "excess_")
        paper: Any = PAPER_BY_K if by == "k" else PAPER_BY_TOP
        setting = who["k"] if by == "k" else None if who["top"] == "all" else int(who["top"])
        for table, found in paper.items():
            ppg, prg = found.get((who["reference"], who["mode"]), {}).get(setting, (None, None))
            row |= {f"paper_{table}_ppg": ppg, f"paper_{table}_prg": prg}
        rows.append(row)
    return rows


def agreement_rows(catalog: Catalog, settings: CaptionSettings) -> Rows:
    """Figure 4: mean Jaccard similarity of what two references predict correctly, with intervals."""
    names = (
        "target", "mode", "first", "second", "first_k", "second_k", "first_top", "second_top", "role",
    )  # fmt: skip
    grouped: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for cell in catalog.rows(queries.text("caption_agreement_cells")):
        grouped.setdefault(tuple(cell[name] for name in names), []).append(cell)
    rows: Rows = []
    for key, cells in grouped.items():
        counts, *sizes = (
            np.array([cell[name] for cell in cells], dtype=np.int64)
            for name in ("n", "first_hits", "second_hits", "common_hits")
        )
        values, n = jaccard(*sizes), int(counts.sum())
        purpose = ".".join(str(part) for part in ("report.bootstrap.caption.agreement", *key))
        generator = seeds.generator(settings.seed, purpose)
        drawn = generator.multinomial(n, counts / n, size=settings.resamples) @ values / n
        low, high = resampling.interval(drawn) or (None, None)
        row = dict(zip(names, key, strict=True))
        rows.append(
            row
            | {"first_top": row["first_top"] or "all", "second_top": row["second_top"] or "all"}
            | {"n": n, "jaccard": float((counts * values).sum() / n), "low": low, "high": high}
            | {"paper": _paper_agreement(row)}
        )
    return rows


def _paper_agreement(row: dict[str, Any]) -> float | None:
    if (row["first"], row["second"], row["mode"]) != ("second_model", "text_model", "t2i"):
        return None
    if row["first_top"] is None and row["second_top"] is None:
        return PAPER_AGREEMENT_BY_K.get(row["first_k"], {}).get(row["second_k"])
    if row["first_k"] == row["second_k"] == 100:
        return PAPER_AGREEMENT_BY_TOP.get(row["first_top"], {}).get(row["second_top"])
    return None


def _with_bounds(
    node: Node, prefix: str, names: Sequence[str] = STATISTICS
) -> dict[str, float | None]:
    columns: dict[str, float | None] = {}
    for name in names:
        low, high = node.get(f"{name}_ci95") or (None, None)
        columns |= {
            f"{prefix}{name}": node.get(name),
            f"{prefix}{name}_low": low,
            f"{prefix}{name}_high": high,
        }
    return columns
