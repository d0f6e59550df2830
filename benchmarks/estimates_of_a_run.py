"""What the estimates of one finished run are, side by side: tables for docs/results/estimation.md."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from dejavu.report import answers, from_params
from dejavu.report.calibration import Answer, Calibration, calibrate
from dejavu.report.caption.records import Setting, two_model_gaps
from dejavu.report.caption.results import caption_results
from dejavu.report.caption.tables import query_tables
from dejavu.report.excess import Excess
from dejavu.report.from_params import Settings
from dejavu.report.image import attacked as arrays
from dejavu.report.image.results import image_results
from dejavu.report.make import CAPTION_VIEWS, COMMON_VIEWS, IMAGE_VIEWS
from dejavu.roles import ORACLE, SECOND_MODEL
from dejavu.statistics.adjusted import Difference, adjusted, unadjusted
from dejavu.statistics.control_differs import gate
from dejavu.statistics.intervals import auroc_small, delong
from dejavu.statistics.listing import listing, standardized
from dejavu.statistics.verdict import Tested, verdicts
from dejavu.tables import catalog
from dejavu.tables.catalog import Catalog

Numbers = tuple[float, float]  # value and half width of its interval, in points


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The calibrated numbers of a run, and the two-model scores."""

    calibration: Calibration
    two_models: Mapping[tuple[str, str], Numbers]  # by lane and target
    plain: Mapping[tuple[str, str], Numbers]  # against the first covariate, or the text model


def read(data: Path, params: Path) -> Run:
    """Return the numbers of a finished run by the code of today."""
    settings = from_params.read(params)
    tables = query_tables(settings.captions) | settings.image.tables()
    views = [*COMMON_VIEWS, *IMAGE_VIEWS, *CAPTION_VIEWS]
    with catalog.connect(data, only=views, settings=tables, sandboxed=False) as opened:
        found = calibrate(
            opened, settings.image, settings.captions, has_image=True, has_captions=True,
            data_root=settings.data_root,
        )  # fmt: skip
        plain, two = _plain_scores(opened, settings)
    return Run(calibration=found, two_models=two, plain=plain)


def _plain_scores(
    opened: Catalog, settings: Settings
) -> tuple[dict[tuple[str, str], Numbers], dict[tuple[str, str], Numbers]]:
    plain, two = {}, {}
    for name, references in image_results(opened, settings.image).items():
        for reference, kept in (("classifier", plain), (SECOND_MODEL, two)):
            if reference in references:
                score = references[reference].target.scores.dejavu_score
                kept["image", name] = _numbers(score.value, score.low, score.high)
    lead = settings.captions.headline
    if lead is None:
        return plain, two
    for name, by_reference in caption_results(opened, settings.captions).items():
        at = Setting.of(lead)
        gaps = two_model_gaps(by_reference, at)
        if gaps is not None:
            two["caption", name] = _numbers(gaps.aucg.value, gaps.aucg.low, gaps.aucg.high)
        text = by_reference.get("text_model", {}).get(at)
        if text is not None and text.target is not None:
            aucg = text.target.gaps.aucg
            plain["caption", name] = _numbers(aucg.value, aucg.low, aucg.high)
    return plain, two


def _numbers(value: float | None, low: float | None, high: float | None) -> Numbers:
    assert value is not None
    assert low is not None
    assert high is not None
    return 100 * value, 50 * (high - low)


def _of(found: Difference | None, unit: float = 100.0) -> Numbers | None:
    return None if found is None else (unit * found.value, unit * found.half_width())


def table(run: Run) -> Iterator[str]:
    """Yield a table of every target, in Markdown; then widths and distances."""
    yield (
        "| target | plain | two-model | gap | unadjusted | **adjusted** | soft, nats | crossover | "
        "adjusted with second model | width: adjusted / unadjusted |"
    )
    yield "| --- |" + " ---: |" * 9
    ratios: list[float] = []
    errors: dict[str, list[float]] = {}
    for key, excess in _targets(run):
        if excess.adjusted is None:
            continue
        one_model = _first_reference(excess)
        old = excess.unadjusted.get(one_model) if one_model else None
        crossed = excess.crossover.hard if excess.crossover else None
        ratio = excess.adjusted.half_width() / old.half_width() if old else None
        cells = (
            _text(run.plain.get(key)), _text(run.two_models.get(key)), _text(_of(excess.gap)),
            _text(_of(old)), f"**{_text(_of(excess.adjusted))}**", _text(_of(excess.soft, 1.0), 2),
            _text(_of(crossed)), _text(_of(excess.with_second_model)),
            "–" if ratio is None else f"{ratio:.2f}",
        )  # fmt: skip
        yield f"| {key[1]} | {' | '.join(cells)} |"
        ratios += _ratios(excess)
        for what, goal in (
            ("two-model score", run.two_models.get(key)),
            ("crossover", _of(crossed)),
        ):
            if goal is None:
                continue
            estimates = {"adjusted": excess.adjusted, "unadjusted": old, "gap": excess.gap}
            for name, each in estimates.items():
                if each is not None:
                    errors.setdefault(f"{name} to {what}", []).append(100 * each.value - goal[0])
    yield ""
    yield (
        f"Width of the adjusted over the unadjusted interval, {len(ratios)} pairs of target and reference: "
        f"median {np.median(ratios):.2f}, largest {max(ratios):.2f}"
    )
    for name, each in errors.items():
        rms = float(np.sqrt(np.mean(np.square(each))))
        yield f"RMS distance, {name}: {rms:.1f} points ({len(each)} targets)"


def _targets(run: Run) -> Iterator[tuple[tuple[str, str], Excess]]:
    lanes = (("image", run.calibration.image), ("caption", run.calibration.caption))
    for lane, calibrated in lanes:
        if calibrated is not None:
            yield from (((lane, name), each) for name, each in calibrated.excess.items())


def _first_reference(excess: Excess) -> str | None:
    names = ("classifier", "text_model", *excess.unadjusted)
    return next((name for name in names if name in excess.unadjusted), None)


def _ratios(excess: Excess) -> list[float]:
    """Return the widths over those with coefficient 1, for every reference but the oracle."""
    assert excess.adjusted is not None
    half = excess.adjusted.half_width()
    return [
        half / each.half_width()
        for name, each in excess.unadjusted.items()
        if each is not None and name != ORACLE
    ]


def _text(found: Numbers | None, decimals: int = 1) -> str:
    if found is None:
        return "–"
    return f"{found[0]:+.{decimals}f} ± {found[1]:.{decimals}f}".replace("-", "−")


def lists(data: Path, params: Path) -> Iterator[str]:
    """Yield the list of each image model with control alone and with the reference role, in Markdown."""
    settings = from_params.read(params)
    yield (
        "| model | n control | listed | planted among them | AUROC of z: planted against other target | "
        "planted against control | target against control |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    share = settings.image.report.false_discovery_percent / 100
    with catalog.connect(data, only=["memorized_samples", "samples"], sandboxed=False) as opened:
        for target in settings.image.heads:
            for roles in (("target", "control"), ("target", "control", "reference")):
                line = _list(opened, target.name, roles, share)
                if line is not None:
                    yield line


def _list(opened: Catalog, name: str, roles: tuple[str, ...], share: float) -> str | None:
    rows = opened.table(
        "SELECT role, label_id, log_odds, truth.is_planted AS is_planted "
        "FROM memorized_samples JOIN samples USING (lane, sample_id) "
        "WHERE lane = 'image' AND target = $target AND role IN (SELECT unnest($roles)) ORDER BY sample_id",
        {"target": name, "roles": list(roles)},
    )
    role = np.array(rows["role"].to_pylist())
    if set(role) != set(roles):
        return None
    is_target = role == "target"
    labels = rows["label_id"].to_numpy().astype(np.int64)
    z = standardized(rows["log_odds"].to_numpy(), labels, np.ones(len(role), dtype=bool))
    found = listing(z[is_target], z[~is_target], share)
    planted = np.array(rows["is_planted"].to_pylist(), dtype=bool)
    own, other = z[is_target & planted], z[is_target & ~planted]
    cells = [name, str(int((~is_target).sum())), str(int(found.is_listed.sum()))]
    cells.append(str(int((found.is_listed & planted[is_target]).sum())))
    for positive, negative in ((own, other), (own, z[~is_target]), (z[is_target], z[~is_target])):
        area, bounds = delong(positive, negative)
        if len(positive) + len(negative) < 200:
            bounds = auroc_small(area, len(positive), len(negative))
        cells.append(f"{area:.2f} ({bounds[0]:.2f} to {bounds[1]:.2f})")
    return f"| {' | '.join(cells)} |"


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
    soft = part.soft(settings.image.k)
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
