"""How well the calibrated estimates behave: in simulated worlds, in permutations of a run, and in it.

    python -m benchmarks.calibrated_estimation worlds
        bias, coverage and width where the truth is known
    python -m benchmarks.calibrated_estimation permuted data params.yaml
        false badges and false lists where nothing is memorized: roles are permuted among the groups of a
        finished run, all its models decided on together
    python -m benchmarks.calibrated_estimation exchangeable data params.yaml
        how often the gate closes where the roles of a finished run are dealt anew
    python -m benchmarks.calibrated_estimation differing data params.yaml
        what the gate says of control sets of another source, of other objects, of other files
    python -m benchmarks.calibrated_estimation table data params.yaml
        every target of a finished run: plain, gap, unadjusted, adjusted, crossover, two-model, and widths
    python -m benchmarks.calibrated_estimation answers data params.yaml
        the answer of every model in words
    python -m benchmarks.calibrated_estimation lists data params.yaml
        the list of each model with and without the reference role, and planted duplicates
    python -m benchmarks.calibrated_estimation audit data params.yaml dino 93
        the answer for an audit of 93 samples a role, drawn from a finished run
    python -m benchmarks.calibrated_estimation stated -4.4 -17.5 9.6 93
        the answer where only an excess, its interval and n are known

Seconds to a few minutes on one core. `python -m benchmarks.estimation_page data params.yaml
docs/results/estimation.md` makes all that look at a run, and writes them into the page.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import estimates_of_a_run as of_a_run
from benchmarks import gates_of_a_run, lists_of_a_run
from dejavu.caption.comparisons import headline_mode, target_names
from dejavu.report import from_params
from dejavu.report.from_params import Settings
from dejavu.report.image import attacked as arrays
from dejavu.roles import TARGET, TEXT_MODEL
from dejavu.statistics.adjusted import Difference, Side, adjusted, unadjusted
from dejavu.statistics.covariates import covariates
from dejavu.statistics.listing import listing, log_odds, standardized
from dejavu.statistics.verdict import Tested, Word, verdicts
from dejavu.tables import catalog, queries
from dejavu.tables.catalog import Catalog

N = 2_000  # worlds, and permutations
N_DRAWS = 300  # of roles, for the gate
_SEED = 12


def worlds(n_worlds: int = N) -> dict[str, float]:
    """Simulate worlds in which a known share of the target role is memorized.

    A sample has a label of 20, a difficulty that two references see through noise, and is right with a
    probability that rises with it; memorized samples (12 % of target) are right for sure.
    """
    rng = np.random.default_rng(_SEED)
    errors, inside, widths, gaps, plain = [], 0, [], [], []
    for world in range(n_worlds):
        n = int(rng.choice([100, 200, 500]))
        sides, right = [], []
        for share in (0.12, 0.0):
            ease = rng.normal(size=n) - 1.0
            references = (ease[:, None] + rng.normal(size=(n, 2))) > 0
            chance = 1 / (1 + np.exp(-1.5 * ease))
            y = (rng.random(n) < chance) | (rng.random(n) < share)
            x = np.column_stack([references, ease + rng.normal(size=n)]).astype(np.float64)
            sides.append(Side(y=y.astype(np.float64), x=x, group=np.arange(n)))
            right.append(references[:, 0].astype(np.float64))
        truth = 0.12 * (1 - _MEAN_CHANCE)
        found = adjusted(*sides, ridge=0.01, seed=world, purpose="benchmark")
        less = [Side(y=s.y - r, x=s.x, group=s.group) for s, r in zip(sides, right, strict=True)]
        one = unadjusted(*less)
        gap = unadjusted(*sides)
        assert found is not None
        assert one is not None
        assert gap is not None
        errors.append(found.value - truth)
        low, high = found.interval()
        inside += low <= truth <= high
        widths.append(found.half_width() / one.half_width())
        gaps.append(found.half_width() / gap.half_width())
        plain.append(one.half_width() / gap.half_width())
    return {
        "mean error, points": 100 * float(np.mean(errors)),
        "its standard error, points": 100 * float(np.std(errors) / np.sqrt(n_worlds)),
        "coverage, %": 100 * inside / n_worlds,
        "median width of adjusted / unadjusted": float(np.median(widths)),
        "median width of adjusted / gap": float(np.median(gaps)),
        "median width of unadjusted / gap": float(np.median(plain)),
    }


def _mean_chance() -> float:
    """Integrate the chance to be right without memorization over the difficulty."""
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    return float(weights @ (1 / (1 + np.exp(-1.5 * (points - 1.0)))) / weights.sum())


_MEAN_CHANCE = _mean_chance()


def permuted(data: Path, params: Path, n_permutations: int = N) -> dict[str, float]:
    """Permute the roles of groups, and count words and lists: nothing stands out any more.

    All models of the run that get a word are decided on together, those of captions by hard estimates alone.

    Args:
        data: the data folder of a finished run.
        params: its parameters.
        n_permutations: of each lane's roles.
    """
    settings = from_params.read(params)
    share = settings.image.report.false_discovery_percent / 100
    with catalog.connect(
        data, only=["predictions", "splits", "caption_scores"], sandboxed=False
    ) as opened:
        lanes = [*_image_models(opened, settings), *_caption_models(opened, settings)]
    rng = np.random.default_rng(_SEED)
    n_badges = n_lists = 0
    for each in range(n_permutations):
        dealt = {
            id(lane.group): _deal(lane, rng) for lane in {id(x.group): x for x in lanes}.values()
        }
        tested = {}
        for lane in lanes:
            is_target = dealt[id(lane.group)]
            hard, soft = (_excess(lane, y, is_target, each) for y in (lane.hard, lane.soft))
            assert hard is not None
            tested[lane.name] = Tested(hard=hard, soft=soft)
            n_lists += bool(listing(lane.z[is_target], lane.z[~is_target], share).is_listed.any())
        words = verdicts(
            tested, tolerance=settings.image.report.tolerance / 100,
            is_control_different=dict.fromkeys(tested, False),
        ).values()  # fmt: skip
        n_badges += any(word.word is Word.MEMORIZES for word in words)
    return {
        "models": float(len(lanes)),
        "runs with any badge, %": 100 * n_badges / n_permutations,
        "lists that are not empty, %": 100 * n_lists / n_permutations / len(lanes),
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """What one model brings back of its attacked samples."""

    name: str
    is_target: np.ndarray
    group: np.ndarray  # one array for all models of a lane
    x: np.ndarray
    hard: np.ndarray
    soft: np.ndarray | None
    z: np.ndarray
    ridge: float


def _image_models(opened: Catalog, settings: Settings) -> Iterator[_Model]:
    known = opened.table("SELECT DISTINCT predictor FROM predictions")["predictor"].to_pylist()
    chosen = arrays.chosen(settings.image.report.covariates, known)
    references = {name: arrays.read(opened, name) for name in chosen}
    heads = [each for each in settings.image.heads if not each.is_negative_control]
    first = arrays.read(opened, heads[0].name)
    x = arrays.covariates_of(first, references).x
    for head in heads:
        found = arrays.read(opened, head.name)
        soft = found.soft(head.votes)
        assert soft is not None
        yield _Model(
            name=head.name, is_target=first.is_target, group=first.group, x=x, hard=found.is_correct,
            soft=soft, z=standardized(soft, found.label_id, np.ones(len(soft), dtype=bool)), ridge=0.01,
        )  # fmt: skip


def _caption_models(opened: Catalog, settings: Settings) -> Iterator[_Model]:
    lead = settings.captions.headline
    for target in [] if lead is None else target_names(settings.captions.models):
        assert lead is not None
        rows = opened.table(
            queries.text("caption_attacked"),
            {
                "target": target, "reference": TEXT_MODEL, "k": lead.k, "top": lead.n_top,
                "mode": headline_mode(settings.captions.models[target], lead),
            },
        )  # fmt: skip
        objects = rows["n_objects"].to_numpy().astype(np.int64)
        names = ("reference_recall", "reference_precision", "reference_predicted")
        columns = {name: rows[name].to_numpy().astype(np.float64) for name in names}
        odds = log_odds(
            rows["target_hits"].to_numpy().astype(np.float64), objects.astype(np.float64)
        )
        yield _Model(
            name=target, is_target=np.array(rows["role"].to_pylist()) == TARGET,
            group=rows["group_id"].to_numpy(), x=covariates(columns, {"n_objects": objects}).x,
            hard=rows["target_recall"].to_numpy().astype(np.float64), soft=None,
            z=standardized(odds, objects, np.ones(len(odds), dtype=bool)), ridge=0.001,
        )  # fmt: skip


def _deal(lane: _Model, rng: np.random.Generator) -> np.ndarray:
    """Return who is target if roles are dealt to whole groups anew."""
    groups, row = np.unique(lane.group, return_inverse=True)
    in_target = np.bincount(row[lane.is_target], minlength=len(groups)) > 0
    dealt: np.ndarray = rng.permutation(in_target)[row]
    return dealt


def _excess(
    lane: _Model, y: np.ndarray | None, is_target: np.ndarray, seed: int
) -> Difference | None:
    if y is None:
        return None
    sides = (
        Side(y=y[own], x=lane.x[own], group=lane.group[own]) for own in (is_target, ~is_target)
    )
    return adjusted(*sides, ridge=lane.ridge, seed=seed, purpose="permuted")


def main(what: str, *given: str) -> None:
    """Print one of the benchmarks; see the top of this file."""
    if what == "worlds":
        lines = shown(worlds())
    elif what == "stated":
        lines = [answer_of(*given)]
    else:
        data, params, *more = given
        lines = _of_a_run(what, Path(data), Path(params), more)
    print("\n".join(lines))


def answer_of(value: str, low: str, high: str, n: str) -> str:
    """Return the answer where only an excess, its interval and n are known, at a tolerance of 5 points."""
    return lists_of_a_run.stated(float(value), float(low), float(high), int(n), tolerance=5)


def shown(numbers: Mapping[str, float]) -> list[str]:
    """Return numbers by name as lines."""
    return [f"{name}: {value:.2f}" for name, value in numbers.items()]


def _of_a_run(what: str, data: Path, params: Path, more: Sequence[str]) -> list[str]:
    """Return the lines of a benchmark that looks at a finished run."""
    if what == "permuted":
        return shown(permuted(data, params))
    if what == "lists":
        return list(lists_of_a_run.lists(data, params))
    if what == "audit":
        return list(lists_of_a_run.audit(data, params, more[0], int(more[1])))
    run = of_a_run.read(data, params)
    calls: dict[str, Callable[[], Iterable[str]]] = {
        "table": lambda: of_a_run.table(run),
        "answers": lambda: of_a_run.in_words(run),
        "exchangeable": lambda: gates_of_a_run.exchangeable(run.calibration, N_DRAWS),
        "differing": lambda: gates_of_a_run.differing(run.calibration, data, run.data_root),
    }
    return list(calls[what]())


if __name__ == "__main__":
    main(*sys.argv[1:])
