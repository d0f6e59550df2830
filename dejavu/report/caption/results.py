"""Caption lane: gaps of every comparison with n, interval, sign test, excess and bias.

The samples of one comparison fall into few kinds (sign of the precision gap, hit gap, number of true
objects), counted by a query; duplicates, which are drawn together, stand apart. A resample is a resample of
these counts, so intervals cost the same for a thousand samples and for forty million.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import Float64, Int64

from dejavu.params.caption import CaptionModelParams, CaptionScoreParams
from dejavu.params.report import CaptionHeadline
from dejavu.report.caption.counts import GapCell, GapCounts
from dejavu.report.caption.records import (
    CaptionResults,
    Comparison,
    ExcessGaps,
    Gaps,
    RoleGaps,
    Setting,
)
from dejavu.report.numbers import estimate, rounded, significant
from dejavu.roles import ATTACKED, ORACLE
from dejavu.run import seeds
from dejavu.statistics import resampling
from dejavu.statistics.adjusted import unadjusted_kinds
from dejavu.statistics.exact_tests import sign_p
from dejavu.statistics.resampling import Kinds
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import rows_as

STATISTICS = ("ppg", "prg", "aucg")
Key = tuple[str, str, Setting]  # target, reference


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionSettings:
    """Parameters that decide the caption part of the report."""

    seed: int
    resamples: int  # bootstrap resamples behind every interval
    n_most_memorized: int  # samples listed by name per comparison
    models: Mapping[str, CaptionModelParams]
    score: CaptionScoreParams
    headline: CaptionHeadline | None  # what the lane opens with; None: it is not used


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Kinds of samples of one comparison, setting and role, and how many samples are of each kind."""

    counts: Int64[np.ndarray, " cells"]
    precision_signs: Int64[np.ndarray, " cells"]
    hit_gaps: Int64[np.ndarray, " cells"]
    n_objects: Int64[np.ndarray, " cells"]
    group: Int64[np.ndarray, " cells"]  # -1: each sample of the cell is a group of its own

    @property
    def n(self) -> int:
        """Return the number of samples."""
        return int(self.counts.sum())

    def kinds(self) -> Kinds:
        """Return the groups of duplicates with, as columns, what PPG, PRG and AUCG are the means of."""
        columns = (
            self.precision_signs,
            np.sign(self.hit_gaps),
            self.hit_gaps / self.n_objects,
        )
        return resampling.kinds(
            self.counts, self.group, np.stack(columns, axis=1).astype(np.float64)
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Measured:
    cells: Cells
    values: dict[str, float]
    resampled: dict[str, Float64[np.ndarray, " resamples"]]


def gaps(cells: Cells) -> dict[str, float]:
    """Return PPG, PRG and AUCG, each in [-1, 1] (paper, equation 4).

    PPG = share of samples whose precision is higher with the target − share where it is lower; PRG the
    same with recall. AUCG = the area between the two survival curves of recall = mean recall gap.
    Computed in whole numbers and fractions, so the order of samples changes nothing.
    """
    n = cells.n
    by_size = {
        int(size): int((cells.counts * cells.hit_gaps)[cells.n_objects == size].sum())
        for size in np.unique(cells.n_objects)
    }
    area = sum((Fraction(gap, size) for size, gap in by_size.items()), Fraction(0)) / n
    return {
        "ppg": int((cells.counts * cells.precision_signs).sum()) / n,
        "prg": int((cells.counts * np.sign(cells.hit_gaps)).sum()) / n,
        "aucg": float(area),
    }


def resampled_gaps(
    cells: Cells, n_resamples: int, generator: np.random.Generator
) -> dict[str, Float64[np.ndarray, " resamples"]]:
    """Return PPG, PRG and AUCG of bootstrap resamples: groups of duplicates drawn with replacement.

    All three come from the same resamples; target and reference of a sample are drawn together.
    """
    means = cells.kinds().resampled(n_resamples, generator)
    return dict(zip(STATISTICS, means.T, strict=True))


def read_cells(catalog: Catalog) -> dict[tuple[Key, str], Cells]:
    """Return the kinds of samples by comparison and role."""
    grouped: dict[tuple[Key, str], list[GapCell]] = {}
    for each in rows_as(GapCell, catalog.table(queries.text("caption_gap_cells"))):
        key = (each.target, each.reference, each.setting)
        grouped.setdefault((key, each.role), []).append(each)
    return {
        key: Cells(
            counts=_whole(each.n for each in found),
            precision_signs=_whole(each.precision_sign for each in found),
            hit_gaps=_whole(each.hit_gap for each in found),
            n_objects=_whole(each.n_objects for each in found),
            group=_whole(-1 if each.group_id is None else each.group_id for each in found),
        )
        for key, found in grouped.items()
    }


def _whole(values: Iterable[int]) -> Int64[np.ndarray, " cells"]:
    return np.fromiter(values, dtype=np.int64)


def caption_results(catalog: Catalog, settings: CaptionSettings) -> CaptionResults:
    """Return every target against every reference at every setting.

    - ``target``, ``control``: PPG, PRG, AUCG and exact sign tests of one role.
    - ``excess``: target − control, two independent sets of samples; with the one-sided p-value of Welch's t.
    - ``bias_oracle``: the gaps against the reference − those against the oracle.
    """
    measured = {
        (key, role): _measure(key, role, cells, settings)
        for (key, role), cells in read_cells(catalog).items()
    }
    counts = {
        ((each.target, each.reference, each.setting), each.role): each
        for each in rows_as(GapCounts, catalog.table(queries.text("caption_score_counts")))
    }
    results: dict[str, dict[str, dict[Setting, Comparison]]] = {}
    for key in dict.fromkeys(key for key, _ in measured):
        attacked, control = (measured.get((key, role)) for role in ATTACKED)
        target, reference, setting = key
        place = results.setdefault(target, {}).setdefault(reference, {})
        place[setting] = Comparison(
            target=_role(attacked, counts[key, "target"]) if attacked else None,
            control=_role(control, counts[key, "control"]) if control else None,
            excess=_excess(attacked, control) if attacked and control else None,
            bias_oracle=_bias_oracle(attacked, measured.get(((target, ORACLE, setting), "target"))),
        )
    return results


def _measure(key: Key, role: str, cells: Cells, settings: CaptionSettings) -> _Measured:
    target, reference, at = key
    parts = ("report.bootstrap.caption", role, target, reference, at.mode, at.k, at.top)
    purpose = ".".join(str(part) for part in parts)
    generator = seeds.generator(settings.seed, purpose)
    return _Measured(cells, gaps(cells), resampled_gaps(cells, settings.resamples, generator))


def _role(found: _Measured, counts: GapCounts) -> RoleGaps:
    return RoleGaps(
        n=counts.n,
        n_precision_higher=counts.n_precision_higher,
        n_precision_lower=counts.n_precision_lower,
        n_recall_higher=counts.n_recall_higher,
        n_recall_lower=counts.n_recall_lower,
        n_target_undefined=counts.n_target_undefined,
        n_reference_undefined=counts.n_reference_undefined,
        target_recall=rounded(counts.mean_target_recall),
        reference_recall=rounded(counts.mean_reference_recall),
        ppg_sign_p=significant(sign_p(counts.n_precision_higher, counts.n_precision_lower)),
        prg_sign_p=significant(sign_p(counts.n_recall_higher, counts.n_recall_lower)),
        gaps=Gaps(
            **{name: estimate(found.values[name], found.resampled[name]) for name in STATISTICS}
        ),
    )


def _excess(attacked: _Measured, control: _Measured) -> ExcessGaps:
    differences = unadjusted_kinds(attacked.cells.kinds(), control.cells.kinds())
    return ExcessGaps(
        n_target=attacked.cells.n,
        n_control=control.cells.n,
        gaps=Gaps(
            **{
                name: estimate(
                    attacked.values[name] - control.values[name],
                    attacked.resampled[name] - control.resampled[name],
                )
                for name in STATISTICS
            }
        ),
        p_one_sided={
            name: None if each is None else significant(each.p_greater)
            for name, each in zip(STATISTICS, differences, strict=True)
        },
    )


def _bias_oracle(attacked: _Measured | None, oracle: _Measured | None) -> Gaps | None:
    """Return how far the gaps lie above those against the oracle; positive: the test overestimates."""
    if attacked is None or oracle is None:
        return None
    return Gaps(
        **{name: estimate(attacked.values[name] - oracle.values[name]) for name in STATISTICS}
    )
