"""Image lane: the adjusted excess of every target, and whether control is like target."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow.compute as pc

from dejavu.image.targets import Target
from dejavu.report import crossover, listed, measures, outside
from dejavu.report.excess import Excess
from dejavu.report.image import attacked as arrays
from dejavu.report.image.attacked import Attacked
from dejavu.report.outside import Looked, Pixels
from dejavu.report.settings import ImageSettings
from dejavu.roles import TARGET
from dejavu.statistics.adjusted import Adjustment, Difference, adjusted, unadjusted
from dejavu.statistics.control_differs import Gate, Known
from dejavu.statistics.covariates import Covariates
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

RIDGE = 0.01  # λ of the image lane
GATE = "report.control_differs.image"  # names its random draws
_PURPOSE = "report.adjusted.image"
_OUTSIDE = {
    "ln_bytes": "bytes", "ln_width": "width", "ln_height": "height", "ln_crop_area": "crop area",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The image lane with a control set: excess by target, and the gate before all of them."""

    excess: Mapping[str, Excess]
    looked: Looked
    gate: Gate


def calibrated(catalog: Catalog, settings: ImageSettings, pixels: Pixels) -> Calibrated | None:
    """Return the calibrated numbers; None where a role has no attacked sample.

    Args:
        catalog: tables of the run.
        settings: parameters of the image lane.
        pixels: where images lie whose colors are looked at.
    """
    names = catalog.table(
        "SELECT DISTINCT predictor FROM predictions WHERE lane = 'image' ORDER BY 1"
    )["predictor"].to_pylist()
    targets = [target for target in settings.targets if target.name in names]
    first = arrays.read(catalog, targets[0].name)
    if first.is_target.all() or not first.is_target.any():
        return None
    chosen = arrays.chosen(settings.report.covariates, names)
    references = {name: arrays.read(catalog, name) for name in chosen}
    known = arrays.covariates_of(first, references)
    excess = _excesses(catalog, settings, targets, first, known)
    looked = _look(catalog, first, known, settings.seed, pixels)
    return Calibrated(excess=excess, looked=looked, gate=looked.gate(settings.seed, GATE))


def _excesses(
    catalog: Catalog,
    settings: ImageSettings,
    targets: Sequence[Target],
    first: Attacked,
    known: Covariates,
) -> dict[str, Excess]:
    """Return the excess of every target; `first` are the guesses of the first one, and `known` of all."""
    adjustment = Adjustment(
        *first.sides(first.is_correct, known.x), ridge=RIDGE, seed=settings.seed, purpose=_PURPOSE
    )
    share = settings.report.false_discovery_percent / 100
    lists = listed.counts(catalog, "image", share)
    found = {}
    for target in targets:
        attacked = arrays.read(catalog, target.name)
        arrays.require_same(first, attacked, (targets[0].name, target.name))
        second = None if target.second_model is None else arrays.read(catalog, target.second_model)
        excess = _excess(
            attacked,
            adjustment,
            known,
            second,
            target.votes,
            settings.seed,
            _unadjusted(catalog, target.name, attacked),
        )
        found[target.name] = dataclasses.replace(
            excess, listing=lists.get(target.name),
            crossover=crossover.of_image(
                catalog, target.name, target.second_model, target.roles_seen
            ),
            roles_seen=target.roles_seen, is_negative_control=target.is_negative_control,
            measures=measures.measured(
                catalog, "image", target.name,
                measures.Compared(
                    sample_id=attacked.sample_id, sides=attacked.sides, adjustment=adjustment
                ),
            ),
        )  # fmt: skip
    return found


def _excess(
    attacked: Attacked,
    adjustment: Adjustment,
    known: Covariates,
    second: Attacked | None,
    votes: int | None,
    seed: int,
    by_reference: Mapping[str, Difference | None],
) -> Excess:
    def of(y: np.ndarray) -> Difference | None:
        return adjustment.difference(y[attacked.is_target], y[~attacked.is_target])

    soft = attacked.soft(votes)
    wider = None
    if second is not None:
        with_second = arrays.with_second_model(known, second, votes)
        wider = adjusted(
            *attacked.sides(attacked.is_correct, with_second.x),
            ridge=RIDGE, seed=seed, purpose=_PURPOSE,
        )  # fmt: skip
    return Excess(
        adjusted=of(attacked.is_correct),
        soft=None if soft is None else of(soft),
        gap=unadjusted(*attacked.sides(attacked.is_correct)),
        unadjusted=by_reference,
        covariates=known.names,
        with_second_model=wider,
        has_votes=soft is not None,
    )


def _unadjusted(catalog: Catalog, target: str, attacked: Attacked) -> dict[str, Difference | None]:
    """Return the difference of differences per reference, with coefficient 1."""
    names = catalog.table(
        "SELECT DISTINCT reference FROM image_scores WHERE target = $target ORDER BY 1",
        {"target": target},
    )["reference"].to_pylist()
    found = {}
    for name in names:
        pair = {"target": target, "reference": name}
        rows = catalog.table(queries.text("image_reference_right"), pair)
        right = rows["reference_correct"].to_numpy(zero_copy_only=False)
        found[name] = unadjusted(*attacked.sides(attacked.is_correct - right))
    return found


def _look(
    catalog: Catalog, attacked: Attacked, known: Covariates, seed: int, pixels: Pixels
) -> Looked:
    """Return the covariates, and what lies outside the model: bytes, size, color, tags, label."""
    rows = catalog.table(queries.text("image_blind"))
    of_all = outside.Attacked(
        sample_id=rows["sample_id"].to_numpy(),
        is_target=pc.equal(rows["role"], TARGET).to_numpy(),
        group=rows["group_id"].to_numpy(),
    )
    stated = {
        shown: rows[column].to_numpy().astype(np.float64) for column, shown in _OUTSIDE.items()
    }
    labels = rows["label_id"].to_numpy().astype(np.int64)
    found = outside.look(
        catalog, "image", of_all, stated, {"label": labels}, pixels=pixels, seed=seed, purpose=GATE,
    )  # fmt: skip
    covered = pc.mean(rows["is_covered"]).as_py()
    return Looked(
        covariates=Known(x=known.x, is_target=attacked.is_target, group=attacked.group),
        outside=found,
        uncovered_share=None if covered is None else float(1 - covered),
    )
