"""Networks whose output is one vector per image, and vectors of modules inside them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dejavu.errors import ParamsError, WeightsError, suggestion
from dejavu.models.provenance import Provenance
from dejavu.params.networks import ModuleLayer

_AXES = {"none": 2, "map": 4, "tokens": 3, "first_token": 3}  # of the output that is pooled


class PooledNetwork(nn.Module):
    """A network with its output as layer ``backbone``, and modules inside it as further layers."""

    def __init__(
        self, backbone: nn.Module, dim: int, modules: Mapping[str, ModuleLayer] | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = {"backbone": dim}
        self._seen: dict[str, Tensor] = {}
        inside = dict(backbone.named_modules())
        for layer, wanted in (modules or {}).items():
            if wanted.module not in inside or not wanted.module:
                raise ParamsError(
                    f"modules.{layer}: the network has no module {wanted.module!r}."
                    f"{suggestion(wanted.module, inside)}"
                )
            inside[wanted.module].register_forward_hook(self._keep(layer, wanted))

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> dict[str, Float[Tensor, "n _"]]:
        """Return the vectors of every layer under its name."""
        self._seen.clear()
        output = self.backbone(images)
        return {"backbone": output, **self._seen}

    def _keep(self, layer: str, wanted: ModuleLayer) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if layer in self._seen:
                raise WeightsError(
                    f"modules.{layer}: {wanted.module!r} runs more than once per image; name another."
                )
            self._seen[layer] = _pooled(output, layer, wanted)

        return hook


def measured(
    backbone: nn.Module, size_px: int, modules: Mapping[str, ModuleLayer] | None = None
) -> PooledNetwork:
    """Wrap a network, with the lengths of its vectors as one pass shows them.

    Libraries state lengths too, but not of every architecture the right one.

    Args:
        backbone: turns (n, 3, size_px, size_px) into (n, dim).
        size_px: side of the images it sees.
        modules: further layers by name.

    Raises:
        ParamsError: there is no such module, or its output cannot be pooled as stated.
        WeightsError: the network gives no vector per image.
    """
    pooled = PooledNetwork(backbone.eval(), 0, modules)
    try:
        with torch.inference_mode():
            found = pooled(torch.zeros(2, 3, size_px, size_px))
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError) as error:
        brief = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"the network takes no images of {size_px} pixels ({brief}).") from None
    vectors = found["backbone"]
    if not isinstance(vectors, Tensor) or vectors.ndim != 2 or len(vectors) != 2:
        shape = tuple(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
        raise WeightsError(f"the network gives {shape} for two images, expected (2, length).")
    pooled.layers = {layer: int(each.shape[1]) for layer, each in found.items()}
    return pooled


def of_record(backbone: nn.Module, record: Provenance) -> PooledNetwork:
    """Wrap the network of a record again."""
    modules = {
        name: ModuleLayer.model_validate(each) for name, each in (record.modules or {}).items()
    }
    return PooledNetwork(backbone, (record.layers or {}).get("backbone", 0), modules)


def described(modules: Mapping[str, ModuleLayer]) -> dict[str, dict[str, str]] | None:
    """Return what a record says of modules; None of none."""
    return {name: each.model_dump() for name, each in modules.items()} or None


def _pooled(output: Any, layer: str, wanted: ModuleLayer) -> Tensor:
    if isinstance(output, tuple | list) and output:
        output = output[0]  # modules of transformers give their states first
    axes = _AXES[wanted.pooling]
    if not isinstance(output, Tensor) or output.ndim != axes:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ParamsError(
            f"modules.{layer}: {wanted.module!r} gives {shape}; pooling {wanted.pooling!r} is for {axes} "
            "axes."
        )
    match wanted.pooling:
        case "map":
            return output.mean((2, 3))
        case "tokens":
            return output.mean(1)
        case "first_token":
            return output[:, 0]
    return output
