"""Load the models of the caption lane behind one interface: unit vectors of images and of captions."""

from pathlib import Path

from dejavu.errors import WeightsError
from dejavu.models import clip
from dejavu.models import folder as folders
from dejavu.models.clip.model import CaptionModel
from dejavu.params.caption import CaptionNetworkParams
from dejavu.params.machine import MachineParams


def load(folder: Path, settings: CaptionNetworkParams, machine: MachineParams) -> CaptionModel:
    """Load the model that stage ``clip`` put into `folder`.

    Raises:
        WeightsError: the weights are damaged, missing, or no longer those that were verified.
    """
    model = opened(settings, machine, folder)
    verified = folders.read_facts(folder).get("weights_sha256")
    if model.facts.get("weights_sha256") != verified:
        raise WeightsError(
            f"{getattr(settings, 'weights', folder)}: not the file that was verified (SHA-256 {verified}). "
            "Run `dvc repro` after replacing weights."
        )
    return model


def opened(
    settings: CaptionNetworkParams, machine: MachineParams, folder: Path = Path()
) -> CaptionModel:
    """Open the model of an entry, without comparing it with what stage ``clip`` verified.

    Args:
        settings: the entry.
        machine: where files lie, and where the network runs.
        folder: what stage ``clip`` wrote; models that were trained elsewhere do without.

    Raises:
        ParamsError: OpenCLIP has no such architecture.
        WeightsError: the weights are missing, do not fit, or were trained with another activation.
    """
    network = clip.source_of(settings.source).network
    if network is None:
        raise WeightsError(f"{settings.source}: vectors made elsewhere come without a network.")
    return network(settings, machine, folder)
