"""What the estimates of one finished run are, side by side: tables for docs/results/estimation.md."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from dejavu.report import answers, from_params
from dejavu.report.calibration import Calibration, calibrate
from dejavu.report.caption.records import Setting, two_model_gaps
from dejavu.report.caption.results import caption_results
from dejavu.report.caption.tables import query_tables
from dejavu.report.excess import Excess
from dejavu.report.from_params import Settings
from dejavu.report.image.results import image_results
from dejavu.report.make import CAPTION_VIEWS, COMMON_VIEWS, IMAGE_VIEWS
from dejavu.roles import ORACLE, SECOND_MODEL
from dejavu.statistics.adjusted import Difference
from dejavu.tables import catalog
from dejavu.tables.catalog import Catalog

_AIMED = {"adjusted to two-model score": "; aimed at: 3"}
Numbers = tuple[float, float]  # value and half width of its interval, in points


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The calibrated numbers of a run, and the two-model scores."""

    calibration: Calibration
    two_models: Mapping[tuple[str, str], Numbers]  # by lane and target
    plain: Mapping[tuple[str, str], Numbers]  # against the first covariate, or the text model
    tolerance: float  # points
    data_root: str


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
    return Run(
        calibration=found, two_models=two, plain=plain, tolerance=settings.image.report.tolerance,
        data_root=settings.data_root,
    )  # fmt: skip


def in_words(run: Run) -> Iterator[str]:
    """Yield the answer of every model that gets a word, and of the negative controls, as in the summary."""
    yield answers.markdown(run.calibration, run.tolerance)


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
        f"- Width of the adjusted over the unadjusted interval, {len(ratios)} pairs of target and reference: "
        f"median {np.median(ratios):.2f}, largest {max(ratios):.2f} (aimed at: 0.75 and 1.02)"
    )
    for name, each in errors.items():
        rms = float(np.sqrt(np.mean(np.square(each))))
        yield f"- RMS distance, {name}: {rms:.1f} points ({len(each)} targets){_AIMED.get(name, '')}"


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
