"""A loaded encoder: 8-bit squares in, vectors of every layer out."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from dejavu.errors import WeightsError
from dejavu.models.provenance import Provenance

# Pixels that pass through the network at once on a CPU: beyond a processor's cache, larger batches only cost
# memory and time (EfficientNet-Lite0 at 224 px: 41 images per CPU second in eights, 23 in batches of 128).
_CPU_PIXELS = 400_000


class Encoder:
    """A network in evaluation mode, with its preprocessing and provenance."""

    def __init__(self, network: nn.Module, record: Provenance, device: torch.device | str) -> None:
        if record.preprocessing is None or record.layers is None:
            raise WeightsError(f"{record.model}: its record lacks layers or preprocessing.")
        self.provenance = record
        self.layers = dict(record.layers)
        self.preprocessing = record.preprocessing
        self._device = torch.device(device)
        self._network = network.to(self._device).eval()

    @torch.inference_mode()
    def embed(
        self, pixels: UInt8[Tensor, "n 3 size size"]
    ) -> dict[str, Float32[np.ndarray, "n dim_of_layer"]]:
        """Return the vectors of every layer, in float32, from one pass.

        Raises:
            WeightsError: a vector holds NaN or infinity.
        """
        on_cpu = self._device.type == "cpu"
        at_once = _CPU_PIXELS // pixels.shape[-1] ** 2 if on_cpu else len(pixels)
        parts = [self._vectors(some) for some in pixels.split(max(1, at_once))]
        arrays = {layer: np.concatenate([part[layer] for part in parts]) for layer in self.layers}
        for layer, array in arrays.items():
            if not np.isfinite(array).all():
                raise WeightsError(
                    f"{self.provenance.model}: layer {layer!r} gives NaN or infinity for "
                    f"{int((~np.isfinite(array)).any(axis=1).sum())} of {len(array)} images."
                )
        return arrays

    def _vectors(self, pixels: UInt8[Tensor, "n 3 size size"]) -> dict[str, np.ndarray]:
        seen = self.preprocessing.normalized(pixels.to(self._device))
        vectors = self._network(seen.contiguous(memory_format=torch.channels_last))
        return {layer: vectors[layer].float().cpu().numpy() for layer in self.layers}
