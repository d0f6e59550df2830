"""Are control and target samples alike? The excess rests on it, so it is tested and reported."""

from typing import Any

import numpy as np
from scipy import stats

from dejavu.report.image.records import ImageResults
from dejavu.report.numbers import significant
from dejavu.roles import SECOND_MODEL
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

Rows = list[dict[str, Any]]


def exchangeability(catalog: Catalog, results: ImageResults, headline_targets: list[str]) -> Rows:
    """Return one row per check.

    - ``reference_accuracy``: a reference never saw target nor control, so its accuracy should be alike;
      difference with its 95 % interval.
    - ``label_balance``: chi-square test of the labels' counts.
    - ``crop_area``: two-sample Kolmogorov-Smirnov test of the crops' areas.
    """
    return [*_accuracies(results, headline_targets), _label_balance(catalog), _crop_area(catalog)]


def _accuracies(results: ImageResults, headline_targets: list[str]) -> Rows:
    rows: dict[str, dict[str, Any]] = {}
    for target in headline_targets:
        for reference, each in results.get(target, {}).items():
            if each.control is None or each.excess is None:
                continue
            name = f"{reference} of {target}" if reference == SECOND_MODEL else reference
            difference = each.excess.scores.reference_accuracy
            row = {
                "check": "reference_accuracy",
                "name": name,
                "n_target": each.target.n,
                "n_control": each.control.n,
                "target": each.target.scores.reference_accuracy.value,
                "control": each.control.scores.reference_accuracy.value,
                "difference": difference.value,
                "low": difference.low,
                "high": difference.high,
                "p": None,
            }
            rows.setdefault(name, row)  # one-model references are the same for every target
    return list(rows.values())


def _label_balance(catalog: Catalog) -> dict[str, Any]:
    rows = catalog.rows(queries.text("image_label_balance"))
    counts = np.array([[row["n_target"], row["n_control"]] for row in rows]).reshape(-1, 2)
    p = None
    if (counts.sum(axis=0) > 0).all() and len(counts) > 1:
        p = significant(stats.chi2_contingency(counts).pvalue)
    return _test_row("label_balance", "chi-square of label counts", counts.sum(axis=0), p)


def _crop_area(catalog: Catalog) -> dict[str, Any]:
    rows = catalog.table(queries.text("image_crop_areas"))
    area, role = rows["area_px"].to_numpy(), np.asarray(rows["role"].to_pylist())
    target, control = area[role == "target"], area[role == "control"]
    p = None
    if len(target) and len(control):
        p = significant(stats.ks_2samp(target, control, method="asymp").pvalue)
    row = _test_row("crop_area", "Kolmogorov-Smirnov of crop areas", (len(target), len(control)), p)
    means = [float(np.mean(areas)) if len(areas) else None for areas in (target, control)]
    row["target"], row["control"] = means
    return row


def _test_row(check: str, name: str, sizes: Any, p: float | None) -> dict[str, Any]:
    empty = dict.fromkeys(("target", "control", "difference", "low", "high"))
    return {
        "check": check, "name": name, "n_target": int(sizes[0]), "n_control": int(sizes[1]),
        **empty, "p": p,
    }  # fmt: skip
