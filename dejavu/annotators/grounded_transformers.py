"""GroundingDINO and SAM as the library transformers implements them."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from PIL import Image

from dejavu.annotators.grounded_sam import Grounded, RememberLast, blocks_of_boxes
from dejavu.errors import WeightsError
from dejavu.models import devices
from dejavu.params.annotators import GroundedSamParams
from dejavu.params.machine import MachineParams
from dejavu.run import outside
from dejavu.tables import parquet

_DETECTORS = ("grounding-dino", "mm-grounding-dino")
_SEGMENTERS = ("sam",)
_KEYS_SHOWN = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TransformersBackend:
    """A detector and perhaps a segmenter, each with its own processor."""

    detector: Any
    detector_processor: Any
    segmenter: Any | None
    segmenter_processor: Any | None
    provenance: Mapping[str, str]
    device: str

    @property
    def max_tokens(self) -> int:
        """Tokens that the detector reads; it would cut off more without a word."""
        return int(self.detector.config.max_text_len)

    @property
    def has_masks(self) -> bool:
        """Whether there is a segmenter."""
        return self.segmenter is not None

    def tokenize(self, text: str) -> list[tuple[int, int]]:
        """Return the first and last + 1 character of each token; both 0 for special ones."""
        tokens = self.detector_processor.tokenizer(text, return_offsets_mapping=True)
        return [tuple(span) for span in tokens["offset_mapping"]]

    def ground(self, image: Image.Image, texts: Sequence[str]) -> Iterator[Grounded]:
        """Yield, for each text, logits per token and boxes (center, size; shares of the image)."""
        processor = self.detector_processor
        pixels = processor.image_processor(images=[image], return_tensors="pt").to(self.device)
        for text in texts:
            tokens = processor.tokenizer(text, return_tensors="pt").to(self.device)
            with torch.inference_mode():
                output = self.detector(**pixels, **tokens)
            yield _numbers(output.logits[0]), _numbers(output.pred_boxes[0])
        self.detector.model.backbone.conv_encoder.forget()

    @torch.inference_mode()
    def mask_areas(
        self, image: Image.Image, boxes: Float32[np.ndarray, "n 4"], within: tuple[int, int]
    ) -> Int64[np.ndarray, " n"]:
        """Return the mask's pixels for each box (x0, y0, x1, y1), left of and above `within`."""
        assert self.segmenter is not None
        assert self.segmenter_processor is not None
        ready = self.segmenter_processor(
            images=image, input_boxes=[boxes.tolist()], return_tensors="pt"
        )
        seen = self.segmenter.get_image_embeddings(ready["pixel_values"].to(self.device))
        width, height = within
        areas = []
        for block in blocks_of_boxes(len(boxes), image):
            output = self.segmenter(
                image_embeddings=seen,
                input_boxes=ready["input_boxes"][:, block].float().to(self.device),
                multimask_output=False,
            )
            masks = self.segmenter_processor.image_processor.post_process_masks(
                output.pred_masks, ready["original_sizes"], ready["reshaped_input_sizes"]
            )
            areas.append(masks[0][..., :height, :width].sum(dim=(1, 2, 3)).cpu().numpy())
        return np.concatenate(areas).astype(np.int64)


def load(settings: GroundedSamParams, machine: MachineParams) -> TransformersBackend:
    """Load folders of `save_pretrained`, or models of the hub by name.

    Raises:
        WeightsError: there is no such folder or model, or it is of another kind, or incomplete.
    """
    from transformers import AutoModelForZeroShotObjectDetection, SamModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = str(devices.choose(machine.device))
    folder = machine.data_folder
    detector, processor, digest = _open(
        AutoModelForZeroShotObjectDetection, settings.weights, folder, _DETECTORS
    )
    inner = detector.model.backbone
    inner.conv_encoder = RememberLast(inner.conv_encoder)
    provenance = {"weights": digest}
    segmenter = segmenter_processor = None
    if settings.mask_weights is not None:
        segmenter, segmenter_processor, digest = _open(
            SamModel, settings.mask_weights, folder, _SEGMENTERS
        )
        provenance["mask_weights"] = digest
    return TransformersBackend(
        detector=detector.to(device).eval(),
        detector_processor=processor,
        segmenter=None if segmenter is None else segmenter.to(device).eval(),
        segmenter_processor=segmenter_processor,
        provenance=provenance,
        device=device,
    )


def _open(
    kind: Any, name: str, data_folder: Path, model_types: tuple[str, ...]
) -> tuple[Any, Any, str]:
    """Return a model with every key accounted for, its processor, and what names its weights."""
    from transformers import AutoConfig, AutoProcessor

    path = outside.located(data_folder, name)
    where = str(path) if path.is_dir() else name
    if not path.is_dir() and (path.suffix or name.count("/") != 1):
        raise WeightsError(
            f"{path}: no such folder, and {name!r} is no name of a model on the hub. Backend transformers "
            "reads folders with config.json and model.safetensors; a .pth is for backend original."
        )
    try:
        config = AutoConfig.from_pretrained(where)
        if config.model_type not in model_types:
            raise WeightsError(
                f"{where}: a model of type {config.model_type!r}, expected {' or '.join(model_types)}."
            )
        model, said = kind.from_pretrained(
            where, output_loading_info=True, use_safetensors=True, dtype=torch.float32
        )
        processor = AutoProcessor.from_pretrained(where)
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{where}: transformers cannot load it: {str(error).splitlines()[0]}"
        ) from None
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if keys := sorted(map(str, said[what])):
            raise WeightsError(
                f"{where}: the weights do not fit its config.json: {len(keys)} "
                f"{what.replace('_', ' ')}, e.g. {', '.join(keys[:_KEYS_SHOWN])}."
            )
    is_local = path.is_dir()
    return model, processor, parquet.fingerprint(path) if is_local else config._commit_hash[:16]


def _numbers(tensor: torch.Tensor) -> Float64[np.ndarray, "rows columns"]:
    return tensor.double().cpu().numpy()
