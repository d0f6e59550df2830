"""Detic through detectron2, where a user has both: 21,000 names, boxes and masks (Zhou et al. 2022).

Neither is an official package of PyPI. Elsewhere, annotate with the authors' demo and import a table: see
`dejavu.annotators.tables` for its format, and ``dejavu import-labels`` for `[labels, scores]` pickles.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image

from dejavu.annotators import names
from dejavu.annotators.detections import Found, ranked
from dejavu.errors import DataError, ParamsError, WeightsError
from dejavu.models import devices
from dejavu.models.checkpoints import load as checkpoints
from dejavu.params.annotators import DeticParams
from dejavu.params.machine import MachineParams
from dejavu.run import outside
from dejavu.tables import brought_arrays

CLIP_DIM = 512  # of ViT-B/32, in whose text space Detic's names live
_CENTERNET = "third_party/CenterNet2"
# The names' vectors: replaced by those of the vocabulary, so the file's own are not loaded.
_CLASSIFIER_KEY = ".zs_weight"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Detic:
    """A detectron2 model, with what turns an image into its input."""

    model: Any
    resize: Any  # detectron2's ResizeShortestEdge
    channels: str  # RGB or BGR, as the model was trained
    settings: DeticParams
    vocabulary: Sequence[str]
    provenance: Mapping[str, str]

    def look(self, images: Iterable[Image.Image]) -> Iterator[Found]:
        """Yield the detections of each image that score at least ``min_score``, with mask areas."""
        for image in images:
            pixels = model_pixels(image, self.channels)
            pixels = self.resize.get_transform(pixels).apply_image(pixels)
            tensor = torch.as_tensor(pixels.astype(np.float32).transpose(2, 0, 1))
            # height and width make detectron2 scale boxes and masks back to the image.
            asked = {"image": tensor, "height": image.height, "width": image.width}
            with torch.inference_mode():
                (answer,) = self.model([asked])
            yield _found(answer["instances"], self.settings)


def model_pixels(image: Image.Image, channels: str) -> UInt8[np.ndarray, "height width 3"]:
    """Return the pixels of an RGB image in the order of channels that a model expects.

    Raises:
        ParamsError: `channels` is neither RGB nor BGR.
    """
    if channels not in ("RGB", "BGR"):
        raise ParamsError(
            f"detic: INPUT.FORMAT of the config is {channels!r}, expected RGB or BGR."
        )
    pixels = np.asarray(image, dtype=np.uint8)
    return np.ascontiguousarray(pixels if channels == "RGB" else pixels[:, :, ::-1])


def load(settings: DeticParams, machine: MachineParams) -> Detic:
    """Build the model of a config, load its weights and give it the names to look for.

    Raises:
        ParamsError: detectron2, Detic or CenterNet2 cannot be imported.
        WeightsError: the weights do not fit the config.
        DataError: names and classifier do not fit each other.
    """
    vocabulary = names.distinct(names.read(settings.vocabulary, machine.data_folder))
    vectors, weights, folder = (
        outside.located(machine.data_folder, name).absolute()  # Detic is built in another folder
        for name in (settings.classifier, settings.weights, settings.folder)
    )
    classifier = read_classifier(vectors, n_names=len(vocabulary))
    with _importable(folder):
        config = _config(folder, settings, str(devices.choose(machine.device)))
        model = _model(config, weights)
        from detectron2.data.transforms import ResizeShortestEdge
        from detic.modeling.utils import reset_cls_test

        reset_cls_test(model, torch.from_numpy(classifier.T.copy()), len(vocabulary))
    side, longest = config.INPUT.MIN_SIZE_TEST, config.INPUT.MAX_SIZE_TEST
    return Detic(
        model=model,
        resize=ResizeShortestEdge([side, side], longest),
        channels=config.INPUT.FORMAT,
        settings=settings,
        vocabulary=vocabulary,
        provenance={
            "weights": checkpoints.sha256(weights)[:16],
            "classifier": checkpoints.sha256(vectors)[:16],
            "vocabulary": names.fingerprint(vocabulary),
        },
    )


def read_classifier(path: Path, *, n_names: int) -> Float32[np.ndarray, "names 512"]:
    """Read the text vectors of the names, one row per name, as in Detic's own files.

    Raises:
        DataError: the file is missing, no plain array, of another shape, or not finite.
    """
    matrix = brought_arrays.open_array(path, named_by="classifier of an annotator")
    if matrix.shape != (n_names, CLIP_DIM):
        raise DataError(
            f"{path}: has shape {matrix.shape}, expected ({n_names}, {CLIP_DIM}): CLIP ViT-B/32's vector of "
            '"a <name>" in one row per name of the vocabulary, in its order.'
        )
    if not np.isfinite(matrix).all():
        raise DataError(f"{path}: holds NaN or infinity.")
    return np.asarray(matrix, np.float32)


def _found(instances: Any, settings: DeticParams) -> Found:
    instances = instances.to("cpu")
    scores = instances.scores.double().numpy()
    is_kept = scores >= settings.min_score
    found, rows = ranked(
        name_ids=instances.pred_classes.numpy().astype(np.int64)[is_kept],
        scores=scores[is_kept],
        boxes=instances.pred_boxes.tensor.float().numpy()[is_kept],
        max_names=settings.max_tags,
    )
    if not instances.has("pred_masks"):
        return found
    areas = instances.pred_masks.sum(dim=(1, 2)).numpy().astype(np.int64)
    return dataclasses.replace(found, mask_areas=areas[is_kept][rows])


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let Python find Detic and CenterNet2 in a checkout, and say what to do where it cannot.

    Detic reads files of its checkout by paths relative to the working directory while it is built.
    """
    paths = [str(folder), str(folder / _CENTERNET)]
    sys.path[:0] = paths
    try:
        with contextlib.chdir(folder if folder.is_dir() else "."):
            yield
    except ImportError as error:
        raise ParamsError(
            f"detic: cannot import {error.name or error} (looked in {' and '.join(paths)} too). Install "
            "detectron2 and clone Detic with its third_party/CenterNet2; or annotate where they are, and "
            "import the result: source: table reads sample_name, tag, score from Parquet, CSV or JSONL, "
            "and `dejavu import-labels` makes such a table from a [labels, scores] pickle."
        ) from None
    finally:
        sys.path[:] = [path for path in sys.path if path not in paths]


def _config(folder: Path, settings: DeticParams, device: str) -> Any:
    from centernet.config import add_centernet_config
    from detectron2.config import get_cfg
    from detic.config import add_detic_config

    config = get_cfg()
    add_centernet_config(config)
    add_detic_config(config)
    config.merge_from_file(str(folder / settings.config))
    config.MODEL.DEVICE = device
    config.MODEL.WEIGHTS = ""  # loaded here, without unpickling code
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = settings.min_score
    config.MODEL.ROI_BOX_HEAD.ZEROSHOT_WEIGHT_PATH = "rand"  # the names come afterwards
    config.MODEL.ROI_HEADS.ONE_CLASS_PER_PROPOSAL = True
    return config


def _model(config: Any, weights: Path) -> Any:
    from detectron2.modeling import build_model

    model = build_model(config).eval()
    contents = checkpoints.read(weights)
    whole = contents.get("model", contents) if isinstance(contents, Mapping) else contents
    state = checkpoints.tensors(whole, weights, what="a Detic file with `model`")
    own = model.state_dict()
    names_own = {key: own[key] for key in own if key.endswith(_CLASSIFIER_KEY)}
    if not names_own:
        raise WeightsError(f"{weights}: the config builds no open-vocabulary classifier.")
    state = {k: v for k, v in state.items() if not k.endswith(_CLASSIFIER_KEY)} | names_own
    checkpoints.load_exactly(model, state, weights, contents=contents)
    return model
