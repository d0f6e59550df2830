"""Estimate the disk space of a run, and name the stages that would run."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu import params
from dejavu.check.clock import Clock
from dejavu.check.findings import Finding, Untried, tried
from dejavu.check.models import Dims
from dejavu.check.roles import Lane
from dejavu.errors import DataError
from dejavu.roles import ATTACKED
from dejavu.run import code_versions, dvc_lock, failures, graph, writable

FLOAT_BYTES = 4
NEIGHBOR_BYTES = 12  # a sample id and a similarity
SAMPLE_BYTES = 400  # of a row in all tables that have one per sample
GENERATED_IMAGE_BYTES = 12_000
_DVC_SECONDS, _DVC_LEAST = 60.0, 10.0  # that DVC may take: at most, and at least


def look_at_disk(values: Mapping[str, Any], lanes: Mapping[str, Lane], dims: Dims) -> Finding:
    """Compare the space that vectors, neighbors and tables need with what is free here."""

    def attempt() -> str:
        used = [lane for lane in lanes.values() if lane.roles]
        if not used:
            raise Untried("how much a run needs is known once a corpus can be listed")
        needed = sum(_needed(lane, values, dims) for lane in used)
        free = shutil.disk_usage(".").free
        text = (
            f"about {needed / 1e9:.1f} GB of {free / 1e9:.0f} GB free, and as much in DVC's cache"
        )
        if needed > free:
            raise DataError(f"{text}: not enough. Free some, or lower the shares of image.split.")
        return text

    return tried("room", "disk", attempt)


def _needed(lane: Lane, values: Mapping[str, Any], dims: Dims) -> float:
    assert lane.roles is not None
    public, attacked = lane.roles["public"], sum(lane.roles[role] for role in ATTACKED)
    section = values.get("image.neighbors" if lane.name == "image" else "caption.retrieve")
    k = section.k if section is not None else 0
    kinds = len(values["image.neighbors"].metrics) if lane.name == "image" and section else 2
    bank = public * (1 if lane.name == "image" else 2)  # images, and captions too
    total = float(lane.n * SAMPLE_BYTES)
    if lane.is_generated:
        total += lane.n * GENERATED_IMAGE_BYTES
    for model in values.get(f"{lane.name}.models", {}):
        for dim in dims.get(model, {}).values():
            total += (bank + attacked) * dim * FLOAT_BYTES + attacked * k * kinds * NEIGHBOR_BYTES
    return total


def look_at_stages(
    path: Path, clock: Clock, dvc_yaml: Path = Path("dvc.yaml")
) -> Iterator[Finding]:
    """Name the stages of the graph with these parameters, and those that DVC would run again."""
    if not dvc_yaml.is_file():
        return
    names = [job.address for job in graph.jobs(graph.read(dvc_yaml), params.read(path))]
    listed = f"{len(names)} in all: {', '.join(names)}"
    yield Finding(area="stages", what="dvc.yaml", status="ok", detail=listed)
    seconds = max(_DVC_LEAST, clock.share(_DVC_SECONDS, part=1.0))
    yield tried("stages", "dvc status", lambda: _status(path, seconds))


def _status(path: Path, seconds: float) -> str:
    command = shutil.which("dvc") or shutil.which("dvc", path=str(Path(sys.executable).parent))
    if path.resolve() != Path("params.yaml").resolve():
        raise Untried(f"DVC reads params.yaml: copy {path} there to see which stages would run")
    if command is None or not Path(".dvc").is_dir():
        raise Untried("no DVC project here, or dvc is not installed")
    try:
        writable.require(Path())
    except OSError as error:
        raise DataError(failures.line_of(error)) from None
    recoded = code_versions.changed_stages(dvc_lock.RECORD, Path("dvc.yaml"), path)
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command
            [command, "status", "--json"], capture_output=True, text=True, timeout=seconds,
            check=False,
        )  # fmt: skip
        changed = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise Untried(f"dvc status takes more than {seconds:.0f} s") from None
    except json.JSONDecodeError:
        raise Untried(f"dvc status: {done.stderr.strip().splitlines()[-1:]}") from None
    changed = [name for name, why in changed.items() if why != ["always changed"]]
    changed += [
        name for name in recoded if name not in changed
    ]  # DVC sees it after the first stage
    if not changed:
        return "nothing would run: all outputs are up to date"
    return (
        f"{len(changed)} changed, these and what follows from them would run: {', '.join(changed)}"
    )
