"""Make docs/scale.md: what runs of the paper's two sizes take, from the rates of `dejavu cost --estimate`.

`python -m benchmarks.scale_page` writes the page; nothing in it is typed that the estimate can compute.
"""

# ruff: noqa: E501  # prose of a page

import dataclasses
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dejavu.commands import cost_rates as rates
from dejavu.commands import estimate

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
WIDTH = 150
CORES = 16  # beside one GPU, as clouds rent one H100
HEAD = "| stage | disk, GB | memory, GB | core hours | GPU hours | core hours beside the GPU |"
RULE = "| --- | ---: | ---: | ---: | ---: | ---: |"
COLUMNS = ("disk_gb", "memory_gb", "core_hours", "gpu_hours", "core_hours_beside_gpu")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """One of the paper's sizes: the parameters, how many samples, and the machines."""

    title: str
    lane: str
    preset: str
    counts: Mapping[str, int]
    machine: Mapping[str, Any]  # what takes the place of the preset's section
    largest_bank: tuple[str, int]  # the search with the longest vectors, and their length
    cluster: str
    after: Sequence[str]  # stages per model behind the training, as they begin

    @property
    def argument(self) -> str:
        return f"--{self.lane} " + ",".join(f"{role}={n}" for role, n in self.counts.items())


IMAGES = Size(
    title="Images: 300,000 target, 300,000 reference, 500,000 public",
    lane="image",
    preset="presets/imagenet-two-model.yaml",
    counts={"target": 300_000, "reference": 300_000, "public": 500_000, "control": 50_000},
    machine={
        "device": "auto",
        "engine": "local",
        "workers": CORES,
        "batch_images": 1024,
        "block_rows": 65_536,
        "memory_gb": 40,
        "data_root": "s3://bucket",
    },
    largest_bank=("layer projector of VICReg", 8_192),
    cluster="""\
cluster_name: images
provider: {type: aws, region: us-east-1}
max_workers: 0                         # one node does: each branch of the graph is minutes of a GPU
available_node_types:
  one_gpu:
    node_config: {InstanceType: p5.4xlarge}   # one H100, 16 virtual cores, 256 GB
    resources: {}
head_node_type: one_gpu
setup_commands: ["pip install 'dejavu-audit[ray,s3]'"]
""",
    after=("embed@", "neighbors@"),
)
CAPTIONS = Size(
    title="Captions: 40 million target, 40 million reference, 20 million public",
    lane="caption",
    preset="presets/shutterstock-like.yaml",
    counts={
        "target": 40_000_000,
        "reference": 40_000_000,
        "public": 20_000_000,
        "control": 1_000_000,
    },
    machine={
        "device": "auto",
        "engine": "ray",
        "workers": CORES,
        "batch_images": 1024,
        "block_rows": 65_536,
        "memory_gb": 128,
        "data_root": "s3://bucket",
    },
    largest_bank=("the text model", 768),
    cluster="""\
cluster_name: captions
provider: {type: aws, region: us-east-1}
max_workers: 8
available_node_types:
  head:
    node_config: {InstanceType: r7i.8xlarge}  # 32 virtual cores, 256 GB: roles, duplicates, report
    resources: {}
  one_gpu:                             # a worker with 16 cores and its GPU on each
    node_config: {InstanceType: p5.4xlarge}
    min_workers: 8
    max_workers: 8
    resources: {}
head_node_type: head
setup_commands: ["pip install 'dejavu-audit[ray,s3]'", "sudo mount -t nfs4 storage:/shared /shared"]
""",
    after=("embed_captions@", "retrieve@"),
)


def rows_of(
    size: Size, folder: Path, *, memory: float = 1.0, has_second: bool = True, **changed: float
) -> list[dict[str, Any]]:
    """Estimate a size; `changed` multiplies the samples of roles, `memory` what a search may hold."""
    yaml = YAML()
    content = yaml.load((ROOT / size.preset).read_text(encoding="utf-8"))
    if not has_second:
        models = content[size.lane]["models"]
        for entry in list(models.values()):
            models.pop(entry["second_model"], None)
            entry["second_model"] = None
    content["machine"] = size.machine | {"memory_gb": size.machine["memory_gb"] * memory}
    path = folder / "params.yaml"
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)
    counts = {role: n * changed.get(role, 1.0) for role, n in size.counts.items()}
    return estimate.rows(path, {size.lane: counts})


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    known = [row for row in rows if row["not_estimated"] is None]
    lines = [HEAD, RULE]
    for row in known:
        lines.append(
            f"| {row['stage']} | " + " | ".join(shown(row[name]) for name in COLUMNS) + " |"
        )
    total = estimate.total(rows)
    lines.append(
        "| all; memory: the largest | " + " | ".join(shown(total[name]) for name in COLUMNS) + " |"
    )
    names = [f"`{row['stage']}`" for row in rows if row["not_estimated"] is not None]
    return [*lines, "", f"In no row, as no rate was measured: {', '.join(names)}."]


def growth(size: Size, rows: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """Say how much faster than the samples any stage grows, other roles and public samples doubled in turn."""
    doubled = {
        "samples of the other roles": rows_of(size, folder, target=2.0, reference=2.0, control=2.0),
        "public samples, and `memory_gb` with them": rows_of(size, folder, memory=2.0, public=2.0),
    }
    lines = []
    for what, made in doubled.items():
        ratios = [
            (more[name] / one[name], one["stage"])
            for one, more in zip(rows, made, strict=True)
            for name in COLUMNS
            if one["not_estimated"] is None and one[name] > 1e-3
        ]
        ratio, stage = max(ratios)
        assert ratio < 2.01, (
            f"{stage} grows faster than linearly"
        )  # the last part of a batch is dropped
        lines.append(f"- Twice as many {what}: {ratio:.3g} times as much at most (`{stage}`).")
    return lines


def models_of(size: Size, rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return GPU hours and core hours beside them of what follows each model's training."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        for begin in size.after:
            if row["stage"].startswith(begin) and row["not_estimated"] is None:
                found.setdefault(row["stage"].removeprefix(begin), []).append(row)
    keys = ("gpu_hours", "core_hours_beside_gpu")
    return {
        name: (sum(row[keys[0]] for row in stages), sum(row[keys[1]] for row in stages))
        for name, stages in found.items()
    }


def table_of_models(size: Size, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        f"| model, after its training | GPU hours | core hours beside | hours on one GPU and {CORES} cores, in turn |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, (gpu, cores) in models_of(size, rows).items():
        lines.append(f"| {name} | {shown(gpu)} | {shown(cores)} | {shown(gpu + cores / CORES)} |")
    return lines


def goal_of_images(size: Size, rows: Sequence[Mapping[str, Any]], _folder: Path) -> str:
    minutes = max(60 * (gpu + cores / CORES) for gpu, cores in models_of(size, rows).values())
    return (
        f"Goal: at most 30 minutes a model. By these rates it is {'met' if minutes <= 30 else 'missed'}: "
        f"the slowest takes {shown(minutes)} minutes, GPU and cores one after the other, trainings not counted."
    )


def goal_of_captions(size: Size, rows: Sequence[Mapping[str, Any]], folder: Path) -> str:
    alone = models_of(size, rows_of(size, folder, has_second=False))
    assert set(alone) == {"clip", "gte"}
    one = sum(gpu for gpu, _ in alone.values())
    hours = {row["stage"]: row["gpu_hours"] for row in rows if row["not_estimated"] is None}
    trained = sum(n for stage, n in hours.items() if stage.startswith("clip@"))
    two = sum(hours.values()) - trained
    words = ["met" if each <= 10 else "missed" for each in (one, two)]
    return (
        "Goal: at most 10 GPU hours on one H100. By these rates one model against one text model (an audit "
        f"without a second model: embeddings and searches) takes {shown(one)} GPU hours: {words[0]}. All of the "
        "preset but the trainings, with a second model, other measures, and both models attacked on both "
        f"roles, takes {shown(two)}: {words[1]}. The trainings themselves take {shown(trained)}."
    )


def wrapped(text: str, begin: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin),
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def section(size: Size, folder: Path) -> list[str]:
    rows = rows_of(size, folder)
    where, dim = size.largest_bank
    bank = size.counts["public"] * dim
    machine = ", ".join(f"{name}: {value}" for name, value in size.machine.items())
    goal = goal_of_images if size.lane == "image" else goal_of_captions
    held = (
        f"The longest public vectors, of {where}, take {bank * 4 / 1e9:.3g} GB in float32, which `memory_gb` "
        f"holds twice over, and {bank * 2 / 1e9:.3g} GB on the GPUs in float16."
    )
    return [
        f"## {size.title}", "",
        f"Parameters: `{size.preset}` with this section, which changes speed only:", "",
        "```yaml", f"machine: {{{machine}}}", "```", "",
        "```text",
        f"dejavu cost --estimate --params params.yaml {size.argument}", "```", "",
        *table(rows), "", *wrapped(held), "",
        *table_of_models(size, rows), "", *wrapped(goal(size, rows, folder)), "",
        *growth(size, rows, folder), "",
        "Machines, for `ray up cluster.yaml` (SLURM: [recipes.md](recipes.md#use-a-cluster)):", "",
        "```yaml", *size.cluster.rstrip("\n").split("\n"), "```", "",
    ]  # fmt: skip


def page(folder: Path) -> str:
    """Return the page; `folder` is for parameter files on the way."""
    intro = (
        "Nothing of this was run, but [a hundredth of it](results/rehearsal.md) was: it is arithmetic, made by "
        "`python -m benchmarks.scale_page` from the rates in `dejavu/commands/cost_rates.py`; `tests/docs/test_scale.py` holds the page equal to them."
    )
    points = (
        "**Processors**: rates measured on two cores of one machine while other work ran: "
        f"{rates.FORWARD_GFLOPS:g}·10⁹ operations a second and core in networks, {rates.SEARCH_GFLOPS:g}·10⁹ in "
        f"searches, {1000 * rates.DECODE_SECONDS:g} ms to decode an image, {1e6 * rates.RANK_PAIR_SECONDS:g} µs "
        f"to rank a candidate again, {rates.BANK_BYTES / 1e6:g} MB of vectors a second read from their files.",
        "**GPUs**: no GPU was to be had. The rates are shares of what is published of one H100, not "
        f"measurements: {rates.GPU_NETWORK_TFLOPS:g}·10¹² operations a second in networks (a tenth of the peak in "
        f"bfloat16), {rates.GPU_SEARCH_TFLOPS:g}·10¹² in searches (a third of the peak in float16), and "
        f"{rates.GPU_BYTES / 1e12:g}·10¹² bytes a second (three fifths of the peak) for the similarities.",
        "**Memory** is that of one process at its peak; **disk** is what a stage writes, as much again in DVC's "
        "cache unless files are linked.",
        "**Growth**: no stage grows faster than the samples of any one role. A search compares every attacked "
        "sample with every public one, so it grows with each of the two. `memory_gb` has to grow with the public "
        "vectors: where it does not hold them twice over, they are read again for every group of attacked samples that "
        f"half of it holds (with `engine: ray`, for every {rates.QUERIES_AT_ONCE:,}).",
    )
    lines = ["# The paper's sizes on paper", "", *wrapped(intro), ""]
    lines += [line for point in points for line in wrapped(point, "- ")] + [""]
    for size in (IMAGES, CAPTIONS):
        lines += section(size, folder)
    return "\n".join(lines).rstrip("\n") + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(Path(folder)), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
