"""GroundingDINO and SAM as their authors publish them: packages groundingdino-py and segment-anything."""

import dataclasses
import importlib
import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from PIL import Image

from dejavu.annotators.grounded_sam import Grounded, RememberLast, blocks_of_boxes
from dejavu.errors import ParamsError, WeightsError
from dejavu.models import devices
from dejavu.models.checkpoints import load as checkpoints
from dejavu.params.annotators import GroundedSamParams
from dejavu.params.machine import MachineParams
from dejavu.run import outside
from dejavu.tables import parquet

SHORTER_PX, LONGER_PX = 800, 1333  # as GroundingDINO was evaluated
_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# The published files differ in the width of their first layer, by which their configuration is known.
_DINO_KEY = "backbone.0.patch_embed.proj.weight"
_DINO_CONFIGS = {96: "GroundingDINO_SwinT_OGC.py", 128: "GroundingDINO_SwinB_cfg.py"}
_SAM_KEY = "image_encoder.patch_embed.proj.weight"
_SAM_SIZES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
_NOT_USED = ("label_enc.weight", "bert.embeddings.position_ids")  # left from training


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OriginalBackend:
    """GroundingDINO, and perhaps a SAM predictor."""

    detector: Any
    predictor: Any | None
    provenance: Mapping[str, str]
    device: str
    max_tokens: int

    @property
    def has_masks(self) -> bool:
        """Whether there is a segmenter."""
        return self.predictor is not None

    def tokenize(self, text: str) -> list[tuple[int, int]]:
        """Return the first and last + 1 character of each token; both 0 for special ones."""
        tokens = self.detector.tokenizer(text, return_offsets_mapping=True)
        return [tuple(span) for span in tokens["offset_mapping"]]

    def ground(self, image: Image.Image, texts: Sequence[str]) -> Iterator[Grounded]:
        """Yield, for each text, logits per token and boxes (center, size; shares of the image)."""
        from groundingdino.datasets import transforms
        from groundingdino.util.misc import nested_tensor_from_tensor_list

        prepare = transforms.Compose(
            [
                transforms.RandomResize([SHORTER_PX], max_size=LONGER_PX),  # of one size: fixed
                transforms.ToTensor(),
                transforms.Normalize(_MEAN, _STD),
            ]
        )
        pixels, _ = prepare(image, None)
        samples = nested_tensor_from_tensor_list([pixels.to(self.device)])
        for text in texts:
            with torch.inference_mode():
                output = self.detector(samples, captions=[text])
            yield _numbers(output["pred_logits"][0]), _numbers(output["pred_boxes"][0])
        self.detector.backbone[0].forget()

    @torch.inference_mode()
    def mask_areas(
        self, image: Image.Image, boxes: Float32[np.ndarray, "n 4"], within: tuple[int, int]
    ) -> Int64[np.ndarray, " n"]:
        """Return the mask's pixels for each box (x0, y0, x1, y1), left of and above `within`."""
        assert self.predictor is not None
        self.predictor.set_image(np.asarray(image), image_format="RGB")
        asked = self.predictor.transform.apply_boxes_torch(
            torch.from_numpy(boxes).to(self.device), (image.height, image.width)
        )
        width, height = within
        areas = []
        for block in blocks_of_boxes(len(boxes), image):
            masks, _, _ = self.predictor.predict_torch(
                None, None, boxes=asked[block], multimask_output=False
            )
            areas.append(masks[..., :height, :width].sum(dim=(1, 2, 3)).cpu().numpy())
        self.predictor.reset_image()
        return np.concatenate(areas).astype(np.int64)


def load(settings: GroundedSamParams, machine: MachineParams) -> OriginalBackend:
    """Load the published .pth files, every key accounted for.

    Raises:
        ParamsError: the packages are not installed, or transformers is too new for them.
        WeightsError: a file is missing, or not what it should be.
    """
    _require_packages()
    assert settings.text_encoder is not None
    device, folder = str(devices.choose(machine.device)), machine.data_folder
    path = outside.located(folder, settings.weights)
    text_encoder = outside.located(folder, settings.text_encoder)
    if not text_encoder.is_dir():
        raise WeightsError(
            f"{text_encoder}: no such folder. GroundingDINO reads bert-base-uncased from it: config.json, "
            "tokenizer and weights. `dejavu fetch` lists what can be downloaded."
        )
    provenance = {
        "weights": checkpoints.sha256(path)[:16] if path.is_file() else "",
        "text_encoder": parquet.fingerprint(text_encoder),
    }
    detector = _detector(path, text_encoder)
    detector.backbone[0] = RememberLast(detector.backbone[0])
    predictor = None
    if settings.mask_weights is not None:
        from segment_anything import SamPredictor

        masks = outside.located(folder, settings.mask_weights)
        predictor = SamPredictor(_segmenter(masks).to(device))
        provenance["mask_weights"] = checkpoints.sha256(masks)[:16]
    return OriginalBackend(
        detector=detector.to(device),
        predictor=predictor,
        provenance=provenance,
        device=device,
        max_tokens=int(detector.max_text_len),
    )


def _require_packages() -> None:
    import transformers

    install = (
        "pip install 'dejavu-audit[grounded-sam]' in an environment of its own, "
        "or set backend: transformers"
    )
    if int(transformers.__version__.split(".")[0]) >= 5:
        raise ParamsError(
            f"grounded_sam: backend original needs transformers < 5, found {transformers.__version__}: "
            f"{install}."
        )
    for package in ("groundingdino", "segment_anything"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ParamsError(
                f"grounded_sam: backend original cannot import {package} ({error}): {install}."
            ) from None


def _detector(path: Path, text_encoder: Path) -> Any:
    from groundingdino.models import build_model
    from groundingdino.util.slconfig import SLConfig

    contents = checkpoints.read(path)
    whole = contents.get("model", contents) if isinstance(contents, Mapping) else contents
    state = checkpoints.tensors(whole, path, what="a GroundingDINO file with `model`")
    state = checkpoints.without_prefix(state, "module.")
    config = _known_by_width(state, _DINO_KEY, _DINO_CONFIGS, path, what="GroundingDINO")
    with importlib.resources.as_file(
        importlib.resources.files("groundingdino") / "config" / config
    ) as file:
        args = SLConfig.fromfile(str(file))
    args.text_encoder_type = str(text_encoder)
    args.use_checkpoint = args.use_transformer_ckpt = False  # they save memory in training only
    detector = build_model(args)
    state = {name: tensor for name, tensor in state.items() if name not in _NOT_USED}
    checkpoints.load_exactly(detector, state, path, contents=contents)
    return detector


def _segmenter(path: Path) -> Any:
    from segment_anything import sam_model_registry

    contents = checkpoints.read(path)
    state = checkpoints.tensors(contents, path, what="a SAM file: tensors by name")
    size = _known_by_width(state, _SAM_KEY, _SAM_SIZES, path, what="SAM")
    segmenter = sam_model_registry[size]()
    checkpoints.load_exactly(segmenter, state, path, contents=contents)
    return segmenter


def _known_by_width(
    state: Mapping[str, Any], key: str, known: Mapping[int, str], path: Path, *, what: str
) -> str:
    width = len(state[key]) if key in state else None
    if width is None or width not in known:
        raise WeightsError(
            f"{path}: not a published {what} file: expected {key} with {' or '.join(map(str, known))} "
            f"rows, found {width or 'no such tensor'}.{checkpoints.guess(state)}"
        )
    return known[width]


def _numbers(tensor: torch.Tensor) -> Float64[np.ndarray, "rows columns"]:
    return tensor.double().cpu().numpy()
