"""Are control and target samples alike? The excess rests on it, so it is tested and reported."""

import dataclasses
from collections.abc import Iterable

import numpy as np
from scipy import stats

from dejavu.report.image.records import ImageResults
from dejavu.report.numbers import Estimate, Line, Rows, significant
from dejavu.roles import CONTROL, SECOND_MODEL, TARGET
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAccuracy:
    """A reference saw neither target nor control, so its accuracy should be alike on both."""

    reference: str
    target_name: str | None  # whose second model it is; None: it serves every target
    n_target: int
    n_control: int
    target: float | None  # accuracy
    control: float | None
    difference: Estimate

    @property
    def name(self) -> str:
        """Return what is compared."""
        return (
            self.reference
            if self.target_name is None
            else f"{self.reference} of {self.target_name}"
        )

    def line(self) -> Line:
        """Return the check as a row of table ``image_exchangeability``."""
        return {
            "check": "reference_accuracy", "name": self.name, "n_target": self.n_target,
            "n_control": self.n_control, "target": self.target, "control": self.control,
            "difference": self.difference.value, "low": self.difference.low,
            "high": self.difference.high, "p": None,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DrawnAlike:
    """A test that both roles are drawn from one population."""

    check: str
    name: str
    n_target: int
    n_control: int
    p: float | None  # None: a role is empty, or there is one label
    target: float | None = None  # mean of what is compared
    control: float | None = None

    def line(self) -> Line:
        """Return the test as a row of table ``image_exchangeability``."""
        return {
            "check": self.check, "name": self.name, "n_target": self.n_target,
            "n_control": self.n_control, "target": self.target, "control": self.control,
            "difference": None, "low": None, "high": None, "p": self.p,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchangeability:
    """Everything that was compared; nothing where the lane was not run."""

    accuracies: tuple[ReferenceAccuracy, ...] = ()
    tests: tuple[DrawnAlike, ...] = ()

    def lines(self) -> Rows:
        """Return table ``image_exchangeability``."""
        return [each.line() for each in self.accuracies] + [each.line() for each in self.tests]


def exchangeability(
    catalog: Catalog, results: ImageResults, headline_targets: Iterable[str]
) -> Exchangeability:
    """Compare both roles.

    - ``reference_accuracy``: difference of a reference's accuracy with its 95 % interval.
    - ``label_balance``: chi-square test of the labels' counts.
    - ``crop_area``: two-sample Kolmogorov-Smirnov test of the crops' areas.
    """
    return Exchangeability(
        accuracies=_accuracies(results, headline_targets),
        tests=(_label_balance(catalog), _crop_area(catalog)),
    )


def _accuracies(
    results: ImageResults, headline_targets: Iterable[str]
) -> tuple[ReferenceAccuracy, ...]:
    found: dict[tuple[str, str | None], ReferenceAccuracy] = {}
    for target in headline_targets:
        for reference, each in results.get(target, {}).items():
            if each.control is None or each.excess is None:
                continue
            whose = target if reference == SECOND_MODEL else None
            accuracy = ReferenceAccuracy(
                reference=reference,
                target_name=whose,
                n_target=each.target.n,
                n_control=each.control.n,
                target=each.target.scores.reference_accuracy.value,
                control=each.control.scores.reference_accuracy.value,
                difference=each.excess.scores.reference_accuracy,
            )
            found.setdefault((reference, whose), accuracy)
    return tuple(found.values())


def _label_balance(catalog: Catalog) -> DrawnAlike:
    rows = catalog.table(queries.text("image_label_balance"))
    counts = np.column_stack([rows[name].to_numpy() for name in ("n_target", "n_control")])
    p = None
    if (counts.sum(axis=0) > 0).all() and len(counts) > 1:
        p = significant(stats.chi2_contingency(counts).pvalue)
    n_target, n_control = counts.sum(axis=0).tolist()
    return DrawnAlike(
        check="label_balance", name="chi-square of label counts", n_target=n_target,
        n_control=n_control, p=p,
    )  # fmt: skip


def _crop_area(catalog: Catalog) -> DrawnAlike:
    rows = catalog.table(queries.text("image_crop_areas"))
    area, role = rows["area_px"].to_numpy(), np.asarray(rows["role"].to_pylist())
    target, control = area[role == TARGET], area[role == CONTROL]
    p = None
    if min(len(target), len(control)) > 0 and len(target) + len(control) > 2:  # 1 and 1: undefined
        p = significant(stats.ks_2samp(target, control, method="asymp").pvalue)
    means = [float(np.mean(areas)) if len(areas) else None for areas in (target, control)]
    return DrawnAlike(
        check="crop_area", name="Kolmogorov-Smirnov of crop areas", n_target=len(target),
        n_control=len(control), p=p, target=means[0], control=means[1],
    )  # fmt: skip
