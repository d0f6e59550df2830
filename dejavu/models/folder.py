"""The folder of one model of either lane: its weights, and how they came about.

``weights.safetensors`` holds the network's tensors, ``provenance.json`` everything else that decides
its vectors. Nothing volatile is in them: equal weights make equal folders.
"""

import importlib.metadata
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from dejavu.errors import ArtifactError, WeightsError
from dejavu.models.checkpoints import load as checkpoints

WEIGHTS = "weights.safetensors"
PROVENANCE = "provenance.json"


def write(
    out: Path,
    network: nn.Module,
    facts: Mapping[str, Any],
    *,
    libraries: Iterable[str],
    files: Mapping[str, str] | None = None,
) -> None:
    """Write the folder, all of it or nothing.

    Args:
        out: the folder to make; an older one is replaced.
        network: its state dict is kept.
        facts: what provenance.json says beside the hash of the weights and versions of libraries.
        libraries: names of the distributions that the network is built with.
        files: further text files by name.
    """
    scratch = _scratch(out)
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    save_file(tensors, scratch / WEIGHTS)
    provenance = {
        **facts,
        "weights_sha256": checkpoints.sha256(scratch / WEIGHTS),
        "versions": versions(libraries),
    }
    _write_json(provenance, scratch)
    for name, content in (files or {}).items():
        (scratch / name).write_text(content, encoding="utf-8")
    _replace(scratch, out)


def write_program(
    out: Path, program: Path, facts: Mapping[str, Any], *, libraries: Iterable[str]
) -> None:
    """Write the folder of a network that is one file, a program: a copy of it, all of it or nothing.

    Args:
        out: the folder to make; an older one is replaced.
        program: the file; it keeps its ending.
        facts: what provenance.json says beside the file's name and hash and versions of libraries.
        libraries: names of the distributions that run it.
    """
    scratch = _scratch(out)
    name = "program" + program.suffix
    shutil.copyfile(program, scratch / name)
    record = {
        **facts,
        "program": name,
        "weights_sha256": checkpoints.sha256(scratch / name),
        "versions": versions(libraries),
    }
    _write_json(record, scratch)
    _replace(scratch, out)


def write_facts(out: Path, facts: Mapping[str, Any]) -> None:
    """Write a folder that has provenance and no weights: they lie elsewhere, or there are none."""
    scratch = _scratch(out)
    _write_json(facts, scratch)
    _replace(scratch, out)


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each library."""
    return {name: importlib.metadata.version(name) for name in sorted(libraries)}


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what provenance.json says, whether or not there are weights beside it.

    Raises:
        ArtifactError: the folder is not there, or its record is damaged.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        raise ArtifactError(f"{path}: not there. Run `dvc repro` to build it.")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ArtifactError(
            f"{path}: not the record that a stage wrote ({error}). Run `dvc repro` to build it anew."
        ) from None


def provenance(folder: Path) -> dict[str, Any]:
    """Return what provenance.json says, after checking that it is about the weights beside it.

    Raises:
        ArtifactError: the folder is not there, or its record is damaged.
        WeightsError: the weights were changed.
    """
    facts = read_facts(folder)
    path = folder / Path(str(facts.get("program") or WEIGHTS)).name
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file. Vectors that were made elsewhere come without a network, "
            "which nothing can be embedded with."
        )
    found, recorded = checkpoints.sha256(path), facts.get("weights_sha256")
    if found != recorded:
        raise WeightsError(
            f"{path}: has SHA-256 {found}, but {PROVENANCE} says {recorded}. "
            "Run `dvc repro` to build both anew."
        )
    return facts


def load_weights(folder: Path, network: nn.Module) -> None:
    """Load the folder's weights into a network of the same architecture, key by key."""
    path = folder / WEIGHTS
    state = checkpoints.read(path)
    checkpoints.load_exactly(network, state, path, contents=state)


def _scratch(out: Path) -> Path:
    scratch = out.with_name(out.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return scratch


def _replace(scratch: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    scratch.replace(out)


def _write_json(facts: Mapping[str, Any], folder: Path) -> None:
    text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / PROVENANCE).write_text(text, encoding="utf-8")
