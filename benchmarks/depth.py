"""Where in a network does memorization sit? The adjusted excess of every block, by its name.

    python -m benchmarks.depth RUN docs/results/depth.csv docs/figures/depth.png

RUN is the folder of a finished default run. Its VICReg is audited on the images that it was trained on, and
the image tower of its CLIP on those of the captions: there the label is the name of the largest object, and
the crop is the largest part that no object touches. Layers are modules by name, as `dejavu.audit` takes them.
"""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import dejavu
from scripts.page_blocks import fill

FIELDS = ("model", "place", "layer", "excess_points", "low", "high", "n_target", "n_control")
ROLES = ("target", "control", "public", "reference")


class Subject(NamedTuple):
    """A network to audit."""

    name: str
    model: Any
    transform: Callable[[Any], Any]
    layers: tuple[str, ...]  # from the first block to the output


def vicreg(run: Path) -> Subject:
    """Return the network of the image lane, its convolutions and the layers of its projector."""
    import torch

    from dejavu.models import encoders
    from dejavu.models import folder as folders
    from dejavu.models.pixels import resized

    folder = run / "data/image/encoders/vicreg"
    encoder = encoders.load(folder)
    network = encoders.network_of(encoder.provenance)
    folders.load_weights(folder, network)
    seen = encoder.preprocessing

    def transform(image: Any) -> Any:
        pixels = torch.from_numpy(resized(image, seen.size_px, seen.resize))
        return seen.normalized(pixels[None])[0]

    names = [name for name, _ in network.named_modules()]
    blocks = [name for name in names if name.startswith("backbone.body.") and name.count(".") == 2]
    heads = [name for name in names if name.startswith("projector.layers.")]
    return Subject("VICReg", network, transform, (*blocks[:-2], "backbone", *heads))


def clip(run: Path) -> Subject:
    """Return the image tower of the caption lane: its blocks, and what meets the text."""
    from pydantic import TypeAdapter

    from dejavu.models import folder as folders
    from dejavu.models.clip import network as networks
    from dejavu.models.pixels import resized
    from dejavu.models.training.augment import normalized
    from dejavu.params.caption import SmallClip

    folder = run / "data/caption/models/clip"
    facts = folders.provenance(folder)
    sizes = TypeAdapter(str | SmallClip).validate_python(facts["network"])
    model = networks.build(sizes)
    folders.load_weights(folder, model)
    side = networks.image_px(sizes)

    def transform(image: Any) -> Any:
        import torch

        return normalized(torch.from_numpy(resized(image, side, "squash"))[None])[0]

    names = [name for name, _ in model.visual.named_modules()]
    blocks = [
        name for name in names if name.startswith("transformer.resblocks.") and name.count(".") == 2
    ]
    return Subject("CLIP, image tower", model.visual, transform, ("conv1", *blocks, "output"))


def samples(run: Path, lane: str) -> dict[str, list[tuple[Any, str, list[tuple[int, ...]]]]]:
    """Return image, label and boxes of every usable sample by role."""
    import pyarrow.parquet as pq

    from dejavu.corpora.image_reader import ImageReader

    folder = run / "data" / lane
    rows = pq.read_table(
        folder / "samples.parquet", columns=["uri", "label_id", "boxes"]
    ).to_pylist()
    roles = pq.read_table(folder / "splits.parquet", columns=["role"])["role"].to_pylist()
    names = pq.read_table(folder / "labels.parquet")["label"].to_pylist()
    found: dict[str, list[Any]] = {role: [] for role in ROLES}
    with ImageReader.open(folder / "images", str(run)) as reader:
        for row, role in zip(rows, roles, strict=True):
            if role not in found or not row["boxes"]:
                continue
            boxes = sorted(row["boxes"], key=lambda b: -(b["x1"] - b["x0"]) * (b["y1"] - b["y0"]))
            label = boxes[0]["label"] if row["label_id"] is None else names[row["label_id"]]
            corners = [tuple(box[end] for end in ("x0", "y0", "x1", "y1")) for box in boxes]
            found[role].append((reader.read(row["uri"]), label, corners))
    return found


def rows_of(subject: Subject, data: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the excess of every layer."""
    layers = subject.layers
    audit = dejavu.audit(subject.model, transform=subject.transform, layers=layers, **data)
    values, ends = (audit.scores[f"{what}_points_by_layer"] for what in ("excess", "ci95"))
    for place, (shown, layer) in enumerate(zip(values, layers, strict=True)):
        low, high = ends[shown]
        yield (
            subject.name, place, layer, f"{values[shown]:.4f}", f"{low:.4f}", f"{high:.4f}",
            audit.excess.n_target, audit.excess.n_control,
        )  # fmt: skip


def lines(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield the table of docs/results/depth.md."""
    yield "| network | module | adjusted excess | n |"
    yield "| --- | --- | ---: | ---: |"
    for row in rows:
        value, low, high = (float(row[name]) for name in ("excess_points", "low", "high"))
        yield (
            f"| {row['model']} | `{row['layer']}` | {value:+.1f} [{low:+.1f}, {high:+.1f}] | "
            f"{row['n_target']} and {row['n_control']} |"
        )


def draw(rows: list[dict[str, str]], out: Path) -> None:
    """Draw the excess against the place of the layer, one panel per network."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("Agg")
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure, panels = plt.subplots(1, len(models), figsize=(10.5, 4.2), dpi=110, sharey=True)
    for axes, model in zip(panels, models, strict=True):
        mine = [row for row in rows if row["model"] == model]
        value, low, high = (
            [float(row[name]) for row in mine] for name in ("excess_points", "low", "high")
        )
        error = [
            [v - a for v, a in zip(value, low, strict=True)],
            [b - v for v, b in zip(value, high, strict=True)],
        ]
        axes.errorbar(range(len(mine)), value, yerr=error, fmt="o-", color="#10458f", capsize=3)
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set_xticks(
            range(len(mine)), [row["layer"] for row in mine], rotation=40, ha="right", fontsize=8
        )
        axes.set_title(model, fontsize=10)
    panels[0].set_ylabel("adjusted excess, points")
    figure.tight_layout()
    figure.savefig(out, metadata={"Software": None})


def main() -> None:
    """Audit both networks; write the table, the table of its page and the figure."""
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    run, table, figure = map(Path, sys.argv[1:])
    found = [
        row
        for lane, subject in (("image", vicreg), ("caption", clip))
        for row in rows_of(subject(run.resolve()), samples(run.resolve(), lane))
    ]
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(found)
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    fill(table.with_suffix(".md"), {"depth": lambda: lines(rows)})
    draw(rows, figure)


if __name__ == "__main__":
    main()
