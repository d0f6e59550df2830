"""results.json, caption lane: gaps of every comparison with n, interval, sign test, excess and bias.

The samples of one comparison fall into few kinds (sign of the precision gap, hit gap, number of true
objects), counted by a query. A resample of samples is a resample of these counts, so intervals cost the
same for a thousand samples and for forty million.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from dejavu.params.caption import CaptionModelParams, CaptionScoreParams
from dejavu.params.report import CaptionHeadline
from dejavu.report.numbers import Node, put, significant
from dejavu.roles import ORACLE
from dejavu.run import seeds
from dejavu.statistics.exact_tests import sign_p
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

ROLES = ("target", "control")
STATISTICS = ("ppg", "prg", "aucg")
CELLS_AT_ONCE = 4_000_000  # numbers of resampled counts held in memory
Key = tuple[str, str, str, int, int | None]  # target, reference, mode, k, top


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

    @property
    def n(self) -> int:
        """Return the number of samples."""
        return int(self.counts.sum())


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
    """Return PPG, PRG and AUCG of bootstrap resamples: n samples drawn with replacement, as counts.

    All three come from the same resamples; target and reference of a sample are drawn together.
    """
    columns = np.stack(
        [
            cells.precision_signs,
            np.sign(cells.hit_gaps),
            cells.hit_gaps / cells.n_objects,
        ],
        axis=1,
    ).astype(np.float64)
    block = max(1, CELLS_AT_ONCE // len(cells.counts))
    parts = []
    for start in range(0, n_resamples, block):
        size = min(block, n_resamples - start)
        drawn = generator.multinomial(cells.n, cells.counts / cells.n, size=size)
        parts.append(drawn @ columns / cells.n)
    return dict(zip(STATISTICS, np.concatenate(parts).T, strict=True))


def read_cells(catalog: Catalog) -> dict[tuple[Key, str], Cells]:
    """Return the kinds of samples by comparison and role."""
    rows = catalog.rows(queries.text("caption_gap_cells"))
    grouped: dict[tuple[Key, str], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("target", "reference", "mode", "k", "top"))
        grouped.setdefault((key, str(row["role"])), []).append(row)  # type: ignore[arg-type]
    return {
        key: Cells(
            counts=_column(found, "n"),
            precision_signs=_column(found, "precision_sign"),
            hit_gaps=_column(found, "hit_gap"),
            n_objects=_column(found, "n_objects"),
        )
        for key, found in grouped.items()
    }


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=np.int64)


def caption_results(catalog: Catalog, settings: CaptionSettings) -> Node:
    """Return ``<target>.<reference>.<mode>.k=<k>.top=<top>`` with target, control, excess and bias.

    - ``target``, ``control``: PPG, PRG, AUCG and exact sign tests of one role.
    - ``excess``: target − control, two independent sets of samples.
    - ``bias``: the control's gaps, and the gaps against the reference − those against the oracle.

    Without control samples there is no ``control``, ``excess`` or ``bias.control``.
    """
    measured = {
        (key, role): _measure(key, role, cells, settings)
        for (key, role), cells in read_cells(catalog).items()
    }
    counts = {
        (*(row[name] for name in ("target", "reference", "mode", "k", "top")), row["role"]): row
        for row in catalog.rows(queries.text("caption_score_counts"))
    }
    results: Node = {}
    for key in dict.fromkeys(key for key, _ in measured):
        target, reference, mode, k, top = key
        nodes: Node = {
            role: _role_node(measured[key, role], counts[(*key, role)])
            for role in ROLES
            if (key, role) in measured
        }
        if all(role in nodes for role in ROLES):
            nodes["excess"] = _excess_node(measured[key, "target"], measured[key, "control"])
        nodes["bias"] = _bias_node(measured, key)
        place = results.setdefault(target, {}).setdefault(reference, {}).setdefault(mode, {})
        place.setdefault(f"k={k}", {})[f"top={'all' if top is None else top}"] = nodes
    return results


def _measure(key: Key, role: str, cells: Cells, settings: CaptionSettings) -> _Measured:
    purpose = ".".join(str(part) for part in ("report.bootstrap.caption", role, *key))
    generator = seeds.generator(settings.seed, purpose)
    return _Measured(cells, gaps(cells), resampled_gaps(cells, settings.resamples, generator))


def _role_node(found: _Measured, counts: Mapping[str, Any]) -> Node:
    names = (
        "n", "n_precision_higher", "n_precision_lower", "n_recall_higher", "n_recall_lower",
        "n_target_undefined", "n_reference_undefined",
    )  # fmt: skip
    node: Node = {name: counts[name] for name in names}
    for name, metric in (("ppg", "precision"), ("prg", "recall")):
        p = sign_p(counts[f"n_{metric}_higher"], counts[f"n_{metric}_lower"])
        node[f"{name}_sign_p"] = significant(p)
    for name in STATISTICS:
        put(node, name, found.values[name], found.resampled[name])
    return node


def _excess_node(attacked: _Measured, control: _Measured) -> Node:
    node: Node = {"n_target": attacked.cells.n, "n_control": control.cells.n}
    for name in STATISTICS:
        drawn = attacked.resampled[name] - control.resampled[name]
        put(node, name, attacked.values[name] - control.values[name], drawn)
    return node


def _bias_node(measured: Mapping[tuple[Key, str], _Measured], key: Key) -> Node:
    """Return both measures of a reference's bias; positive: the test overestimates memorization."""
    node: Node = {}
    if (key, "control") in measured:
        control = measured[key, "control"]
        node["control"] = {}
        for name in STATISTICS:
            put(node["control"], name, control.values[name], control.resampled[name])
    oracle = ((key[0], ORACLE, *key[2:]), "target")
    if (key, "target") in measured and oracle in measured:
        node["oracle"] = {}
        for name in STATISTICS:
            gap = measured[key, "target"].values[name] - measured[oracle].values[name]
            put(node["oracle"], name, gap)
    return node
