"""Released networks whose only layer is the backbone's pooled features."""

from jaxtyping import Float
from torch import Tensor, nn


class PooledNetwork(nn.Module):
    """Wraps a network whose output is one feature vector per image."""

    def __init__(self, backbone: nn.Module, dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = {"backbone": dim}

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> dict[str, Float[Tensor, "n dim"]]:
        """Return the features under the name of their layer."""
        return {"backbone": self.backbone(images)}
