"""A dry run: opens everything a run would open, and says what is missing or wrong."""

from pathlib import Path
from typing import TYPE_CHECKING

from dejavu.check.findings import Finding, guarded, tried

if TYPE_CHECKING:
    from dejavu.check.roles import Lane


def check(path: Path, *, page: Path | None = None) -> list[Finding]:
    """Try all that can be tried without running a stage.

    Args:
        path: the params.yaml.
        page: the HTML file to write, see `dejavu.check.page`; None: none.

    Raises:
        ParamsError: `path` is missing or no YAML.
    """
    from dejavu.check import data, models, room, sections
    from dejavu.check import page as pages
    from dejavu.check.clock import Clock

    clock = Clock()
    findings, values = sections.read_all(path)
    findings += sections.compare(values)
    machine = values.get("machine")
    if machine is None:
        return findings
    dims: models.Dims = {}
    lanes: dict[str, Lane] = {}
    for lane in sections.LANES:
        if {f"{lane}.corpus", f"{lane}.split"} <= values.keys():
            found, lanes[lane] = data.look(lane, values, machine.data_root, clock=clock)
            findings += found
    if _is_used("image", values):
        knows_truth = "favorite_share" in type(values["image.corpus"].root).model_fields
        looks = models.look_at_images(values, machine, knows_truth=knows_truth, dims=dims)
        findings += guarded("image", looks)
    if _is_used("caption", values):
        findings += guarded("caption", models.look_at_captions(values, machine, dims))
    findings.append(room.look_at_disk(values, lanes, dims))
    findings += guarded("stages", room.look_at_stages(path, clock))
    if page is not None:
        written = tried(
            "room", str(page), lambda: pages.write(page, findings, lanes, values, machine)
        )
        findings += [written] if written.status != "ok" else []
    return findings


def _is_used(lane: str, values: dict[str, object]) -> bool:
    corpus = values.get(f"{lane}.corpus")
    return corpus is not None and corpus.root.adapter != "none"  # type: ignore[attr-defined]  # values are sections of any kind
