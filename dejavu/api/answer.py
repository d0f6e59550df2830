"""From the tables of an audited model to its `Audit`: the numbers that stage report writes."""

import re
from pathlib import PurePath
from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.api.result import Audit, Excess, right_and_gap
from dejavu.api.stages import Project
from dejavu.errors import DataError
from dejavu.report import calibration, from_params, make
from dejavu.report.calibration import Answer, Calibration
from dejavu.roles import CONTROL, TARGET
from dejavu.statistics.adjusted import MIN_GROUPS
from dejavu.tables.catalog import Catalog

_GUESSES = """
SELECT
    p.role, s.sample_name, t.label, g.label AS predicted, m.votes_for_truth, p.is_correct, m.z, m.p_value,
    m.is_listed
FROM predictions p
JOIN memorized_samples m ON m.lane = p.lane AND m.target = p.predictor AND m.sample_id = p.sample_id
JOIN samples s ON s.lane = p.lane AND s.sample_id = p.sample_id
JOIN labels t ON t.lane = p.lane AND t.label_id = p.label_id
JOIN labels g ON g.lane = p.lane AND g.label_id = p.predicted_id
WHERE p.lane = 'image' AND p.predictor = $predictor ORDER BY p.sample_id
"""
_COLUMNS = (
    "role", "row", "label", "predicted", "votes_for_truth", "is_correct", "z", "p_value", "is_listed",
)  # fmt: skip


def of(project: Project, model: str, *, with_report: bool, scratch: Any) -> Audit:
    """Return the audit of a project whose stages ran.

    Args:
        project: the folder.
        model: the model's name in its tables.
        with_report: whether a reference was made: then the report is written, too.
        scratch: keeps a temporary project alive as long as the audit.

    Raises:
        DataError: a role has too few samples for an answer.
    """
    if with_report:
        project.report()
    found, samples = _calibrated(project, model)
    answer = found.of("image", model)
    if answer is None or answer.excess.adjusted is None:
        raise DataError(
            f"target or control has fewer than {MIN_GROUPS} samples left (duplicates count once; see "
            "drop_reason in crops.parquet), expected some hundreds."
        )
    return Audit(
        verdict=answer.verdict.text,
        excess=Excess.of(answer.excess.adjusted),
        scores=_scores(answer, samples) | _by_layer(found),
        samples=samples,
        warnings=answer.gate.reasons,
        project=project.folder,
        scratch=scratch,
    )


def _calibrated(project: Project, model: str) -> tuple[Calibration, pa.Table]:
    """Return the calibration of the image lane, and a row per attacked sample of `model`."""
    settings = from_params.read(project.params)
    image, captions = settings.image, settings.captions
    with make.tables_of(project.data, image, captions) as (opened, _, _):
        found = calibration.calibrate(
            opened, image, captions, has_image=True, has_captions=False,
            data_root=settings.data_root,
        )  # fmt: skip
        return found, _samples(opened, model)


def _scores(answer: Answer, samples: pa.Table) -> dict[str, Any]:
    is_target = np.array(samples["role"].to_pylist()) == TARGET
    is_right = samples["is_correct"].to_numpy()
    excess = answer.excess
    return right_and_gap(is_right, is_target, excess.gap, excess.soft) | {
        "covariates": list(excess.covariates),
        "n_needed": answer.verdict.n_needed,
        "n_listed": int(np.sum(samples["is_listed"].to_numpy())),
        "control_needed": excess.listing and excess.listing.n_control_needed,
        "uncovered_share": answer.gate.uncovered_share,
    }


def _by_layer(found: Calibration) -> dict[str, dict[str, Any]]:
    """Return the adjusted excess of every layer, and its interval; None: it could not be estimated."""
    assert found.image is not None
    excess = {name: each.adjusted for name, each in found.image.excess.items()}
    return {
        "excess_points_by_layer": {
            name: None if each is None else 100 * each.value for name, each in excess.items()
        },
        "ci95_points_by_layer": {
            name: None if each is None else tuple(100 * end for end in each.interval())
            for name, each in excess.items()
        },
    }


def _samples(opened: Catalog, model: str) -> pa.Table:
    found = opened.table(_GUESSES, {"predictor": model})
    return in_order(found).select(list(_COLUMNS))


def in_order(found: pa.Table) -> pa.Table:
    """Return rows of attacked samples, target first, each with its row in the data set that was given."""
    names = found["sample_name"].to_pylist()
    rows = [int(re.findall(r"\d+", PurePath(name).stem)[-1]) for name in names]
    found = found.append_column("row", pa.array(rows, pa.int64()))
    order = np.lexsort((rows, np.array(found["role"].to_pylist()) == CONTROL))
    return found.take(pa.array(order))
