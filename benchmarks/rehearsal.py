"""A dress rehearsal: both of the paper's sizes at 1/100, generated, through every stage, beside the estimate.

    python -m benchmarks.rehearsal run FOLDER            # 11,500 images, 1.01 million captions
    python -m benchmarks.rehearsal run FOLDER 0.0005     # a look: 575 images, 50,500 captions
    python -m benchmarks.rehearsal table FOLDER          # of a run that is finished

Vectors are made elsewhere (64 values, see `benchmarks.worlds`), since networks of random weights would show
nothing but the time of their products; so no stage trains, and none embeds. Measured: wall and processor
seconds of every process, its peak of memory, and what lies on the disk, by the stages' logs and `dvc.lock`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks import scale_page, worlds
from dejavu import params
from dejavu.commands import estimate, work
from dejavu.params.machine import MachineParams
from dejavu.params.search import NeighborsParams, RetrieveParams

SHARE = 0.01
WALL = "rehearsal.json"


def counts(share: float) -> dict[str, dict[str, int]]:
    """Return the samples of each lane and role."""
    sizes = (scale_page.IMAGES, scale_page.CAPTIONS)
    return {s.lane: {role: round(n * share) for role, n in s.counts.items()} for s in sizes}


def run(folder: Path, share: float) -> None:
    """Make the project, run all of it, and keep how long that took."""
    sizes = counts(share)
    totals = {lane: sum(of_role.values()) for lane, of_role in sizes.items()}
    shares = {
        lane: {role: n / totals[lane] for role, n in of_role.items()}
        for lane, of_role in sizes.items()
    }
    worlds.make(totals["image"], folder, n_captions=totals["caption"], shares=shares)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=folder, check=True)
    wall = {"share": share, "seconds": time.perf_counter() - began}
    (folder / WALL).write_text(json.dumps(wall) + "\n", encoding="utf-8")


def measured(folder: Path) -> dict[str, dict[str, float]]:
    """Return seconds, peak and bytes of every stage that ran."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    found = {}
    for file in sorted((folder / "logs").glob("*.json")):
        log = json.loads(file.read_text(encoding="utf-8"))
        outs = lock.get(file.stem, {}).get("outs", ())
        found[file.stem] = {
            "seconds": log["process_seconds"], "core_seconds": log["process_cpu_seconds"],
            "memory": log["peak_mib"] * 2**20, "disk": sum(each.get("size", 0) for each in outs),
        }  # fmt: skip
    return found


def estimated(folder: Path, sizes: dict[str, dict[str, int]]) -> dict[str, dict[str, float]]:
    """Return the same by `dejavu cost --estimate`, by the names of the logs."""
    given = {
        lane: {role: float(n) for role, n in of_role.items()} for lane, of_role in sizes.items()
    }
    found: dict[str, dict[str, float]] = {}
    for row in estimate.rows(folder / "params.yaml", given):
        if row["not_estimated"] is None:
            name = row["stage"]
            per_lane = name in ("corpus", "split", "measure", "list_samples, crossover")
            found[f"{name}@{row['lane']}" if per_lane else name] = {
                "core_seconds": row["core_hours"] * 3600, "memory": row["memory_gb"] * 1e9,
                "disk": row["disk_gb"] * 1e9,
            }  # fmt: skip
    for each in searches(folder, given):
        found[each.stage] = {
            "core_seconds": each.core_hours * 3600,
            "memory": each.memory,
            "disk": each.disk,
        }
    return found


def searches(folder: Path, given: dict[str, Any]) -> Iterator[work.Work]:
    """Yield the searches: the estimate does not know how long vectors are that were made elsewhere."""
    path = folder / "params.yaml"
    machine = params.section(path, "machine", MachineParams)
    plan = {
        "image": ("neighbors", NeighborsParams, "image.neighbors", ("theirs", "theirs_second")),
        "caption": (
            "retrieve",
            RetrieveParams,
            "caption.retrieve",
            ("clip", "clip_second", "text"),
        ),
    }
    for lane, (stage, schema, section, models) in plan.items():
        settings = params.section(path, section, schema)
        metrics = settings.metrics if lane == "image" else ("cosine",)
        search = work.Search(
            dim=worlds.DIM * len(metrics), metrics=metrics, settings=settings, machine=machine
        )
        for model in models:
            n = work.n_attacked(given[lane])
            yield search.work(lane, f"{stage}@{model}", n, given[lane])


def table(folder: Path) -> list[str]:
    """Return a row per stage, measured beside estimated."""
    wall = json.loads((folder / WALL).read_text(encoding="utf-8"))
    sizes = counts(wall["share"])
    ran, expected = measured(folder), estimated(folder, sizes)
    both = {
        f"list_samples, crossover@{lane}": [f"list_samples@{lane}", f"crossover@{lane}"]
        for lane in sizes
    }
    for name, parts in both.items():
        some = [ran.pop(part) for part in parts if part in ran]
        if some:
            add = {
                key: sum(each[key] for each in some) for key in ("seconds", "core_seconds", "disk")
            }
            ran[name] = add | {"memory": max(each["memory"] for each in some)}
    lines = [
        "| stage | wall, s | core seconds | estimated | peak, MB | estimated | disk, MB | estimated |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, facts in ran.items():
        other = expected.get(name, {})
        cells = [f"{facts['seconds']:.1f}"]
        for key, unit in (("core_seconds", 1.0), ("memory", 1e6), ("disk", 1e6)):
            cells.append(scale_page.shown(facts[key] / unit))
            cells.append(scale_page.shown(other[key] / unit) if key in other else "no rate")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    known = [name for name in ran if name in expected]
    seconds = [sum(some[name]["core_seconds"] for name in known) for some in (ran, expected)]
    images, captions = (f"{sum(sizes[lane].values()):,}" for lane in ("image", "caption"))
    return [
        f"{images} images and {captions} captions, vectors of {worlds.DIM}; all of `dvc repro` in "
        f"{wall['seconds']:,.0f} s of wall time on {os.cpu_count()} processors.", "", *lines, "",
        f"Stages with a rate: {seconds[0]:,.0f} core seconds, estimated {seconds[1]:,.0f}. Without one: "
        f"{sum(each['core_seconds'] for each in ran.values()) - seconds[0]:,.0f}.",
    ]  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["run"] and len(sys.argv) in (3, 4):
        run(Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) == 4 else SHARE)
    elif sys.argv[1:2] != ["table"] or len(sys.argv) != 3:
        sys.exit(__doc__)
    print("\n".join(table(Path(sys.argv[2]))))


if __name__ == "__main__":
    main()
