"""Write the numbers of README.md and docs/method.md from reports/results.json: one headline everywhere.

Run as ``python -m scripts.readme_numbers`` after a run; a test fails when a page is stale.
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.report import published
from dejavu.report.page import formatting

ROOT = Path(__file__).parents[1]
README, METHOD, REPORTS = ROOT / "README.md", ROOT / "docs" / "method.md", ROOT / "reports"
BETWEEN = re.compile(r"(<!-- numbers: .*? -->\n).*?(<!-- /numbers -->)", re.DOTALL)
EXAMPLE = re.compile(r"(print\(audit\.verdict, audit\.excess\)  # ).*")
WIDTH = 140  # characters of a line of the README
COLUMNS = (
    "model", "what is compared", "two-model test", "one-model test, plain", "target minus control",
    "**adjusted excess**", "the word",
)  # fmt: skip
FIVE_LINES = """\
VICReg of the default run, on {n} images that it was trained on (`target`) and {n_control} of the same kind
that no model was trained on (`control`):

1. From the background crop alone it names the hidden object of {right} of {n} target images: {rate:.1f} %.
2. Of the control images it names {right_control} of {n_control}: {rate_control:.1f} %. Nothing of them can be
   memorized: so much is correlation and luck.
3. The difference is the **gap**: {rate:.1f} − {rate_control:.1f} = {gap:.1f} points, ± {gap_half:.1f}.
4. Some images are easier than others. References that never met the model know which; taking out what they
   explain gives the **adjusted excess**: {adjusted:.1f} points, ± {half:.1f}.
5. The **verdict** follows from it and from nothing else: *{word}*. It is a difference of rates: not
   "{adjusted:.1f} % of the images are memorized".
"""
HEAD = f"| {' | '.join(COLUMNS)} |\n| --- | --- | ---: | ---: | ---: | ---: | --- |\n"


def points(value: float, ci95: Any, *, bold: bool = False) -> str:
    """Return a share or difference of shares in percentage points, with its interval.

    >>> points(0.1234, (-0.01, 0.2))
    '+12.3 [−1.0, +20.0]'
    """
    low, high = (formatting.signed(bound) for bound in ci95)
    shown = f"{formatting.signed(value)} [{low}, {high}]"
    return f"**{shown}**" if bold else shown


def _plain(
    results: Mapping[str, Any], lane: str, name: str, how: Mapping[str, Any]
) -> tuple[str, str]:
    """Return the two-model score and the plain one-model score of one model."""
    nodes = results[lane][name]
    statistic = "dejavu_score"
    if lane == "caption":
        statistic, top = "prg", how["top"]
        nodes = {
            reference: modes[how["mode"]][f"k={how['k']}"][f"top={top}"]
            for reference, modes in nodes.items()
            if how["mode"] in modes
        }
    cells = []
    for reference in ("second_model", "classifier" if lane == "image" else "text_model"):
        target = nodes.get(reference, {}).get("target")
        score = points(target[statistic], target[f"{statistic}_ci95"]) if target else "not measured"
        cells.append(f"PRG {score}" if target and lane == "caption" else score)
    return cells[0], cells[1]


def rows(reports: Path, caption: Mapping[str, Any]) -> Iterator[str]:
    """Yield a row per model that got a word."""
    raw = json.loads((reports / "results.json").read_text(encoding="utf-8"))
    for (lane, name), model in published.read(reports).decided().items():
        two, plain = _plain(raw, lane, name, caption)
        what = "images: label guessed" if lane == "image" else "captions: recall of objects"
        adjusted, gap, verdict = model.adjusted, model.gap, model.verdict
        if verdict is None or adjusted.value is None or gap.value is None:
            continue
        cells = (
            name, what, two, plain, points(gap.value, gap.ci95),
            points(adjusted.value, adjusted.ci95, bold=True), verdict.text,
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |\n"


def around(reports: Path) -> Iterator[str]:
    """Yield what belongs to the table: sizes, the negative control, words that an interval does not show."""
    decided = published.read(reports).decided()
    for lane, what in (("image", "images"), ("caption", "captions")):
        sizes = {
            (m.adjusted.n_target, m.adjusted.n_control)
            for (of, _), m in decided.items()
            if of == lane
        }
        yield from (f"n is {n:,} target and {m:,} control {what}. " for n, m in sorted(sizes))
    raw = json.loads((reports / "results.json").read_text(encoding="utf-8"))["calibrated"]["image"]
    # layers and metrics of a model begin with its name
    controls = sorted((name for name, node in raw.items() if node["is_negative_control"]), key=len)
    for name in controls[:1]:
        adjusted = raw[name]["adjusted"]
        low, high = adjusted["ci95"]
        alarm = "no false alarm" if low <= 0 <= high else "a false alarm"
        yield (
            f"The network `{name}`, which saw target and control alike, is the negative control: "
            f"{points(adjusted['value'], (low, high))} points, {alarm}. "
        )
    for (_, name), model in decided.items():
        low, _ = model.adjusted.ci95 or (None, None)
        if model.verdict and model.verdict.word == "memorizes" and low is not None and low <= 0:
            yield (
                f"The interval of {name} holds 0: its word rests on how many neighbors vote right, which "
                "tells more than whether the vote is right. "
            )


def text(readme: str, reports: Path, caption: Mapping[str, Any]) -> str:
    """Return the README with the numbers of a run."""
    table = HEAD + "".join(rows(reports, caption))
    table += f"\n{textwrap.fill(''.join(around(reports)), WIDTH)}\n"
    filled = BETWEEN.sub(lambda found: f"{found[1]}{table}{found[2]}", readme)
    said = example(reports)
    return EXAMPLE.sub(lambda found: f"{found[1]}{said}", filled) if said else filled


def example(reports: Path) -> str:
    """Return what the example in Python prints of VICReg; empty where the run has none."""
    model = published.read(reports).decided().get(("image", "vicreg"))
    if model is None or model.verdict is None or model.adjusted.value is None:
        return ""
    shown = points(model.adjusted.value, model.adjusted.ci95).replace("−", "-")
    value, _, interval = shown.partition(" ")
    n = f"(n = {model.adjusted.n_target} and {model.adjusted.n_control})"
    return f"{model.verdict.text} {value} points {interval} {n}"


def method(page: str, reports: Path) -> str:
    """Return docs/method.md with the five-line sum of a run; as it is where the run has no VICReg."""
    lines = five_lines(reports)
    return BETWEEN.sub(lambda found: f"{found[1]}{lines}{found[2]}", page) if lines else page


def five_lines(reports: Path) -> str:
    """Return how the excess of VICReg comes about, from counts to the word; empty where the run has none."""
    model = published.read(reports).decided().get(("image", "vicreg"))
    raw = json.loads((reports / "results.json").read_text(encoding="utf-8"))
    if model is None or model.verdict is None or model.adjusted.value is None:
        return ""
    any_reference = next(iter(raw["image"]["vicreg"].values()))
    (n, right), (n_control, right_control) = (
        (any_reference[role]["n"], any_reference[role]["n_target_correct"])
        for role in ("target", "control")
    )
    (gap, gap_half), (adjusted, half) = _half(model.gap), _half(model.adjusted)
    return FIVE_LINES.format(
        n=n, right=right, rate=100 * right / n, n_control=n_control, right_control=right_control,
        rate_control=100 * right_control / n_control, gap=gap, gap_half=gap_half, adjusted=adjusted,
        half=half, word=model.verdict.text,
    )  # fmt: skip


def _half(found: Any) -> tuple[float, float]:
    """Return a difference and half the width of its interval, in points."""
    low, high = found.ci95
    return 100 * found.value, 50 * (high - low)


def caption_headline() -> Mapping[str, Any]:
    """Return the comparison that opens the caption lane, from params.yaml."""
    from dejavu import params
    from dejavu.params.report import ReportParams

    lead = params.section(ROOT / "params.yaml", "report", ReportParams).headline.caption
    return lead.model_dump() if lead else {}


if __name__ == "__main__":
    new = text(README.read_text(encoding="utf-8"), REPORTS, caption_headline())
    README.write_text(new, encoding="utf-8")
    METHOD.write_text(method(METHOD.read_text(encoding="utf-8"), REPORTS), encoding="utf-8")
