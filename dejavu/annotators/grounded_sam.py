"""GroundingDINO finds boxes for names, SAM finds the object's pixels in each box.

GroundingDINO: Liu et al. 2023; SAM: Kirillov et al. 2023; together: Ren et al. 2024. Two backends run the
same weights: `transformers` in the main environment, and the original code (extra ``grounded-sam``).
Everything around the networks (prompts, thresholds, names, clipping) is shared. One image is shown at a
time: padding it beside another one would change its numbers.
"""

import dataclasses
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int64
from PIL import Image
from torch import nn

from dejavu.annotators import names, prompts
from dejavu.annotators.detections import Found, ranked
from dejavu.annotators.prompts import Prompt
from dejavu.params.annotators import GroundedSamParams
from dejavu.params.machine import MachineParams

_BACKENDS = {
    "transformers": "dejavu.annotators.grounded_transformers:load",
    "original": "dejavu.annotators.grounded_original:load",
}
_MASK_PIXELS_AT_ONCE = 2**26  # full-size masks held in memory
_LONGEST_SHAPE = (
    20  # longer to shorter side; GroundingDINO cannot choose 900 boxes in a longer image
)

Grounded = tuple[Float64[np.ndarray, "boxes tokens"], Float64[np.ndarray, "boxes 4"]]


@runtime_checkable
class Backend(Protocol):
    """GroundingDINO and, if asked for, SAM; picklable."""

    provenance: Mapping[str, str]  # fingerprints of the weights
    max_tokens: int  # of a prompt
    has_masks: bool

    def tokenize(self, text: str) -> list[tuple[int, int]]:
        """Return the first and last + 1 character of each token; both 0 for special ones."""

    def ground(self, image: Image.Image, texts: Sequence[str]) -> Iterator[Grounded]:
        """Yield, for each text, logits per token and boxes (center, size; shares of the image)."""

    def mask_areas(
        self, image: Image.Image, boxes: Float32[np.ndarray, "n 4"], within: tuple[int, int]
    ) -> Int64[np.ndarray, " n"]:
        """Return the mask's pixels for each box (x0, y0, x1, y1), left of and above `within`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GroundedSam:
    """A backend with the vocabulary it looks for."""

    backend: Backend
    settings: GroundedSamParams
    vocabulary: Sequence[str]
    prompts: Sequence[Prompt]

    @property
    def provenance(self) -> Mapping[str, str]:
        """Fingerprints of the weights and of the vocabulary."""
        return {**self.backend.provenance, "vocabulary": names.fingerprint(self.vocabulary)}

    def look(self, images: Iterable[Image.Image]) -> Iterator[Found]:
        """Yield the boxes of each image that mean a name of the vocabulary, with mask areas."""
        for image in images:
            yield self.look_for(image, self.prompts)

    def look_for(self, image: Image.Image, wanted: Sequence[Prompt]) -> Found:
        """Return the boxes of an image that mean a name of `wanted`."""
        found_ids, found_scores, found_boxes = [], [], []
        canvas = _on_canvas(image)
        grounded = self.backend.ground(canvas, [prompt.text for prompt in wanted])
        for prompt, (logits, boxes) in zip(wanted, grounded, strict=True):
            rows, name_ids, scores = prompts.named_boxes(
                logits, prompt, box_threshold=self.settings.box_threshold,
                text_threshold=self.settings.text_threshold,
            )  # fmt: skip
            places = prompts.corners(boxes[rows], width_px=canvas.width, height_px=canvas.height)
            places = np.minimum(places, np.array([*image.size] * 2, dtype=np.float32))
            has_area = (places[:, 2:] > places[:, :2]).all(axis=1)
            found_ids.append(name_ids[has_area])
            found_scores.append(scores[has_area])
            found_boxes.append(places[has_area])
        found, _ = ranked(
            name_ids=np.concatenate(found_ids),
            scores=np.concatenate(found_scores),
            boxes=np.concatenate(found_boxes),
            max_names=self.settings.max_tags,
        )
        if not self.backend.has_masks or not len(found.name_ids):
            return found
        areas = self.backend.mask_areas(canvas, found.boxes, image.size)
        return dataclasses.replace(found, mask_areas=areas)


def load(settings: GroundedSamParams, machine: MachineParams) -> GroundedSam:
    """Load the backend and cut the vocabulary into prompts.

    Raises:
        ParamsError: the backend needs packages that are not installed.
        WeightsError: the weights are not there, or of another network.
        DataError: the vocabulary cannot be read or looked for.
    """
    vocabulary = prompts.cleaned(names.read(settings.vocabulary, machine.data_folder))
    module, _, name = _BACKENDS[settings.backend].partition(":")
    backend: Backend = getattr(importlib.import_module(module), name)(settings, machine)
    return GroundedSam(
        backend=backend,
        settings=settings,
        vocabulary=vocabulary,
        prompts=prompts.cut(vocabulary, backend.tokenize, max_tokens=backend.max_tokens),
    )


class RememberLast(nn.Module):
    """A network that answers the same question twice without computing it twice.

    GroundingDINO's visual backbone sees an image once per prompt, and most of the time would go there.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._asked: tuple[object, ...] = ()
        self._answer: Any = None

    def forward(self, *question: object) -> Any:
        """Return what `network` says; equal means the very same objects."""
        is_known = len(question) == len(self._asked) and all(
            mine is theirs for mine, theirs in zip(question, self._asked, strict=True)
        )
        if not is_known:
            self._asked, self._answer = question, self.network(*question)
        return self._answer

    def forget(self) -> None:
        """Free what is remembered."""
        self._asked, self._answer = (), None


def _on_canvas(image: Image.Image) -> Image.Image:
    """Continue a very long or very high image in black, to the right or below."""
    least = -(-max(image.size) // _LONGEST_SHAPE)
    if min(image.size) >= least:
        return image
    canvas = Image.new("RGB", (max(image.width, least), max(image.height, least)))
    canvas.paste(image, (0, 0))
    return canvas


def blocks_of_boxes(n_boxes: int, image: Image.Image) -> Iterator[slice]:
    """Yield slices of boxes whose masks fit in memory at once."""
    step = max(1, _MASK_PIXELS_AT_ONCE // (image.width * image.height))
    for start in range(0, n_boxes, step):
        yield slice(start, start + step)
