"""Caption lane: the adjusted recall and precision gap of every target, and whether control is like target."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.caption.comparisons import headline_mode, reference_names, target_names
from dejavu.params.report import CaptionHeadline
from dejavu.report import crossover, listed, measures, outside
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.excess import Excess
from dejavu.report.outside import Looked, Pixels
from dejavu.roles import CONTROL, ORACLE, SECOND_MODEL, TARGET
from dejavu.statistics.adjusted import Adjustment, Difference, Side, adjusted, unadjusted
from dejavu.statistics.control_differs import Gate, Known
from dejavu.statistics.covariates import Covariates, covariates
from dejavu.statistics.design import Matrix
from dejavu.statistics.matched_gaps import Values, matched_gap
from dejavu.tables import by_sample, queries
from dejavu.tables.catalog import Catalog

RIDGE = 0.001  # λ of the caption lane
GATE = "report.control_differs.caption"  # names its random draws
_PURPOSE = "report.adjusted.caption"
_OUTSIDE = {
    "ln_bytes": "bytes", "ln_width": "width", "ln_height": "height", "ln_caption": "caption length",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedCaptions:
    """The caption lane with a control set, at the headline setting of each target."""

    excess: Mapping[str, Excess]  # adjusted, gap: recall; more: precision and matched gaps
    looked: Mapping[str, Looked]  # by target, as gates
    gates: Mapping[str, Gate]


@dataclasses.dataclass(frozen=True, slots=True)
class _Attacked:
    """Outcomes of a target at one setting, against each of its references; rows in sample_id order."""

    by_reference: Mapping[str, pa.Table]

    @property
    def any(self) -> pa.Table:
        """Return one of the tables: what is said of the target is the same in all."""
        return next(iter(self.by_reference.values()))

    @property
    def is_target(self) -> np.ndarray:
        return pc.equal(self.any["role"], TARGET).to_numpy()

    def column(self, name: str, reference: str | None = None) -> np.ndarray:
        table = self.any if reference is None else self.by_reference[reference]
        return table[name].to_numpy().astype(np.float64)

    def sides(self, y: np.ndarray, x: Matrix | None = None) -> tuple[Side, Side]:
        x = np.zeros((len(y), 0)) if x is None else x
        group, is_target = self.any["group_id"].to_numpy(), self.is_target
        target, control = (
            Side(y=y[rows], x=x[rows], group=group[rows]) for rows in (is_target, ~is_target)
        )
        return target, control

    def values(self, name: str) -> tuple[Values, Values]:
        y, n_objects = self.column(name), self.any["n_objects"].to_numpy().astype(np.int64)
        group, is_target = self.any["group_id"].to_numpy(), self.is_target
        target, control = (
            Values(y=y[rows], n_objects=n_objects[rows], group=group[rows])
            for rows in (is_target, ~is_target)
        )
        return target, control


def calibrated(
    catalog: Catalog, settings: CaptionSettings, share: float, pixels: Pixels
) -> CalibratedCaptions | None:
    """Return the calibrated numbers at the headline's mode, k and top.

    A target that is not scored in this mode stands at its own first one. `share` of the list's entries may
    be false.

    None where no target has attacked samples of both roles.
    """
    lead = settings.headline
    if lead is None:
        return None
    lists = listed.counts(catalog, "caption", share)
    excess, looked = {}, {}
    for target in target_names(settings.models):
        mode = headline_mode(settings.models[target], lead)
        attacked = _read(catalog, target, mode, lead)
        if attacked is None or attacked.is_target.all() or not attacked.is_target.any():
            continue
        known = _known(attacked, second=False)
        adjustment = Adjustment(
            *attacked.sides(attacked.column("target_recall"), known.x), ridge=RIDGE, seed=settings.seed,
            purpose=_PURPOSE,
        )  # fmt: skip
        found = _excess(attacked, adjustment, known, settings.seed)
        seen = settings.models[target].roles_seen
        excess[target] = dataclasses.replace(
            found, listing=lists.get(target), roles_seen=seen,
            crossover=crossover.of_captions(
                catalog, target, settings.models[target].second_model, seen
            ),
            is_negative_control=(TARGET in seen) == (CONTROL in seen),
            measures=measures.measured(
                catalog, "caption", target,
                measures.Compared(
                    sample_id=attacked.any["sample_id"].to_numpy(), sides=attacked.sides,
                    adjustment=adjustment,
                ),
            ),
        )  # fmt: skip
        looked[target] = _look(catalog, attacked, known, settings, pixels)
    gates = {target: each.gate(settings.seed, GATE) for target, each in looked.items()}
    return CalibratedCaptions(excess=excess, looked=looked, gates=gates) if excess else None


def _read(catalog: Catalog, target: str, mode: str, headline: CaptionHeadline) -> _Attacked | None:
    names = catalog.table(
        "SELECT DISTINCT reference FROM caption_scores WHERE target = $target AND mode = $mode ORDER BY 1",
        {"target": target, "mode": mode},
    )["reference"].to_pylist()
    setting = {"target": target, "mode": mode, "k": headline.k, "top": headline.n_top}
    tables = {
        name: catalog.table(queries.text("caption_attacked"), setting | {"reference": name})
        for name in names
    }
    tables = {name: table for name, table in tables.items() if table.num_rows}
    return _Attacked(tables) if tables else None


def _known(attacked: _Attacked, *, second: bool) -> Covariates:
    """Return X: what text models bring back, and a dummy per number of true objects."""
    columns = {}
    for name in attacked.by_reference:
        if name != ORACLE and (second or name != SECOND_MODEL):
            columns[f"{name} recall"] = attacked.column("reference_recall", name)
            columns[f"{name} precision"] = attacked.column("reference_precision", name)
            columns[f"{name} predicted"] = attacked.column("reference_predicted", name)
    n_objects = attacked.any["n_objects"].to_numpy().astype(np.int64)
    return covariates(columns, {"n_objects": n_objects})


def _excess(attacked: _Attacked, adjustment: Adjustment, known: Covariates, seed: int) -> Excess:
    is_target = attacked.is_target

    def of(y: np.ndarray) -> Difference | None:
        return adjustment.difference(y[is_target], y[~is_target])

    recall, precision = attacked.column("target_recall"), attacked.column("target_precision")
    matched = {
        f"{short}_matched": matched_gap(*attacked.values(f"target_{name}"))
        for short, name in (("ppg", "precision"), ("prg", "recall"))
    }
    wider = None
    if SECOND_MODEL in attacked.by_reference:
        with_second = attacked.sides(recall, _known(attacked, second=True).x)
        wider = adjusted(*with_second, ridge=RIDGE, seed=seed, purpose=_PURPOSE)
    return Excess(
        adjusted=of(recall),
        soft=None,
        gap=unadjusted(*attacked.sides(recall)),
        unadjusted={
            name: unadjusted(*attacked.sides(recall - attacked.column("reference_recall", name)))
            for name in attacked.by_reference
        },
        covariates=known.names,
        with_second_model=wider,
        more={"adjusted_precision": of(precision)}
        | {name: None if each is None else each.difference for name, each in matched.items()},
        n_left_out=next((each.n_left_out for each in matched.values() if each), None),
    )


def _look(
    catalog: Catalog,
    attacked: _Attacked,
    known: Covariates,
    settings: CaptionSettings,
    pixels: Pixels,
) -> Looked:
    """Return the covariates, and what lies outside the model: bytes, size, color, caption, objects."""
    rows = catalog.table(queries.text("caption_blind"))
    of_all = outside.Attacked(
        sample_id=attacked.any["sample_id"].to_numpy(),
        is_target=attacked.is_target,
        group=attacked.any["group_id"].to_numpy(),
    )
    place, _ = by_sample.positions(rows["sample_id"].to_numpy(), of_all.sample_id)
    stated = {
        shown: rows[column].to_numpy().astype(np.float64)[place]
        for column, shown in _OUTSIDE.items()
    }
    levels = {"number of objects": attacked.any["n_objects"].to_numpy().astype(np.int64)}
    found = outside.look(
        catalog, "caption", of_all, stated, levels, pixels=pixels,
        text_models=tuple(reference_names(settings.models).values()), seed=settings.seed, purpose=GATE,
    )  # fmt: skip
    return Looked(
        covariates=Known(x=known.x, is_target=of_all.is_target, group=of_all.group), outside=found
    )
