"""`dejavu card`: a section for the model card of an audited model."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dejavu.commands import terminal
from dejavu.commands.terminal import (
    DATA,
    PARAMS,
    REPORTS,
    DataFolder,
    NewFile,
    ParamsFile,
    ReportFolder,
)
from dejavu.errors import ParamsError, suggestion

if TYPE_CHECKING:
    from dejavu.commands.run_facts import Run
    from dejavu.report.published import Lane, Model

EXAMPLES = terminal.examples(
    ("dejavu card vicreg", "print Markdown with Hugging Face metadata"),
    ("dejavu card vicreg --out README.md", "write it to a file that is not there yet"),
)
_TASKS = {"image": "image-feature-extraction", "caption": "zero-shot-image-classification"}
_MEASURES = {
    "image": "naming the hidden object of an image from its background crop",
    "caption": "recalling the objects of an image from its caption",
}


def command(
    model: Annotated[
        str | None, typer.Argument(help="A model under audit; needed if there are several.")
    ] = None,
    out: NewFile = None,
    reports: ReportFolder = REPORTS,
    params_path: ParamsFile = PARAMS,
    data: DataFolder = DATA,
) -> None:
    """Print what an audit found as a section of a model card, with Hugging Face `model-index` metadata.

    It says the verdict, the excess with its interval, the data it rests on, its limits, commit and date.
    """
    from dejavu.commands import run_facts

    run = run_facts.read(reports, params_path, data)
    lane, name, found = _chosen(run, model)
    text = run_facts.render(
        "card.md.j2", run=run, lane=lane, name=name, model=found, measured=_MEASURES[lane],
        header=_header(run, lane, name, found), dataset=_dataset(run, lane),
    )  # fmt: skip
    terminal.show_document(text, out)


def _chosen(run: "Run", model: str | None) -> tuple["Lane", str, "Model"]:
    decided = run.results.decided()
    names = [name for _, name in decided]
    if not names:
        raise ParamsError(
            f"no model of this run got a verdict: {'; '.join(run.results.undecided().values())}. A card "
            "would have nothing to say."
        )
    if model is None and len(names) > 1:
        raise ParamsError(f"name one of the models of this run: {', '.join(names)}.")
    wanted = model or names[0]
    for (lane, name), found in decided.items():
        if name == wanted:
            return lane, name, found
    raise ParamsError(f"{wanted!r} got no verdict in this run.{suggestion(wanted, names)}")


def _dataset(run: "Run", lane: str) -> str:
    corpus = run.params.get(lane, {}).get("corpus", {})
    return str(corpus.get("root") or corpus.get("path") or corpus.get("adapter") or "unknown")


def _header(run: "Run", lane: str, name: str, found: "Model") -> str:
    """Return YAML that Hugging Face reads; values are percentage points."""
    import yaml

    names = {"value": found.adjusted.value}
    if found.adjusted.ci95 is not None:
        names |= dict(zip(("low", "high"), found.adjusted.ci95, strict=True))
    ends = {
        "value": "",
        "low": ", lower end of the 95 % interval",
        "high": ", upper end of the 95 % interval",
    }
    metrics = [
        {
            "type": "dejavu-excess" if end == "value" else f"dejavu-excess-{end}",
            "name": f"Adjusted déjà vu excess, percentage points{ends[end]}",
            "value": round(100 * value, 2) + 0.0,
            "verified": False,
        }
        for end, value in names.items()
        if value is not None
    ]
    dataset = _dataset(run, lane)
    result: dict[str, Any] = {
        "task": {"type": _TASKS[lane], "name": "Memorization audit (déjà vu)"},
        "dataset": {"name": dataset, "type": dataset},
        "metrics": metrics,
    }
    header = {"model-index": [{"name": name, "results": [result]}], "tags": ["memorization-audit"]}
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=100)
