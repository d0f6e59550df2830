"""What a run will take, from its parameters alone: disk, memory, core hours or GPU hours, stage by stage."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dejavu.commands import caption_work, image_work
from dejavu.commands.work import Counts, Work
from dejavu.errors import ParamsError
from dejavu.roles import ROLES

_SUMS = ("disk_gb", "core_hours", "gpu_hours", "core_hours_beside_gpu")


def rows(path: Path, given: Mapping[str, Counts]) -> list[dict[str, Any]]:
    """Estimate every stage that the parameters ask for.

    Args:
        path: params.yaml or a preset.
        given: samples per role of each lane whose corpus does not state its size; see `parsed`.

    Returns:
        One row per stage: lane, stage, disk_gb, memory_gb, core_hours (everything on processors),
        gpu_hours and core_hours_beside_gpu (networks and searches on one GPU), not_estimated (the reason,
        or null).

    Raises:
        ParamsError: a section does not fit, or a lane's size is neither stated nor given.
    """
    works = [
        *image_work.stages(path, given.get("image")),
        *caption_work.stages(path, given.get("caption")),
    ]
    return [_row(each) for each in works]


def _row(each: Work) -> dict[str, Any]:
    numbers = {
        "disk_gb": each.disk / 1e9, "memory_gb": each.memory / 1e9, "core_hours": each.core_hours,
        "gpu_hours": each.gpu_hours, "core_hours_beside_gpu": each.core_hours_beside,
    }  # fmt: skip
    shown = numbers if each.unknown is None else dict.fromkeys(numbers)
    return {
        "lane": each.lane, "stage": each.stage, **shown, "not_estimated": each.unknown,
    }  # fmt: skip


def parsed(text: str) -> dict[str, float]:
    """Read ``target=300000,public=500000``; roles that are not named have no samples.

    Raises:
        ParamsError: another form, or another role.
    """
    counts = dict.fromkeys(ROLES, 0.0)
    for part in text.split(","):
        role, _, number = part.strip().partition("=")
        if role not in counts or not number.strip().isdecimal():
            raise ParamsError(
                f"{part.strip()!r}: expected <role>=<samples> with a role of {', '.join(ROLES)}, "
                "e.g. target=300000,reference=300000,public=500000,control=50000."
            )
        counts[role] = float(number)
    return counts


def total(made: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the sums over all stages that are estimated; of memory the largest."""
    known = [row for row in made if row["not_estimated"] is None]
    sums = {name: float(sum(row[name] for row in known)) for name in _SUMS}
    return sums | {"memory_gb": max((row["memory_gb"] for row in known), default=0.0)}


def markdown(made: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table, with what the numbers rest on."""
    columns = ("disk_gb", "memory_gb", "core_hours", "gpu_hours", "core_hours_beside_gpu")
    lines = [
        "An estimate from the parameters; nothing was run. Core hours: everything on processors, at rates",
        "measured on one machine. GPU hours: networks and searches on one H100-like GPU, at assumed rates;",
        "the core hours beside it remain. Disk: as much again in DVC's cache, unless files are linked.",
        "",
        "| lane | stage | disk, GB | memory, GB | core hours | GPU hours | core hours beside the GPU |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in made:
        if row["not_estimated"] is None:
            cells = [_shown(row[name]) for name in columns]
            lines.append(f"| {row['lane']} | {row['stage']} | {' | '.join(cells)} |")
    sums = total(made)
    cells = [_shown(sums[name]) for name in columns]
    lines.append(f"| all | of these; memory: the largest | {' | '.join(cells)} |")
    if unknown := [row for row in made if row["not_estimated"] is not None]:
        lines += ["", "Not estimated, and in no sum:", ""]
        lines += [f"- {row['lane']}, {row['stage']}: {row['not_estimated']}" for row in unknown]
    return "\n".join(lines) + "\n"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
