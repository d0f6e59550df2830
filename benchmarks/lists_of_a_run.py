"""The lists of a finished run and the answers of small audits, for docs/results/estimation.md."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import stats

from dejavu.caption.comparisons import target_names
from dejavu.report import answers, from_params
from dejavu.report.calibration import Answer
from dejavu.report.excess import Excess
from dejavu.report.image import attacked as arrays
from dejavu.report.page import formatting
from dejavu.statistics.adjusted import Difference, adjusted, unadjusted
from dejavu.statistics.control_differs import gate
from dejavu.statistics.intervals import auroc_small, delong
from dejavu.statistics.listing import listing, standardized
from dejavu.statistics.verdict import Tested, verdicts
from dejavu.tables import catalog
from dejavu.tables.catalog import Catalog

GOAL = 0.75  # AUROC of planted samples


def lists(data: Path, params: Path) -> Iterator[str]:
    """Yield each model's list with control alone and with the reference role, in Markdown; then the goal."""
    settings = from_params.read(params)
    yield (
        "| model | n control | listed | planted among them | AUROC of z: planted against other target | "
        "planted against control | target against control |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    share = settings.image.report.false_discovery_percent / 100
    controls = {target.name for target in settings.image.heads if target.is_negative_control}
    models = [("image", target.name) for target in settings.image.heads]
    models += [("caption", name) for name in target_names(settings.captions.models)]
    area: dict[str, float] = {}  # the last: with the reference role where it joins
    with catalog.connect(data, only=["memorized_samples", "samples"], sandboxed=False) as opened:
        for lane, name in models:
            for roles in (("target", "control"), ("target", "control", "reference")):
                found = _list(opened, lane, name, roles, share)
                if found is not None:
                    yield found[0]
                    area[name] = found[1]
    yield ""
    reached = [
        ", ".join(
            f"{name} {each:.2f}"
            for name, each in area.items()
            if (each >= GOAL) == is_reached and name not in controls
        )
        for is_reached in (True, False)
    ]
    yield (
        f"Aimed at {GOAL} against other target samples: reached by {reached[0] or 'none'}; "
        f"not by {reached[1] or 'none'}."
    )


def _list(
    opened: Catalog, lane: str, name: str, roles: tuple[str, ...], share: float
) -> tuple[str, float] | None:
    """Return a row, and the AUROC of planted against other target samples; None where a role is not there."""
    rows = opened.table(
        "SELECT role, coalesce(label_id, n_votes) AS level, log_odds, truth.is_planted AS is_planted "
        "FROM memorized_samples JOIN samples USING (lane, sample_id) "
        "WHERE lane = $lane AND target = $target AND role IN (SELECT unnest($roles)) ORDER BY sample_id",
        {"lane": lane, "target": name, "roles": list(roles)},
    )
    role = np.array(rows["role"].to_pylist())
    if set(role) != set(roles):
        return None
    is_target = role == "target"
    level = rows["level"].to_numpy().astype(np.int64)  # captions: the number of objects
    z = standardized(rows["log_odds"].to_numpy(), level, np.ones(len(role), dtype=bool))
    found = listing(z[is_target], z[~is_target], share)
    planted = np.array(rows["is_planted"].to_pylist(), dtype=bool)
    own, other = z[is_target & planted], z[is_target & ~planted]
    cells = [name, str(int((~is_target).sum())), str(int(found.is_listed.sum()))]
    cells.append(str(int((found.is_listed & planted[is_target]).sum())))
    areas = []
    for positive, negative in ((own, other), (own, z[~is_target]), (z[is_target], z[~is_target])):
        area, bounds = delong(positive, negative)
        if positive is own:  # few: as in the reports
            bounds = auroc_small(area, len(positive), len(negative))
        areas.append(area)
        cells.append(f"{area:.2f} ({bounds[0]:.2f} to {bounds[1]:.2f})")
    return f"| {' | '.join(cells)} |", areas[0]


def audit(data: Path, params: Path, name: str, n: int) -> Iterator[str]:
    """Yield the answer for a small audit: the first `n` samples of each role in a drawn order.

    Args:
        data: of a finished run.
        params: its parameters.
        name: an image target.
        n: samples per role.
    """
    settings = from_params.read(params)
    with catalog.connect(data, only=["predictions", "splits"], sandboxed=False) as opened:
        known = opened.table("SELECT DISTINCT predictor FROM predictions")["predictor"].to_pylist()
        found = arrays.read(opened, name)
        chosen = arrays.chosen(settings.image.report.covariates, known)
        references = {each: arrays.read(opened, each) for each in chosen}
    rng = np.random.default_rng(0)
    rows = np.sort(
        np.concatenate(
            [
                rng.permutation(np.flatnonzero(side))[:n]
                for side in (found.is_target, ~found.is_target)
            ]
        )
    )
    part = _some(found, rows)
    parts = {each: _some(reference, rows) for each, reference in references.items()}
    x = arrays.covariates_of(part, parts)
    soft = part.soft(next(each.votes for each in settings.image.targets if each.name == name))
    assert soft is not None
    hard, odds = (
        adjusted(*part.sides(y, x.x), ridge=0.01, seed=0, purpose="benchmark.audit")
        for y in (part.is_correct, soft)
    )
    old = {
        each: unadjusted(*part.sides(part.is_correct - reference.is_correct))
        for each, reference in parts.items()
    }
    assert hard is not None
    tolerance = settings.image.report.tolerance
    verdict = verdicts(
        {name: Tested(hard=hard, soft=odds)}, tolerance=tolerance / 100,
        is_control_different={name: False},
    )[name]  # fmt: skip
    excess = Excess(
        adjusted=hard, soft=odds, gap=unadjusted(*part.sides(part.is_correct)), unadjusted=old,
        covariates=x.names,
    )  # fmt: skip
    answer = Answer(excess=excess, verdict=verdict, gate=gate(None, None))
    for each, difference in old.items():
        yield f"coefficient 1, {each}: {answers.points(difference)}"
    yield f"{verdict.text}: {answers.sentence('image', name, answer, tolerance)}"


def _some(found: arrays.Attacked, rows: np.ndarray) -> arrays.Attacked:
    return arrays.Attacked(
        sample_id=found.sample_id[rows], is_target=found.is_target[rows],
        label_id=found.label_id[rows], group=found.group[rows], is_correct=found.is_correct[rows],
        p_truth=None if found.p_truth is None else found.p_truth[rows],
    )  # fmt: skip


def stated(value: float, low: float, high: float, n: int, tolerance: float) -> str:
    """Return the answer where only an excess and its interval are known, in points: by right or wrong alone.

    Args:
        value: the excess.
        low: lower bound of its 95 % interval.
        high: upper bound.
        n: samples of each role.
        tolerance: see ``report.tolerance``.
    """
    df = 2.0 * (n - 1)
    se = (high - low) / 2 / float(stats.t.ppf(0.975, df)) / 100
    found = Difference(value=value / 100, se=se, df=df, n_target=n, n_control=n)
    verdict = verdicts(
        {"audit": Tested(hard=found, soft=None)}, tolerance=tolerance / 100,
        is_control_different={"audit": False},
    )["audit"]  # fmt: skip
    given = ", ".join(formatting.signed(bound / 100) for bound in (low, high))
    said = f"{formatting.signed(value / 100)} [{given}] points, n = {n}: {verdict.text}"
    if verdict.n_needed is None:
        return f"{said}."
    return f"{said}; about {verdict.n_needed} samples per role would tell it to ± {tolerance:g} points."
