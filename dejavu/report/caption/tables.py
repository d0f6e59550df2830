"""One CSV per table and figure of the caption lane, with the paper's numbers beside ours."""

from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.caption.object_sets import jaccard
from dejavu.report import paper
from dejavu.report.caption.records import NO_GAPS, CaptionResults, Setting, every, two_model_gaps
from dejavu.report.caption.results import STATISTICS, CaptionSettings
from dejavu.report.numbers import Rows
from dejavu.report.settings import headline_table, lengths_table
from dejavu.run import seeds
from dejavu.statistics import intervals, resampling
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog


def caption_tables(
    catalog: Catalog, results: CaptionResults, settings: CaptionSettings
) -> dict[str, Rows]:
    """Return the rows of every table of the caption lane, by file name."""
    return {
        "caption_scores": score_rows(results),
        "caption_calibration": calibration_rows(results),
        "caption_by_neighbors": paper_rows(results, by="k"),
        "caption_by_objects": paper_rows(results, by="top"),
        "caption_agreement": agreement_rows(catalog, settings),
        "caption_top_l": catalog.rows(queries.text("caption_top_l")),
        "caption_planted": planted_rows(catalog),
        "caption_exchangeability": catalog.rows(queries.text("caption_exchangeability")),
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


def _who(target: str, reference: str, setting: Setting) -> dict[str, Any]:
    return {
        "target": target, "reference": reference, "mode": setting.mode, "k": setting.k,
        "top": setting.top_text,
    }  # fmt: skip


def score_rows(results: CaptionResults) -> Rows:
    """Figure 8 and Tables 2 to 5: the gaps of every comparison, by role."""
    return [
        {
            "test": f"{target} / {reference} / {setting.mode} / {role}",
            **_who(target, reference, setting),
            "role": role,
            "n": found.n,
            **found.gaps.cells(),
            "ppg_sign_p": found.ppg_sign_p,
            "prg_sign_p": found.prg_sign_p,
        }
        for target, reference, setting, each in every(results)
        for role, found in (("target", each.target), ("control", each.control))
        if found is not None
    ]


def calibration_rows(results: CaptionResults) -> Rows:
    """Every test calibrated: gap on target, on control, excess, and the two-model gap beside them."""
    rows: Rows = []
    for target, reference, setting, each in every(results):
        row = _who(target, reference, setting)
        for prefix, found in (
            ("target_", each.target and each.target.gaps),
            ("control_", each.control and each.control.gaps),
            ("excess_", each.excess and each.excess.gaps),
            ("two_model_", two_model_gaps(results[target], setting)),
        ):
            row |= (found or NO_GAPS).cells(prefix)
        p_values = each.excess.p_one_sided if each.excess else dict.fromkeys(STATISTICS)
        row |= {f"excess_{name}_p_one_sided": p for name, p in p_values.items()}
        rows.append(row)
    return rows


def paper_rows(results: CaptionResults, *, by: str) -> Rows:
    """Tables 2 and 4 (`by` = ``k``, all objects) or 3 and 5 (``top``, 10 neighbors), target role."""
    rows: Rows = []
    for target, reference, setting, each in every(results):
        is_row = setting.top is None if by == "k" else setting.k == paper.TABLES_K
        if not is_row or each.target is None:
            continue
        row = {**_who(target, reference, setting), "n": each.target.n, **each.target.gaps.cells()}
        row |= (each.excess.gaps if each.excess else NO_GAPS).cells("excess_")
        for table, (ppg, prg) in paper.caption_gaps(
            by, reference, setting.mode, setting.k if by == "k" else setting.top
        ).items():
            row |= {f"paper_{table}_ppg": ppg, f"paper_{table}_prg": prg}
        rows.append(row)
    return rows


def planted_rows(catalog: Catalog) -> Rows:
    """Return how well the recall gap finds planted samples, with Newcombe's interval of the area."""
    rows: Rows = catalog.rows(queries.text("caption_planted"))
    for row in rows:
        area, n, n_other = (row[name] for name in ("auroc", "n_planted", "n_other"))
        row["auroc_low"], row["auroc_high"] = intervals.auroc_small(area, n, n_other)
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
        group = np.array([-1 if cell["group_id"] is None else cell["group_id"] for cell in cells])
        values, n = jaccard(*sizes), int(counts.sum())
        purpose = ".".join(str(part) for part in ("report.bootstrap.caption.agreement", *key))
        generator = seeds.generator(settings.seed, purpose)
        found = resampling.kinds(counts, group, values[:, np.newaxis])
        drawn = found.resampled(settings.resamples, generator)
        low, high = resampling.interval(drawn[:, 0]) or (None, None)
        row = dict(zip(names, key, strict=True))
        rows.append(
            row
            | {"first_top": row["first_top"] or "all", "second_top": row["second_top"] or "all"}
            | {"n": n, "jaccard": float((counts * values).sum() / n), "low": low, "high": high}
            | {"paper": paper.agreement(row)}
        )
    return rows
