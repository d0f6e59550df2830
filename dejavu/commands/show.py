"""`dejavu show`: everything known about one sample."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from dejavu.commands import terminal
from dejavu.commands.terminal import DATA, PARAMS, AsJson, DataFolder, ParamsFile
from dejavu.errors import ParamsError
from dejavu.run.progress import say

if TYPE_CHECKING:
    from PIL import Image

    from dejavu.commands.sample_facts import Search

EXAMPLES = terminal.examples(
    ("dejavu show glyph_000017", "by name"),
    ("dejavu show 17 --lane caption", "by id, which both lanes count from 0"),
    ("dejavu show glyph_000017 --image 17.png", "its image too, boxes orange, crop blue-green"),
    ("dejavu show glyph_000017 --neighbors 20 --json", "for a script"),
)
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tiff")


Cells = tuple[list[str], list[list[Any]]]  # column titles, rows


class Lane(StrEnum):
    """Which of the two lanes."""

    image = "image"
    caption = "caption"


def command(
    sample: Annotated[str, typer.Argument(help="Name or id of a sample.")],
    lane: Annotated[Lane | None, typer.Option(help="Needed where both lanes have it.")] = None,
    image: Annotated[
        Path | None, typer.Option(help="Write its image here, boxes and crop outlined.")
    ] = None,
    neighbors: Annotated[int, typer.Option(min=0, help="Neighbors listed per search.")] = 5,
    full: Annotated[
        bool, typer.Option("--full", help="Show every layer and metric, not the headline only.")
    ] = False,
    as_json: AsJson = False,
    data: DataFolder = DATA,
    params_path: ParamsFile = PARAMS,
) -> None:
    """Show everything known about one sample: role, crop, guesses, scores, neighbors, image.

    Names are listed by `dejavu sql "SELECT lane, sample_id, sample_name FROM samples"`; those of the most
    memorized samples by `dejavu sql --query image_most_memorized`.
    """
    from dejavu.commands import sample_facts
    from dejavu.tables import catalog

    with catalog.connect(data, sandboxed=False) as opened:
        found = sample_facts.find(opened, sample, lane.value if lane else None)
        facts = sample_facts.dossier(opened, found, n_neighbors=neighbors)
    if image is not None:
        _draw(facts, data, params_path).save(_checked(image))
        facts["image"] = str(image)
    if as_json:
        terminal.show_json(facts)
        return
    shown = facts if full else sample_facts.headline_only(facts, _headline(params_path))
    _show(shown, terminal.console())
    if image is not None:
        say(f"image in {image}: objects orange, background crop blue-green")


def _headline(params_path: Path) -> "dict[str, Search]":
    """Return the layer and metric that stand for each model of the image lane; {} if nothing says so."""
    if not params_path.is_file():
        return {}
    from dejavu import params
    from dejavu.params.base import Names
    from dejavu.params.encoders import Models

    metric = params.section(params_path, "image.neighbors.metrics", Names)[0]
    models = params.section(params_path, "image.models", Models)
    return {name: (model.layers[0], metric) for name, model in models.items()}


def _checked(image: Path) -> Path:
    if image.suffix.lower() not in IMAGES:
        raise ParamsError(f"--image {image}: end the name in one of {', '.join(IMAGES)}.")
    if not image.absolute().parent.is_dir():
        raise ParamsError(f"--image {image}: there is no folder {image.parent}. Make it first.")
    return image


def _draw(facts: Mapping[str, Any], data: Path, params_path: Path) -> "Image.Image":
    from dejavu import params
    from dejavu.corpora.image_reader import ImageReader
    from dejavu.image import draw_boxes
    from dejavu.params.machine import MachineParams

    root = "."
    if params_path.is_file():
        root = params.section(params_path, "machine", MachineParams).data_root
    with ImageReader.open(data / facts["lane"] / "images", root) as reader:
        return draw_boxes.outlined(reader.read(facts["uri"]), facts["boxes"], facts["crop"])


def _show(facts: Mapping[str, Any], console: Console) -> None:
    for name, value in _opening(facts):
        console.print(Text.assemble((f"{name:<10}", "bold"), terminal.cell(value)))
    if facts["role"] == "control":
        console.print(Text("No model was trained on it: `memorized` below is a false positive."))
    if not facts["image_scores"] and not facts["caption_scores"]:
        reason = f"its role is {facts['role']}" if facts["role"] else "samples have no roles yet"
        console.print(Text(f"Not attacked: {reason}."))
    tables = {
        "Guesses (confidence in nats)": _guesses(facts),
        "Target against reference (flagged: target alone right; confidence in nats)": _outcomes(
            facts
        ),
        "Target against reference, all predicted objects (--json has the others)": _hits(facts),
        _LISTED: _listed(facts),
        "Nearest public samples": _neighbors(facts),
    }
    for title, (columns, rows) in tables.items():
        if rows:
            terminal.show_titled(console, title, terminal.table(columns, rows))


def _opening(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    crop, truth = facts["crop"], facts["truth"]
    lines = {
        "sample": f"{facts['sample_name']} (id {facts['sample_id']}, lane {facts['lane']})",
        "image": f"{facts['uri']}, {facts['width_px']} x {facts['height_px']} pixels",
        "label": facts["label"],
        "caption": facts["caption"],
        "problem": facts["problem"],
        "role": " because ".join(filter(None, [facts["role"] or "none yet", facts["role_reason"]])),
        "duplicates": ", ".join(f"{d['sample_name']} ({d['role']})" for d in facts["duplicates"]),
        "crop": "" if crop is None else _crop(crop),
        "boxes": ", ".join(f"{box['label']} {_rectangle(box)}" for box in facts["boxes"]),
        "truth": "" if truth is None else _truth(truth),
        "tags": _tags(facts["tags"]),
        "objects": ", ".join(f"{row['object']} {row['score']:.2f}" for row in facts["objects"]),
    }
    return [(name, text) for name, text in lines.items() if text]


def _crop(crop: Mapping[str, Any]) -> str:
    return _rectangle(crop) if crop["is_kept"] else f"dropped: {crop['drop_reason']}"


def _rectangle(box: Mapping[str, Any]) -> str:
    return f"x {box['x0']} to {box['x1']}, y {box['y0']} to {box['y1']}"


def _truth(truth: Mapping[str, Any]) -> str:
    planted = "planted (repeated in training)" if truth["is_planted"] else "not planted"
    return ", ".join([f"scene {truth['scene']}", *(truth["attributes"] or []), planted])


def _tags(tags: list[dict[str, Any]]) -> str:
    by_annotator: dict[str, list[str]] = {}
    for row in tags:
        by_annotator.setdefault(row["annotator"], []).append(row["tag"])
    return "; ".join(f"{name}: {', '.join(words)}" for name, words in by_annotator.items())


def _guesses(facts: Mapping[str, Any]) -> Cells:
    rows = [
        [r["predictor"], r["predicted"], _yes(r["is_correct"]), r["confidence"], r["p_truth"]]
        for r in facts["predictions"]
    ]
    return ["predictor", "guess", "right", "confidence", "P(true label)"], rows


def _outcomes(facts: Mapping[str, Any]) -> Cells:
    """Return one row per reference and one column per target."""
    scores = facts["image_scores"]
    targets = list(dict.fromkeys(row["target"] for row in scores))
    by_reference: dict[str, dict[str, str]] = {}
    for row in scores:
        outcome = _OUTCOMES[row["target_correct"], row["reference_correct"]]
        confidence = row["memorization_confidence"]  # NULL: a guess without one
        text = outcome if confidence is None else f"{outcome} {confidence:+.2f}"
        by_reference.setdefault(row["reference"], {})[row["target"]] = text
    rows = [[name, *(cells.get(t, "") for t in targets)] for name, cells in by_reference.items()]
    return ["reference", *targets], rows


_OUTCOMES = {  # (target right, reference right)
    (True, False): "flagged",  # one sample shows no more: the list below does
    (True, True): "both right",
    (False, True): "reference only",
    (False, False): "both wrong",
}


_LISTED = "Memorized? p: share of control samples at least as surprising; listed: q is low enough"


def _listed(facts: Mapping[str, Any]) -> Cells:
    """Return one row per target; a control sample has no p-value of its own."""
    rows = [
        [
            row["target"], f"{row['votes_for_truth']} of {row['n_votes']}", row["z"], row["p_value"],
            row["q_value"], _yes(row["is_listed"]),
        ]
        for row in facts["memorized_samples"]
    ]  # fmt: skip
    return ["target", "votes for the truth", "z", "p", "q", "listed"], rows


def _hits(facts: Mapping[str, Any]) -> Cells:
    columns = ["target", "reference", "mode", "k", "true objects", "target hits", "reference hits"]
    rows = [
        [
            row["target"], row["reference"], row["mode"], row["k"], row["n_objects"],
            f"{row['target_hits']} of {row['target_predicted']}",
            f"{row['reference_hits']} of {row['reference_predicted']}",
            f"{row['precision_gap']:+.2f}", f"{row['recall_gap']:+.2f}",
        ]
        for row in facts["caption_scores"] if row["top"] is None
    ]  # fmt: skip
    return [*columns, "precision gap", "recall gap"], rows


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _neighbors(facts: Mapping[str, Any]) -> Cells:
    from dejavu.commands.sample_facts import SEARCH

    what = "label" if facts["lane"] == "image" else "caption"
    rows: list[list[Any]] = []
    for search in facts["neighbors"]:
        name = " ".join(search[part] for part in SEARCH if search[part])
        for row in search["nearest"]:
            first = name if row["place"] == 1 else ""
            rows.append([first, row["sample_name"], row[what], row["similarity"]])
    return ["search", "sample", what, "similarity"], rows
