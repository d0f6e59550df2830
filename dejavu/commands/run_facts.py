"""What card and annex say of a run: results, parameters, models, data, and the release it stands for."""

import collections
import dataclasses
import datetime
import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dejavu import __version__, params
from dejavu.files import json_files
from dejavu.report import markdown, published
from dejavu.report.published import Difference, Lane, Results
from dejavu.statistics.verdict import ERROR
from dejavu.tables.schemas import SPLITS

LANES: Mapping[Lane, str] = {"image": "encoders", "caption": "models"}  # folder of the models
_HASHED = ("results.json", "metrics.json", "summary.md")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run on this disk."""

    results: Results
    params: Mapping[str, Any]  # params.yaml
    models: Mapping[
        tuple[str, str], Mapping[str, Any]
    ]  # provenance by lane and model; as far as at hand
    samples: Mapping[str, Mapping[str, int]]  # by lane: how many of each role; as far as at hand
    hashes: Mapping[str, str]  # SHA-256 of what identifies the run, by file
    version: str
    date: str
    commit: str | None  # None: no Git repository


def read(reports: Path, params_path: Path, data: Path) -> Run:
    """Return everything that is at hand of a run.

    Raises:
        ArtifactError: there are no results, or those of another version.
        ParamsError: there is no params.yaml.
    """
    files = [reports / name for name in _HASHED]
    files += [params_path, params_path.with_name("dvc.yaml"), params_path.with_name("dvc.lock")]
    return Run(
        results=published.read(reports),
        params=params.read(params_path),
        models={
            (lane, file.parent.name): json_files.mapping(file)
            for lane, folder in LANES.items()
            for file in sorted((data / lane / folder).glob("*/provenance.json"))
        },
        samples={lane: found for lane in LANES if (found := _roles(data / lane))},
        hashes={file.as_posix(): _sha256(file) for file in files if file.is_file()},
        version=__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit=_commit(params_path.absolute().parent),
    )


def _roles(lane: Path) -> dict[str, int]:
    if not (lane / "splits.parquet").is_file():
        return {}
    roles = SPLITS.read(lane / "splits.parquet", columns=["role"])["role"].to_pylist()
    return dict(sorted(collections.Counter(roles).items()))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _commit(folder: Path) -> str | None:
    """Return the commit of a project, with a word if files differ from it; None outside Git."""
    if shutil.which("git") is None:
        return None

    def git(*words: str) -> str | None:
        done = subprocess.run(  # noqa: S603  # fixed words, no shell
            ["git", "-C", str(folder), *words],  # noqa: S607  # git is on PATH, or nothing is asked
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return None if done.returncode else done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    return (
        f"{commit}, with changes that are not committed"
        if commit and git("status", "--porcelain")
        else commit
    )


def render(template: str, **values: Any) -> str:
    """Return a Markdown document of `dejavu/templates`; texts of a run cannot break out of their cell."""
    templates = markdown.templates(text=markdown.literal, points=points)
    confidence = f"{100 * (1 - ERROR):g} %"  # of the upper bounds, over all models together
    return templates.get_template(template).render(confidence=confidence, **values)


def points(found: Difference | float | None) -> str:
    """Return a share, or a difference with its 95 % interval, in percentage points.

    >>> points(Difference(value=0.132, ci95=(0.092, 0.172)))
    '+13.2 [+9.2, +17.2]'
    """
    if found is None:
        return "–"
    if isinstance(found, Difference):
        if found.value is None:
            return f"– ({found.reason})"
        low, high = found.ci95 or (float("nan"), float("nan"))
        return f"{100 * found.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"{100 * found:+.1f}"
