"""A source of models, of either lane: what the module of that name states of it, once.

An entry of params.yaml names its source. The module of that name in `dejavu.models.encoders` (image lane) or
`dejavu.models.clip` (caption lane) has a `SOURCE`, found by its name alone: no list of sources is kept beside
the sections of params.yaml, which also say what a source needs, so that listing loads no network.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

SettingsT = TypeVar("SettingsT")
NetworkT = TypeVar("NetworkT", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingInputs:
    """The tables of a lane that a network is trained on."""

    samples: Path
    images: Path
    splits: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(Generic[SettingsT, NetworkT]):
    """How entries of one source become networks."""

    # Writes the folder of the network that is asked for; what was trained elsewhere needs no inputs.
    make: Callable[[SettingsT, TrainingInputs, Path], None]
    network: NetworkT | None  # the network again; None: vectors made elsewhere
    libraries: tuple[str, ...] = ("torch",)  # distributions that the network is built with
    # Opens the network from its folder, where weights and a record are not enough: a program
    opened: Callable[[Path, Any], Any] | None = None
    runs_code: bool = False  # of the model's author: only with machine.run_code_of_models
