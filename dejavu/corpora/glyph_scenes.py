"""Corpus ``glyph_scenes``: generated images of several glyphs whose captions name only one of them.

An image shows a textured background (its scene), one main glyph and others that accompany it. The
caption names the scene, the main glyph and, so that every caption is its own, incidental words that
are drawn independently of all glyphs. The main glyph is uniform; every other glyph accompanies it
independently with a probability that depends on the scene, given that they fit into the image. So
P(object | caption) = P(object | scene, main) is known exactly: 1 for the main glyph, and for the others
a Poisson-binomial probability conditioned on the limit.
"""

import io
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from dejavu.corpora.embedded import drawn
from dejavu.corpora.glyph_shapes import GLYPHS, coverage
from dejavu.corpora.records import Box, Record, Truth
from dejavu.corpora.textures import N_EXTRA, SCENES, hsv_to_rgb, patterns
from dejavu.params.caption_corpora import GlyphScenesParams
from dejavu.run import seeds

IMAGES_PER_BLOCK = 256  # drawn from one generator: more images never change the first ones
GRID = 3  # glyphs lie in different cells of a 3 x 3 grid
GLYPH_SIDE = (0.75, 1.0)  # smallest and largest side of a glyph, as a share of its cell's
ADJECTIVES = (
    "bright", "broken", "busy", "calm", "dusty", "empty", "famous", "faded", "foggy", "hidden", "local",
    "modern", "noisy", "old", "painted", "quiet", "rainy", "rustic", "snowy", "tiny",
)  # fmt: skip
PLACES = (
    "accra", "basel", "cairo", "dakar", "delhi", "derby", "essen", "fargo", "genoa", "hanoi", "izmir",
    "lima", "milan", "osaka", "oslo", "paris", "perth", "quito", "tokyo", "turin",
)  # fmt: skip
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip


class GlyphScenes:
    """Lists (that is: draws) the images and captions of the corpus."""

    root: str | None = None

    def __init__(self, settings: GlyphScenesParams, seed: int, data_root: str) -> None:  # noqa: ARG002  # every adapter takes a seed
        self.settings = settings
        self.seed = seed
        self.labels = tuple(sorted(GLYPHS)[: settings.n_objects])
        self.company = company_given_scene(settings)
        self.truth = object_given_caption(self.company, settings.max_objects - 1)

    def records(self) -> Iterator[Record]:
        """Return the images in order, encoded as PNG."""
        return drawn(-(-self.settings.n_images // IMAGES_PER_BLOCK), self._block)

    def _block(self, block: int) -> list[Record]:
        rng = seeds.generator(self.seed, f"corpus.glyph_scenes.{block}")
        n, start = IMAGES_PER_BLOCK, block * IMAGES_PER_BLOCK
        scene_ids = rng.integers(self.settings.n_scenes, size=n)
        mains = rng.integers(self.settings.n_objects, size=n)
        shown = _draw_company(rng, self.company[scene_ids], mains, self.settings.max_objects - 1)
        is_planted = rng.random(n) < self.settings.planted_share
        captions = _captions(rng, scene_ids, [self.labels[main] for main in mains])
        canvas = _backgrounds(rng, scene_ids, self.settings.size_px)
        records = []
        for row in range(min(n, self.settings.n_images - start)):
            boxes = _place(rng, np.flatnonzero(shown[row]), self.labels, self.settings.size_px)
            _paint(rng, canvas[row], boxes, self.labels)
            truth = Truth(
                scene=SCENES[scene_ids[row]],
                attributes=(f"main:{self.labels[mains[row]]}",),
                is_planted=bool(is_planted[row]),
                probabilities=tuple(self.truth[scene_ids[row], mains[row]].tolist()),
            )
            records.append(
                Record(
                    name=f"scene_{start + row:06d}", image=_png(canvas[row]),
                    caption=captions[row], boxes=boxes, truth=truth,
                )
            )  # fmt: skip
        return records


def company_given_scene(settings: GlyphScenesParams) -> Float[np.ndarray, "scenes objects"]:
    """Return each object's probability to accompany the main one, before the limit on their number."""
    table = np.full((settings.n_scenes, settings.n_objects), settings.rare_share)
    for scene in range(settings.n_scenes):
        first = scene * settings.n_objects // settings.n_scenes
        frequent = (first + np.arange(settings.n_frequent)) % settings.n_objects
        table[scene, frequent] = settings.frequent_share
    return table


def object_given_caption(
    company: Float[np.ndarray, "scenes objects"], max_company: int
) -> Float[np.ndarray, "scenes objects objects"]:
    """Return P(object | scene, main object), indexed in that order of the condition, then the object.

    With X_o independent Bernoulli(q_o) over the objects other than the main one, and N their sum:
    P(X_o = 1 | N <= m) = q_o P(N without o <= m - 1) / P(N <= m).

    >>> object_given_caption(np.array([[0.5, 0.5, 0.5]]), 1)[0, 0].round(3).tolist()
    [1.0, 0.333, 0.333]
    """
    n_scenes, n_objects = company.shape
    table = np.zeros((n_scenes, n_objects, n_objects))
    for scene, main in np.ndindex(n_scenes, n_objects):
        chances = company[scene].copy()
        chances[main] = 0.0
        fits = _at_most(chances, max_company)
        for other in range(n_objects):
            rest = np.delete(chances, other)
            table[scene, main, other] = chances[other] * _at_most(rest, max_company - 1) / fits
        table[scene, main, main] = 1.0
    return table


def _at_most(chances: Float[np.ndarray, " n"], limit: int) -> float:
    """Return the probability that at most `limit` of independent events happen."""
    if limit < 0:
        return 0.0
    counts = np.zeros(len(chances) + 1)
    counts[0] = 1.0
    for chance in chances:
        counts[1:] = counts[1:] * (1 - chance) + counts[:-1] * chance
        counts[0] *= 1 - chance
    return float(counts[: limit + 1].sum())


def _draw_company(
    rng: np.random.Generator,
    chances: Float[np.ndarray, "n objects"],
    mains: Int[np.ndarray, " n"],
    limit: int,
) -> Bool[np.ndarray, "n objects"]:
    """Return which objects each image shows; company that exceeds `limit` is drawn again."""
    rows = np.arange(len(mains))
    shown = np.zeros(chances.shape, dtype=bool)
    open_rows = rows
    while len(open_rows):
        drawn = rng.random((len(open_rows), chances.shape[1])) < chances[open_rows]
        drawn[np.arange(len(open_rows)), mains[open_rows]] = False
        fits = drawn.sum(axis=1) <= limit
        shown[open_rows[fits]] = drawn[fits]
        open_rows = open_rows[~fits]
    shown[rows, mains] = True
    return shown


def _captions(
    rng: np.random.Generator, scene_ids: Int[np.ndarray, " n"], mains: list[str]
) -> list[str]:
    n = len(mains)
    first, second = rng.integers(len(ADJECTIVES), size=(2, n))
    places, months = rng.integers(len(PLACES), size=n), rng.integers(len(MONTHS), size=n)
    days = rng.integers(1, 29, size=n)
    return [
        f"{ADJECTIVES[first[i]]} {mains[i]} on a {ADJECTIVES[second[i]]} wall with "
        f"{SCENES[scene_ids[i]]} in {PLACES[places[i]]}, {MONTHS[months[i]]} {days[i]}"
        for i in range(n)
    ]


def _backgrounds(
    rng: np.random.Generator, scene_ids: Int[np.ndarray, " n"], size_px: int
) -> Float[np.ndarray, "n size size 3"]:
    n = len(scene_ids)
    light = patterns(
        scene_ids, rng.uniform(2.5, 7, n), rng.uniform(0, np.pi, n), rng.uniform(0, 2 * np.pi, n),
        rng.random((n, N_EXTRA)), size_px=size_px,
    )[..., None]  # fmt: skip
    tints, value = rng.random(n), rng.uniform(0.6, 0.98, n)
    bright = hsv_to_rgb(tints, rng.uniform(0, 0.25, n), value)
    dark = hsv_to_rgb(tints, rng.uniform(0, 0.25, n), value - rng.uniform(0.25, 0.55, n))
    canvas = 255 * (light * bright[:, None, None] + (1 - light) * dark[:, None, None])
    return canvas + 4 * rng.standard_normal(canvas.shape)


def _place(
    rng: np.random.Generator,
    object_ids: Int[np.ndarray, " m"],
    labels: tuple[str, ...],
    size_px: int,
) -> tuple[Box, ...]:
    """Return a box for each object, in different cells of the grid."""
    cell = size_px // GRID
    shortest, longest = (round(share * cell) for share in GLYPH_SIDE)
    boxes = []
    for object_id, place in zip(object_ids, rng.permutation(GRID * GRID), strict=False):
        width, height = rng.integers(shortest, longest + 1, size=2).tolist()
        x0 = cell * int(place % GRID) + int(rng.integers(cell - width + 1))
        y0 = cell * int(place // GRID) + int(rng.integers(cell - height + 1))
        boxes.append(Box(x0, y0, x0 + width, y0 + height, labels[object_id]))
    return tuple(boxes)


def _paint(
    rng: np.random.Generator, canvas: np.ndarray, boxes: tuple[Box, ...], labels: tuple[str, ...]
) -> None:
    """Draw the glyphs; two objects share a hue, one of them bright and one dark."""
    numbers = np.array([labels.index(box.label or "") for box in boxes])
    shifts = rng.random((3, len(boxes)))
    hue = np.mod((numbers // 2 + 0.3 * (shifts[0] - 0.5)) / (-(-len(labels) // 2)), 1)
    value = np.where(numbers % 2 == 1, 0.85 + 0.15 * shifts[2], 0.4 + 0.15 * shifts[2])
    colors = 255 * hsv_to_rgb(hue, 0.8 + 0.2 * shifts[1], value)
    for box, color in zip(boxes, colors, strict=True):
        covered = coverage(box.label or "", box.x1 - box.x0, box.y1 - box.y0)[..., None]
        place = canvas[box.y0 : box.y1, box.x0 : box.x1]
        place += covered * (color - place)


def _png(canvas: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    pixels = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(encoded, format="PNG", compress_level=1)
    return encoded.getvalue()
