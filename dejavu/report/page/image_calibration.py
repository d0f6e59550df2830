"""How sure the image lane is: every test calibrated, the list of memorized samples, and what it rests on."""

from collections.abc import Iterable, Mapping, Sequence

from dejavu.image.targets import Target
from dejavu.report.image.tables import in_order
from dejavu.report.numbers import Node
from dejavu.report.page import charts, formatting
from dejavu.report.page.elements import Cell, Figure, Grid, Rows, model_title, reference_title, slug
from dejavu.report.settings import ImageSettings
from dejavu.roles import SECOND_MODEL

_THREE = {
    "plain, on target": charts.PLAIN, "on control = bias": charts.CONTROL, "excess": charts.EXCESS,
}  # fmt: skip
_POINTS = "percentage points"
Made = Mapping[str, Rows]


def calibration(results: Node, heads: Sequence[Target], settings: ImageSettings) -> list[Figure]:
    """Return one figure per model: every test plain, its bias and its excess, beside the two-model score."""
    figures = []
    for target in heads:
        references = results[target.name]
        names = in_order(references)
        marks = [
            formatting.marked(
                references[name][role], "dejavu_score", name=reference_title(name), part=part
            )
            for name in names
            for role, part in zip(("target", "control", "excess"), _THREE, strict=True)
            if role in references[name]
        ]
        second = references.get(SECOND_MODEL, {}).get("target")
        band = None
        if second is not None and second["dejavu_score_ci95"] is not None:
            value = second["dejavu_score"]
            low, high = second["dejavu_score_ci95"]
            band = (100 * value, 100 * low, 100 * high, "two-model score")
        chart = charts.intervals(
            marks, names=[reference_title(name) for name in names], axis=_POINTS, band=band,
            parts={part: color for part, color in _THREE.items() if part in {m["part"] for m in marks}},
        )  # fmt: skip
        title = f"{model_title(target.model)}: every test, calibrated"
        beside = "" if band is None else (
            f" The shaded band is the two-model score, {formatting.interval(second, 'dejavu_score')}."
        )  # fmt: skip
        said = f"Déjà vu score of each of {len(names)} references in percentage points.{beside}"
        grid = _calibration_grid(f"{title} ({_POINTS})", references, names, settings)
        figures.append(charts.figure(f"calibration-{slug(target.name)}", title, said, chart, grid))
    return figures


def _calibration_grid(
    caption: str, references: Node, names: Iterable[str], settings: ImageSettings
) -> Grid:
    columns = {"reference": "text", "on target": "number"}
    has_control = any("excess" in node for node in references.values())
    has_oracle = any("oracle" in node["bias"] for node in references.values())
    if has_control:
        columns |= {"on control = bias": "number", "excess": "number"}
        columns |= {f"excess at {p} %": "number" for p in settings.score.at_percent}
    if has_oracle:
        columns |= {"bias against the oracle": "number"}
    rows = []
    for name in names:
        node = references[name]
        row = [
            formatting.text(reference_title(name)),
            formatting.points(node["target"], "dejavu_score"),
        ]
        if has_control:
            excess = node.get("excess", {})
            row += [
                formatting.points(node.get("control", {}), "dejavu_score"),
                formatting.points(excess, "dejavu_score", is_strong=True),
            ]
            row += [
                formatting.points(excess, f"dejavu_score_at_{p}") for p in settings.score.at_percent
            ]
        if has_oracle:
            row.append(formatting.points(node["bias"], "oracle"))
        rows.append(row)
    return formatting.grid(caption, columns, rows, is_open=False)


def precision(results: Node, heads: Sequence[Target], settings: ImageSettings) -> Grid:
    """Return who is on the list of memorized samples, and how many of them not by chance."""
    percents = settings.report.false_positive_percent
    columns = {
        "model": "text",
        "reference": "text",
        "listed: target": "number",
        "listed: control": "number",
    }
    columns |= {"estimated precision": "number"}
    for percent in percents:
        columns |= {
            f"share at {percent} % false positives": "number",
            f"precision at {percent} %": "number",
        }
    rows = []
    for target in heads:
        for name in in_order(results[target.name]):
            node = results[target.name][name]
            if "excess" not in node:
                continue
            row = [
                formatting.text(model_title(target.model)), formatting.text(reference_title(name)),
                formatting.percent(node["target"], "memorized_share"),
                formatting.percent(node["control"], "memorized_share"),
                formatting.percent(node["excess"], "estimated_precision"),
            ]  # fmt: skip
            for percent in percents:
                row += [
                    formatting.percent(node["excess"], f"memorized_share_at_fpr_{percent}"),
                    formatting.percent(node["excess"], f"estimated_precision_at_fpr_{percent}"),
                ]
            rows.append(row)
    return formatting.grid("The list of memorized samples (%, with 95 % intervals)", columns, rows)


def exchangeability(rows: Rows) -> tuple[list[Figure], list[Grid]]:
    """Return the checks that control and target samples are alike."""
    accuracies = [row for row in rows if row["check"] == "reference_accuracy"]
    tests = [row for row in rows if row["check"] != "reference_accuracy"]
    figures, grids = [], []
    if accuracies:
        marks = []
        for row in accuracies:
            bounds = {"difference_low": row["low"], "difference_high": row["high"]}
            first, _, model = row["name"].partition(" of ")
            name = f"two models, {model_title(model)}" if model else reference_title(first)
            mark = formatting.marked({**row, **bounds}, "difference", name=name, part="difference")
            marks.append(mark)
        chart = charts.intervals(
            marks, names=[mark["name"] for mark in marks], parts={"difference": charts.PLAIN},
            axis="reference accuracy, target − control, percentage points",
        )  # fmt: skip
        grid = formatting.grid(
            "Reference accuracy on target and control (%)",
            {"reference": "text", "target": "number", "control": "number", "difference": "number"},
            [
                (
                    formatting.text(mark["name"]), formatting.percent(row, "target"),
                    formatting.percent(row, "control"),
                    Cell(mark["shown"], mark["value"]),
                )
                for row, mark in zip(accuracies, marks, strict=True)
            ],
            is_open=False,
        )  # fmt: skip
        said = (
            "Difference between a reference's accuracy on target and on control samples. No reference saw "
            "either, so intervals should hold zero, about one in twenty excepted."
        )
        figures.append(
            charts.figure(
                "exchangeability",
                "Do references do as well on both roles?",
                said,
                chart,
                grid,
                is_wide=True,
            )
        )
    if tests:
        grids.append(
            formatting.grid(
                "Tests that target and control are drawn alike",
                {"test": "text", "n target": "number", "n control": "number", "p": "number"},
                [
                    (
                        formatting.text(row["name"]),
                        formatting.count(row["n_target"]),
                        formatting.count(row["n_control"]),
                        formatting.p_value(row["p"]),
                    )
                    for row in tests
                ],
            )
        )
    return figures, grids


def planted(rows: Rows, heads: Sequence[Target]) -> Grid | None:
    """Return how well memorization confidence finds samples that were repeated in training."""
    names = {target.name: model_title(target.model) for target in heads}
    shown = [row for row in rows if row["target"] in names]
    if not shown:
        return None
    return formatting.grid(
        "Planted duplicates: does memorization confidence find them?",
        {"model": "text", "reference": "text", "planted": "number", "memorized": "number",
         "others": "number", "memorized (others)": "number", "AUROC": "number"},
        [
            (
                formatting.text(names[row["target"]]), formatting.text(reference_title(row["reference"])),
                formatting.count(row["n_planted"]), formatting.count(row["n_planted_memorized"]),
                formatting.count(row["n_planted_other"]), formatting.count(row["n_other_memorized"]),
                formatting.auroc(row, "planted_auroc"),
            )
            for row in shown
        ],
    )  # fmt: skip


def layers(rows: Rows) -> Grid | None:
    """Return layers and metrics side by side, for the reference that every model has first."""
    if not rows:
        return None
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row["target"], row["reference"])
    return formatting.grid(
        "Layers and metrics of each model (percentage points)",
        {"model": "text", "layer": "text", "metric": "text", "reference": "text",
         "score on target": "number", "excess": "number"},
        [
            (
                formatting.text(model_title(row["model"])), formatting.text(row["layer"]),
                formatting.text(row["metric"]),
                formatting.text(reference_title(row["reference"])), formatting.points(row, "target_score"),
                formatting.points(row, "excess", is_strong=True),
            )
            for row in rows
            if first[row["target"]] == row["reference"]
        ],
    )  # fmt: skip
