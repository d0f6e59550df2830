"""What the sources of encoders have in common: their type, and the folder that each writes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from dejavu.errors import ParamsError, suggestion
from dejavu.models import folder, source
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.provenance import Provenance

# Its network is built from the record, without weights.
Source = source.Source[EncoderSettings, Callable[[Provenance], nn.Module]]


def write(
    settings: EncoderSettings,
    out: Path,
    *,
    network: nn.Module,
    record: Provenance,
    libraries: tuple[str, ...],
    files: Mapping[str, str] | None = None,
) -> None:
    """Write the folder of a network, after checking that it has the layers asked for.

    Raises:
        ParamsError: a layer asked for is not one of the network's.
    """
    require_layers(settings, record.layers or {})
    folder.write(out, network, record.as_dict(), libraries=libraries, files=files)


def require_layers(settings: EncoderSettings, there: Mapping[str, int]) -> None:
    """Check that a network has the layers that params.yaml asks for.

    Raises:
        ParamsError: one is missing.
    """
    if missing := [layer for layer in settings.entry.layers if layer not in there]:
        raise ParamsError(
            f"image.models.{settings.model}.layers: no layer {missing[0]!r} in this network."
            f"{suggestion(missing[0], there)}"
        )
