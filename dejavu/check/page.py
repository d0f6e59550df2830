"""The dry run as one page: what will be refused, what the roles hold, and what the data looks like."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from dejavu.check import sheet
from dejavu.check.findings import FAILURES, Finding, tried
from dejavu.check.roles import Lane
from dejavu.params.machine import MachineParams
from dejavu.roles import ROLES, UNUSED


def write(
    path: Path,
    findings: list[Finding],
    lanes: Mapping[str, Lane],
    values: Mapping[str, Any],
    machine: MachineParams,
) -> str:
    """Write the page and return where it is; what cannot be shown becomes a finding, appended to `findings`.

    Args:
        path: the file to write.
        findings: of the dry run.
        lanes: what is known of each lane's samples.
        values: sections by name.
        machine: where corpora lie.
    """
    shown = [_lane(known, findings, values, machine) for known in lanes.values() if known.n]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    text = environment.get_template("check.html.j2").render(
        refused=[each for each in findings if each.status in FAILURES],
        others=[each for each in findings if each.status not in FAILURES and each.detail],
        roles=(*ROLES, UNUSED), lanes=shown,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".part")
    scratch.write_text(text, encoding="utf-8", errors="replace")
    scratch.replace(path)
    return str(path)


def _lane(
    known: Lane, findings: list[Finding], values: Mapping[str, Any], machine: MachineParams
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": known.name, "n": known.n, "is_complete": known.is_complete,
        "is_generated": known.is_generated, "roles": known.roles or {},
        "n_opened": 0 if known.opened is None else known.opened.num_rows, "cards": [], "captions": [],
        "labels": list(sheet.counts(known)), "n_labels": len(known.labels),
    }  # fmt: skip

    def draw() -> str:
        shown["cards"] = sheet.cards(known, values, machine)
        return f"{len(shown['cards'])} images"

    def tell() -> str:
        shown["captions"] = sheet.captions(known, values, machine)
        return f"{len(shown['captions'])} captions"

    attempts: Sequence[tuple[str, Any]] = [("contact sheet", draw)]
    if known.name == "caption":
        attempts = [*attempts, ("captions", tell)]
    for what, attempt in attempts:
        if (found := tried(known.name, what, attempt)).status != "ok":
            findings.append(found)
    return shown
