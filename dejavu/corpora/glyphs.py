"""Corpus ``glyphs``: generated images whose joint distribution of background and label is known.

Each image shows one glyph (its label sets shape and color) on a textured background (its scene).
P(label | scene) is `favorite_share` on the scene's favorite label, and the rest uniform. All else
about the background (frequency, angle, tint, place and size of the glyph, ...) is drawn
independently of the label. So the scene, which any crop shows, is all that a background tells, and
mu(t|v) = P(t | scene) exactly.
"""

import dataclasses
import io
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from dejavu.corpora.embedded import drawn
from dejavu.corpora.glyph_shapes import GLYPHS, coverage
from dejavu.corpora.records import Box, Record, Truth
from dejavu.corpora.textures import N_EXTRA, SCENES, hsv_to_rgb, patterns
from dejavu.params.corpora import GlyphsParams
from dejavu.run import seeds

IMAGES_PER_BLOCK = 256  # drawn from one generator: more images never change the first ones
GLYPH_SIDE = (0.45, 0.62)  # smallest and largest side of a glyph, as a share of the image's
BACKGROUND_SIDE = 0.25  # one strip beside the glyph is at least this wide, as a share of the side
SCENE_FIRST = 0.4  # share of images whose scene is made their most salient attribute
CYCLES = (2.5, 7.0)  # periods of the texture across the image
ANGLES = (0.0, np.pi)  # radians
SATURATIONS = (0.0, 0.25)  # low, because saturated colors are what tells labels apart
BRIGHTNESS = (0.6, 0.98)  # value of the light color
CONTRASTS = (0.25, 0.55)  # value of the light minus value of the dark color
GRAINS = (2.0, 6.0)  # standard deviation of pixel noise, levels of 255
DEGREES = ("0", "30", "60", "90", "120", "150")
TINTS = ("red", "yellow", "green", "cyan", "blue", "magenta")
N_KINDS = 8  # attributes per image, the scene included


class Glyphs:
    """Lists (that is: draws) the images of the corpus."""

    root: str | None = None

    def __init__(self, settings: GlyphsParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.settings = settings
        self.seed = seed
        self.labels = tuple(GLYPHS)[: settings.n_labels]
        self.label_given_scene = label_given_scene(
            settings.n_scenes, settings.n_labels, settings.favorite_share
        )

    def records(self) -> Iterator[Record]:
        """Return the images in order, encoded as PNG."""
        return drawn(-(-self.settings.n_images // IMAGES_PER_BLOCK), self._block)

    def _block(self, block: int) -> list[Record]:
        rng = seeds.generator(self.seed, f"corpus.glyphs.{block}")
        draws = _draw(rng, self.settings, self.label_given_scene)
        canvas = _paint(rng, draws, self.labels, self.settings.size_px)
        start = block * IMAGES_PER_BLOCK
        return [
            self._record(start + row, row, draws, canvas)
            for row in range(min(IMAGES_PER_BLOCK, self.settings.n_images - start))
        ]

    def _record(self, number: int, row: int, draws: "Draws", canvas: np.ndarray) -> Record:
        label_id, scene_id = int(draws.label_ids[row]), int(draws.scene_ids[row])
        x0, y0, x1, y1 = draws.boxes[row].tolist()
        return Record(
            name=f"glyph_{number:06d}",
            image=_png(canvas[row]),
            label_id=label_id,
            boxes=(Box(x0, y0, x1, y1, self.labels[label_id]),),
            truth=Truth(
                scene=SCENES[scene_id],
                attributes=_attributes(draws, row),
                is_planted=bool(draws.is_planted[row]),
                probabilities=tuple(self.label_given_scene[scene_id].tolist()),
            ),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """All that is random about a block of images but pixel noise; first axis: images."""

    scene_ids: Int[np.ndarray, " n"]
    label_ids: Int[np.ndarray, " n"]
    is_planted: np.ndarray
    cycles: Float[np.ndarray, " n"]  # periods across the image
    angles: Float[np.ndarray, " n"]  # radians, in [0, pi)
    phases: Float[np.ndarray, " n"]  # radians
    tints: Float[np.ndarray, " n"]  # hue of the background, turns
    saturations: Float[np.ndarray, "n 2"]  # of the light and the dark color
    brightness: Float[np.ndarray, " n"]  # value of the light color
    contrasts: Float[np.ndarray, " n"]  # value of the light minus value of the dark color
    grains: Float[np.ndarray, " n"]  # standard deviation of pixel noise, levels of 255
    extra: Float[np.ndarray, "n extra"]  # further shape of the texture
    colors: Float[np.ndarray, "n 3"]  # offsets of the glyph's hue, saturation and value in [0, 1)
    boxes: Int[np.ndarray, "n 4"]  # x0, y0, x1, y1 of the glyph, pixels
    salience: Float[np.ndarray, "n kinds"]  # attributes are listed from the smallest


def label_given_scene(
    n_scenes: int, n_labels: int, favorite_share: float
) -> Float[np.ndarray, "scenes labels"]:
    """Return P(label | scene): the favorite's share, and the rest uniform over all labels.

    >>> label_given_scene(2, 4, 0.2).round(2).tolist()
    [[0.4, 0.2, 0.2, 0.2], [0.2, 0.2, 0.4, 0.2]]
    """
    table = np.full((n_scenes, n_labels), (1 - favorite_share) / n_labels)
    scenes = np.arange(n_scenes)
    table[scenes, scenes * n_labels // n_scenes] += favorite_share
    return table


def _draw(rng: np.random.Generator, settings: GlyphsParams, conditional: np.ndarray) -> Draws:
    n = IMAGES_PER_BLOCK
    scene_ids = rng.integers(settings.n_scenes, size=n)
    reached = rng.random(n)[:, None] >= np.cumsum(conditional, axis=1)[scene_ids]
    salience = rng.random((n, N_KINDS))
    salience[:, 0] = np.where(rng.random(n) < SCENE_FIRST, -1.0, salience[:, 0])
    return Draws(
        scene_ids=scene_ids,
        label_ids=np.minimum(reached.sum(axis=1), settings.n_labels - 1),
        is_planted=rng.random(n) < settings.planted_share,
        cycles=rng.uniform(*CYCLES, n),
        angles=rng.uniform(*ANGLES, n),
        phases=rng.uniform(0, 2 * np.pi, n),
        tints=rng.random(n),
        saturations=rng.uniform(*SATURATIONS, (n, 2)),
        brightness=rng.uniform(*BRIGHTNESS, n),
        contrasts=rng.uniform(*CONTRASTS, n),
        grains=rng.uniform(*GRAINS, n),
        extra=rng.random((n, N_EXTRA)),
        colors=rng.random((n, 3)),
        boxes=_places(rng, n, settings.size_px),
        salience=salience,
    )


def _places(rng: np.random.Generator, n: int, size_px: int) -> Int[np.ndarray, "n 4"]:
    """Return boxes that leave, on one of the four sides, a strip of at least BACKGROUND_SIDE."""
    shortest, longest = (round(share * size_px) for share in GLYPH_SIDE)
    sides = rng.integers(shortest, longest + 1, size=(n, 2))
    slack = size_px - sides
    offsets = rng.integers(0, slack + 1)
    axis = rng.integers(2, size=n)
    rows = np.arange(n)
    room = slack[rows, axis]
    pushed = rng.integers(round(BACKGROUND_SIDE * size_px), room + 1)
    offsets[rows, axis] = np.where(rng.random(n) < 0.5, pushed, room - pushed)
    return np.concatenate([offsets, offsets + sides], axis=1)


def _paint(
    rng: np.random.Generator, draws: Draws, labels: tuple[str, ...], size_px: int
) -> np.ndarray:
    """Return the images, uint8 [n, size, size, 3]."""
    light = patterns(
        draws.scene_ids, draws.cycles, draws.angles, draws.phases, draws.extra, size_px=size_px
    )[..., None]
    bright = hsv_to_rgb(draws.tints, draws.saturations[:, 0], draws.brightness)
    dark = hsv_to_rgb(draws.tints, draws.saturations[:, 1], draws.brightness - draws.contrasts)
    canvas = 255 * (light * bright[:, None, None] + (1 - light) * dark[:, None, None])
    canvas += draws.grains[:, None, None, None] * rng.standard_normal(canvas.shape)
    colors = 255 * _glyph_colors(draws, len(labels))
    for row, (x0, y0, x1, y1) in enumerate(draws.boxes.tolist()):
        covered = coverage(labels[draws.label_ids[row]], x1 - x0, y1 - y0)[..., None]
        place = canvas[row, y0:y1, x0:x1]
        place += covered * (colors[row] - place)
    return np.clip(np.round(canvas), 0, 255).astype(np.uint8)


def _glyph_colors(draws: Draws, n_labels: int) -> Float[np.ndarray, "n 3"]:
    """Return RGB in [0, 1]: two labels share a hue, one of them bright and one dark."""
    n_hues = -(-n_labels // 2)
    hue = (draws.label_ids // 2 + 0.4 * (draws.colors[:, 0] - 0.5)) / n_hues
    is_bright = draws.label_ids % 2 == 1
    value = np.where(is_bright, 0.85 + 0.15 * draws.colors[:, 2], 0.4 + 0.15 * draws.colors[:, 2])
    return hsv_to_rgb(np.mod(hue, 1), 0.8 + 0.2 * draws.colors[:, 1], value)


def _attributes(draws: Draws, row: int) -> tuple[str, ...]:
    """Return the true tags of one background, most salient first."""
    tags = (
        f"scene:{SCENES[draws.scene_ids[row]]}",
        f"frequency:{_level(draws.cycles[row], CYCLES)}",
        f"angle:{_level(draws.angles[row], ANGLES, DEGREES)}",
        f"tint:{_level(draws.tints[row], (0.0, 1.0), TINTS)}",
        f"saturation:{_level(draws.saturations[row, 0], SATURATIONS)}",
        f"brightness:{_level(draws.brightness[row], BRIGHTNESS)}",
        f"contrast:{_level(draws.contrasts[row], CONTRASTS)}",
        f"grain:{_level(draws.grains[row], GRAINS)}",
    )
    return tuple(tags[kind] for kind in np.argsort(draws.salience[row], kind="stable"))


def _level(
    value: float, limits: tuple[float, float], names: tuple[str, ...] = ("low", "medium", "high")
) -> str:
    """Return which of equally long parts of `limits` holds `value`."""
    low, high = limits
    return names[min(int((value - low) / (high - low) * len(names)), len(names) - 1)]


def _png(pixels: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format="PNG", compress_level=1)
    return encoded.getvalue()
