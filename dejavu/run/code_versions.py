"""One file per stage and entry that changes when the code behind it does, for DVC to depend on."""

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dejavu import params as parameters
from dejavu.run import code, dvc_lock, graph


def versions(dvc_yaml: Path, params: Path, *, of: code.Code | None = None) -> dict[graph.Job, str]:
    """Return the version of the code behind every stage and entry, as hex digests.

    Args:
        dvc_yaml: the graph.
        params: the parameters.
        of: whose code; None takes that of this process.

    Raises:
        ParamsError: a file cannot be read.
        ArtifactError: a stage runs a script that is not there.
    """
    source = of or code.running()
    jobs = graph.jobs(graph.read(dvc_yaml), parameters.read(params))
    found = {job: source.version(job.module, job.words) for job in jobs}
    source.save()
    return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GraphInputs:
    """What says which stages there are, and which code each uses."""

    dvc_yaml: Path
    params: Path


def write(*, inputs: GraphInputs, out: Path) -> None:
    """Write ``<stage>/<entry>.txt``, or ``<stage>.txt`` of a stage that runs once, below `out`."""
    shutil.rmtree(out, ignore_errors=True)
    for job, version in versions(inputs.dvc_yaml, inputs.params).items():
        place = out / _name(job)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_text(version), encoding="utf-8")


def changed_stages(lock: Path, dvc_yaml: Path, params: Path) -> list[str]:
    """Return the stages, as DVC names them, whose code is not the one of their last run.

    DVC itself sees code only after the stage that writes the versions. A stage that never ran is not
    listed.

    Args:
        lock: dvc.lock; without one nothing ran.
        dvc_yaml: the graph.
        params: the parameters.

    Raises:
        ArtifactError: dvc.lock is not whole; the message says how to go on.
        ParamsError: one of the other files cannot be read.
    """
    ran = dvc_lock.stages(lock)
    if not ran:
        return []
    return [
        job.address
        for job, version in versions(dvc_yaml, params).items()
        if _recorded(ran.get(job.address, {}), job) not in (None, _md5(version))
    ]


def _recorded(ran: Mapping[str, Any], job: graph.Job) -> str | None:
    """Return the MD5 that DVC noted of the file of a job when the job last ran."""
    for dependency in ran.get("deps", []):
        if dependency["path"].endswith("/" + _name(job)):
            return str(dependency.get("md5"))
    return None


def _name(job: graph.Job) -> str:
    return f"{job.stage}.txt" if job.entry is None else f"{job.stage}/{job.entry}.txt"


def _text(version: str) -> str:
    return version + "\n"


def _md5(version: str) -> str:
    return hashlib.md5(_text(version).encode(), usedforsecurity=False).hexdigest()
