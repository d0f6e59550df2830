"""Draw dvc.yaml as a picture of a dozen boxes: one per step, the two lanes side by side.

    python -m scripts.draw_graph           rewrites the block between the marks in docs/architecture.md
    python -m scripts.draw_graph --check   exits with 1 if the block is not what dvc.yaml says

Stages that run for several models count once, stages of one step share a box, and an arrow stands where a
stage reads what another writes. `dvc dag` shows the same graph stage by stage.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.run import graph

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- graph: python -m scripts.draw_graph -->", "<!-- /graph -->"
FIRST = "inputs"  # every stage reads what it notes
# Steps: the box, its lane, its stages (of a lane where one stage serves both) and what it does.
STEPS = (
    ("image_samples", "image", ("corpus", "split", "crop"), "samples, roles, background crops"),
    ("image_models", "image", ("encoder",), "train or verify encoders"),
    ("image_vectors", "image", ("embed", "neighbors"), "embed, search the nearest public images"),
    ("vote", "image", ("vote",), "neighbors vote on the label"),
    ("tags", "image", ("tag_crops", "naive_bayes"), "tag crops, Naive Bayes"),
    ("references", "image", ("classifier", "oracle", "predictions"), "other references"),
    (
        "image_scores",
        "image",
        ("score_labels", "crossover", "list_samples", "measure"),
        "target against references, crossover, the list, other measures",
    ),
    ("caption_samples", "caption", ("corpus", "split"), "captioned samples, roles"),
    ("objects", "caption", ("annotate_objects",), "objects in the images"),
    ("caption_models", "caption", ("clip",), "train or verify CLIP models"),
    ("caption_vectors", "caption", ("embed_captions", "retrieve"), "embed, search public samples"),
    (
        "caption_scores",
        "caption",
        ("score_objects", "crossover", "list_samples", "measure"),
        "target against references, crossover, the list, other measures",
    ),
    ("report", "", ("report",), "tables, summary, page"),
)


def boxes(stages: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the boxes that each box reads from.

    Args:
        stages: of dvc.yaml.

    Raises:
        ValueError: a stage stands in no box; give it one in `STEPS`.
    """
    drawn = {stage for _, _, names, _ in STEPS for stage in names}
    if missing := sorted(stages.keys() - drawn - {FIRST}):
        raise ValueError(f"{', '.join(missing)}: in no box of scripts/draw_graph.py")
    made: dict[str, str] = {}
    for box, lane, names, _ in STEPS:
        for stage in names:
            made |= dict.fromkeys(_paths(stages[stage], ("outs", "metrics"), lane), box)
    return {
        box: {
            made[out]
            for stage in names
            for dep in _paths(stages[stage], ("deps",), lane)
            for out in made
            if made[out] != box and _overlap(dep, out)
        }
        for box, lane, names, _ in STEPS
    }


def _paths(stage: Mapping[str, Any], kinds: tuple[str, ...], lane: str) -> Iterator[str]:
    lanes = stage.get("foreach")  # the lanes themselves, or a section of params.yaml
    fields = {"${item.lane}": lane}
    if isinstance(lanes, Mapping):
        fields |= {"${key}": lane, "${item}": lanes.get(lane, "")}
    for kind in kinds:
        for item in graph.body(stage).get(kind, []):
            path = item if isinstance(item, str) else next(iter(item))
            for field, value in fields.items():
                path = path.replace(field, value)
            yield path


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _needed(arrows: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the arrows that no longer way says already, in the order of the boxes."""

    def ancestors(box: str) -> set[str]:
        return arrows[box].union(*(ancestors(other) for other in arrows[box]))

    order = list(arrows)
    for box, sources in arrows.items():
        further = set[str]().union(*(ancestors(source) for source in sources))
        yield from ((source, box) for source in sorted(sources - further, key=order.index))


def mermaid(stages: Mapping[str, Any]) -> str:
    """Return the picture as a Mermaid block."""
    lines = ["```mermaid", "flowchart TB"]
    for lane in ("image", "caption"):
        lines.append(f'  subgraph {lane}["{lane} lane"]')
        lines += [f"    {_box(step)}" for step in STEPS if step[1] == lane]
        lines.append("  end")
    lines += [f"  {_box(step)}" for step in STEPS if not step[1]]
    lines += [f"  {source} --> {box}" for source, box in _needed(boxes(stages))]
    return "\n".join([*lines, "```"])


def _box(step: tuple[str, str, tuple[str, ...], str]) -> str:
    box, _, names, about = step
    return f'{box}["{", ".join(names)}<br>{about}"]'


def drawn(page: str, picture: str) -> str:
    """Return a page with the picture between its marks; a page without marks gets both at its end."""
    block = f"{BEGIN}\n{picture}\n{END}\n"
    if BEGIN not in page:
        return f"{page.rstrip()}\n\n{block}".lstrip()
    before, _, rest = page.partition(BEGIN)
    return before + block + rest.partition(f"{END}\n")[2]


def main() -> None:
    """Rewrite or check the picture."""
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    new = drawn(old, mermaid(graph.read(ROOT / "dvc.yaml")))
    if "--check" in sys.argv and old != new:
        sys.exit(
            f"{PAGE}: the picture is not that of dvc.yaml. Run `python -m scripts.draw_graph`."
        )
    if old != new:
        PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
