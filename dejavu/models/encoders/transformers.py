"""Vision networks of the transformers library, from a folder or the hub: AutoModel and its image processor.

No code of the folder runs. Images are prepared as the folder's
``preprocessor_config.json`` says, on 8-bit pixels as the library's own (PIL) processor does it.
"""

import json
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from dejavu.errors import ParamsError, WeightsError
from dejavu.models import hub, transformers_folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import pooled
from dejavu.models.encoders.networks import seeded
from dejavu.models.encoders.pooled import PooledNetwork
from dejavu.models.encoders.preprocessing import Preprocessing
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.encoders.source import Source, write
from dejavu.models.provenance import Provenance
from dejavu.models.source import TrainingInputs
from dejavu.params.released import TransformersModel

_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # PIL's numbers
_RANDOM = {
    "mask_ratio": 0.0
}  # masked autoencoders hide parts of an image at random, unless told not to


class HubNetwork(nn.Module):
    """A model of transformers that gives one vector per image."""

    def __init__(self, model: Any, pooling: str) -> None:
        super().__init__()
        self.model = model
        self._pooling = pooling

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n dim"]:
        """Return what `pooling` names."""
        if self._pooling == "image_features":
            found = self.model.get_image_features(pixel_values=images)
            return found if isinstance(found, Tensor) else found.pooler_output
        found = self.model(pixel_values=images)
        if self._pooling == "pooler":
            return found.pooler_output
        states: Tensor = found.last_hidden_state
        return states[:, 0] if self._pooling == "first_token" else states.mean(1)


def make(settings: EncoderSettings, _inputs: TrainingInputs, out: Path) -> None:
    """Verify a folder of transformers and write the encoder's folder.

    Raises:
        ParamsError: the network has no such output, or how it sees images is not said.
        WeightsError: a file is missing or damaged, the folder names code, or weights do not fit.
    """
    entry = settings.entry
    assert isinstance(entry, TransformersModel)
    path = hub.located(entry.weights, settings.machine.data_folder)
    config = transformers_folder.config(path)
    file = transformers_folder.weights(path)
    # a pooler that no weights came with is untrained; nothing of it is used unless it is asked for
    unused = () if entry.pooling == "pooler" else ("pooler.",)
    model = _nothing_hidden(transformers_folder.opened(path, unused=unused))
    network = HubNetwork(model, entry.pooling)
    seen = (
        _of_processor(path)
        if entry.preprocessing is None
        else Preprocessing.stated(entry.preprocessing)
    )
    try:
        made = pooled.measured(network, seen.size_px, entry.modules)
    except (AttributeError, WeightsError) as error:
        raise ParamsError(
            f"{path}: a {config['model_type']} gives no {entry.pooling!r} of images of {seen.size_px} "
            f"pixels ({str(error).splitlines()[0]}). Choose another pooling."
        ) from None
    record = settings.described(
        name=entry.pooling,
        architecture=json.dumps(config, sort_keys=True),
        file={
            "name": file.name,
            "sha256": checkpoints.sha256(file),
            "kind": config["model_type"],
        },
        layers=made.layers,
        modules=pooled.described(entry.modules),
        preprocessing=seen,
    )
    write(settings, out, network=made, record=record, libraries=SOURCE.libraries)


def network_of(record: Provenance) -> PooledNetwork:
    """Return the network of a record, without weights."""
    return pooled.of_record(_build(str(record.architecture), str(record.name)), record)


SOURCE = Source(make=make, network=network_of, libraries=("torch", "transformers"))


def _build(config: str, pooling: str) -> HubNetwork:
    from transformers import AutoConfig, AutoModel

    content = json.loads(config)
    kind = content.pop("model_type")
    content.pop("architectures", None)
    try:
        built = AutoConfig.for_model(kind, **content)
        for name, value in _RANDOM.items():
            if hasattr(built, name):
                setattr(built, name, value)
        model = seeded(0, lambda: AutoModel.from_config(built, attn_implementation="eager"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        brief = str(error).splitlines()[0]
        raise WeightsError(f"transformers has no vision network {kind!r} ({brief}).") from None
    return HubNetwork(model.eval(), pooling)


def _nothing_hidden(model: Any) -> Any:
    for name, value in _RANDOM.items():
        if hasattr(model.config, name):
            setattr(model.config, name, value)
    return model


def _of_processor(folder: Path) -> Preprocessing:
    """Translate ``preprocessor_config.json``.

    Raises:
        ParamsError: it is not there, or says what is not done here.
    """
    path = folder / transformers_folder.PROCESSOR
    if not path.is_file():
        raise ParamsError(f"{path}: not there: state preprocessing in the entry.")
    said = transformers_folder.json_of(path)
    size, crop = _sizes(said.get("size")), _sizes(said.get("crop_size"))
    is_cut = bool(said.get("do_center_crop", False))
    resample = _RESAMPLE.get(said.get("resample", 2))
    is_usual = (
        said.get("do_resize", True) and said.get("do_rescale", True) and said.get("do_normalize", True)
        and abs(said.get("rescale_factor", 1 / 255) - 1 / 255) < 1e-9 and not said.get("do_pad")
    )  # fmt: skip
    if size is None or resample is None or not is_usual or (is_cut and crop is None):
        raise ParamsError(
            f"{path}: prepares images in a way that is not done here: state the nearest in preprocessing, or "
            "make vectors elsewhere and use source: embeddings."
        )
    side, keeps_ratio = size
    if keeps_ratio and not is_cut:
        raise ParamsError(f"{path}: keeps the shape of images, so that no square comes out.")
    return Preprocessing(
        size_px=crop[0] if is_cut and crop is not None else side,
        resize="center_down" if keeps_ratio else "squash",
        shorter_px=side,
        resample=resample,  # type: ignore[arg-type]  # one of the values above
        mean=tuple(said.get("image_mean") or ()),
        std=tuple(said.get("image_std") or ()),
    )


def _sizes(size: Any) -> tuple[int, bool] | None:
    """Return a side in pixels, and whether it is the shorter one's; None of anything but squares."""
    match size:
        case int():
            return size, True
        case {"shortest_edge": int(side)} if "longest_edge" not in size:
            return side, True
        case {"height": int(height), "width": int(width)} if height == width:
            return height, False
    return None
