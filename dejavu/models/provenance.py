"""What is recorded of an encoder beside its weights: their origin, and all that decides its vectors."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dejavu.models.encoders.preprocessing import Preprocessing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The record ``provenance.json``. What does not apply to a source is None and left out of the file."""

    model: str  # name of the entry in params.yaml
    source: str
    recipe: Mapping[str, Any]  # its name and values
    trained_on: str  # target, reference, several roles with commas, elsewhere, or nothing
    layers: Mapping[str, int] | None = None  # length of the vectors of each layer
    preprocessing: Preprocessing | None = None
    file: Mapping[str, str] | None = None  # name, sha256 and perhaps kind of the weights' file
    name: str | None = None  # of the architecture, as its library names it
    architecture: str | None = None  # JSON that the network is built from, where a file tells it
    modules: Mapping[str, Mapping[str, str]] | None = None  # of layers inside: module and pooling
    program: str | None = None  # file of the folder that is the network itself, in place of weights
    origin: Mapping[str, Any] | None = None  # the record that came with a folder made elsewhere
    seed: int | None = None
    inputs: Mapping[str, str] | None = None  # fingerprints of what it was trained on
    n_images: int | None = None
    n_planted: int | None = None
    files: tuple[Mapping[str, str], ...] | None = None  # vectors made elsewhere: names and SHA-256
    is_empty: bool | None = None  # true: the lane has no samples, nothing was made
    weights_sha256: str | None = None
    versions: Mapping[str, str] | None = None  # of the libraries that the network is built with

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Provenance":
        """Return the record that `as_dict` described; what other versions wrote beside it is ignored."""
        known = {field.name for field in dataclasses.fields(cls)}
        values = {name: value for name, value in values.items() if name in known}
        if (files := values.get("files")) is not None:
            values = {**values, "files": tuple(files)}
        if (seen := values.get("preprocessing")) is not None:
            values = {**values, "preprocessing": Preprocessing.from_dict(seen)}
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = (field.name for field in dataclasses.fields(self))
        values = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.preprocessing is not None:
            values["preprocessing"] = self.preprocessing.as_dict()
        return values
