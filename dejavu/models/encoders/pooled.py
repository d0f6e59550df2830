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


class Watch:
    """Keeps the pooled outputs of modules inside a network, from one pass to the next."""

    def __init__(
        self, inside: Mapping[str, nn.Module], modules: Mapping[str, ModuleLayer] | None
    ) -> None:
        self._seen: dict[str, Tensor] = {}
        for layer, wanted in (modules or {}).items():
            if wanted.module not in inside or not wanted.module:
                raise ParamsError(
                    f"modules.{layer}: the network has no module {wanted.module!r}."
                    f"{suggestion(wanted.module, inside)}"
                )
            inside[wanted.module].register_forward_hook(self._keep(layer, wanted))

    def forget(self) -> None:
        """Forget the last pass, before another begins."""
        self._seen.clear()

    def seen(self) -> dict[str, Float[Tensor, "n _"]]:
        """Return the vectors of the last pass by layer."""
        return dict(self._seen)

    def _keep(self, layer: str, wanted: ModuleLayer) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if layer in self._seen:
                raise WeightsError(
                    f"modules.{layer}: {wanted.module!r} runs more than once per image; name another."
                )
            self._seen[layer] = pool(output, layer, wanted)

        return hook


class PooledNetwork(nn.Module):
    """A network with its output as layer ``backbone``, and modules inside it as further layers."""

    def __init__(
        self, backbone: nn.Module, dim: int, modules: Mapping[str, ModuleLayer] | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = {"backbone": dim}
        self._watch = Watch(dict(backbone.named_modules()), modules)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> dict[str, Float[Tensor, "n _"]]:
        """Return the vectors of every layer under its name."""
        self._watch.forget()
        return {"backbone": self.backbone(images), **self._watch.seen()}


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
    dim = (record.layers or {}).get("backbone", 0)
    return PooledNetwork(backbone, dim, modules_of(record))


def modules_of(record: Provenance) -> dict[str, ModuleLayer]:
    """Return the modules that a record describes as layers."""
    return {name: ModuleLayer.model_validate(each) for name, each in (record.modules or {}).items()}


def described(modules: Mapping[str, ModuleLayer]) -> dict[str, dict[str, str]] | None:
    """Return what a record says of modules; None of none."""
    return {name: each.model_dump() for name, each in modules.items()} or None


def pool(output: Any, layer: str, wanted: ModuleLayer) -> Float[Tensor, "n _"]:
    """Return one vector per image of what a module gives.

    Raises:
        ParamsError: the pooling is not for outputs of its axes.
    """
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
