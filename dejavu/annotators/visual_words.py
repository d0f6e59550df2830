"""Unsupervised tags: the patch words that a crop shows more than other crops do. Needs no weights.

Small patches on a dense grid are described by their contrast-normalized gray pattern and their mean color;
k-means on patches of reference crops makes the vocabulary. A crop's score for a word is the share of its
patches that are nearest to the word, times the word's inverse document frequency
log((1 + n) / (1 + n with the word)) over the crops that the vocabulary was fitted on. The words of highest
positive score (ties: smaller tag id) are its tags. A crop smaller than a patch has none.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64, Int64, UInt8
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

from dejavu.annotators.source import CropSource
from dejavu.errors import TrainingError
from dejavu.image.predictions import DECIMALS
from dejavu.params.machine import MachineParams
from dejavu.params.references import VisualWordsParams
from dejavu.roles import REFERENCE
from dejavu.run import seeds

MAX_CROPS_FITTED = 4_096  # crops that the vocabulary and the document frequencies come from
_FLAT = 0.04  # contrast (of 1) below which a patch counts as flat rather than as amplified noise
_PATCHES_PER_BLOCK = 65_536


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VisualWords:
    """A fitted vocabulary of patches."""

    settings: VisualWordsParams
    source: CropSource
    workers: int
    words: Float32[np.ndarray, "words features"]
    rarity: Float64[np.ndarray, " words"]  # inverse document frequency, at least 0
    columns: tuple[str, ...] = ("uri",)
    provenance: Mapping[str, str] = dataclasses.field(default_factory=dict)
    crops_per_shard: int = 16_384
    num_gpus: float = 0.0
    known: np.ndarray | None = None  # all crops

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Words have no names but their number."""
        return tuple(f"word_{number:04d}" for number in range(len(self.words)))

    def tag(self, crops: pa.Table) -> tuple[list[list[int]], list[list[float]]]:
        """Return each crop's words of highest score, at most ``max_tags``."""
        tag_ids: list[list[int]] = []
        scores: list[list[float]] = []
        for share in _shares(self.source, crops, self.settings, self.workers, self.words):
            score = np.round(share * self.rarity, DECIMALS)
            best = np.argsort(-score, kind="stable")[: self.settings.max_tags]
            best = best[score[best] > 0]
            tag_ids.append(best.tolist())
            scores.append(score[best].tolist())
        return tag_ids, scores


def prepare(
    settings: VisualWordsParams, source: CropSource, *, seed: int, machine: MachineParams
) -> VisualWords:
    """Fit words and their document frequencies on at most MAX_CROPS_FITTED reference crops.

    Raises:
        TrainingError: the reference crops have fewer distinct patches than there are words.
    """
    crops = source.kept([REFERENCE], columns=["uri"])
    rng = seeds.generator(seed, "annotators.visual_words.crops")
    chosen = np.sort(rng.permutation(crops.num_rows)[:MAX_CROPS_FITTED])
    crops = crops.take(chosen)
    with threadpool_limits(limits=1):  # sums in one order, whatever the machine
        words = _fit_words(settings, source, crops, seed=seed, workers=machine.workers)
    n_with = np.zeros(len(words), dtype=np.int64)
    for share in _shares(source, crops, settings, machine.workers, words):
        n_with += share > 0
    rarity = np.log((1 + crops.num_rows) / (1 + n_with))
    return VisualWords(
        settings=settings, source=source, workers=machine.workers, words=words, rarity=rarity
    )


def describe(
    pixels: UInt8[np.ndarray, "height width 3"], settings: VisualWordsParams
) -> Float32[np.ndarray, "patches features"]:
    """Return one row per patch: its pattern (unit length or shorter), then its weighted mean color.

    The pattern is the gray patch minus its mean, over (its standard deviation + `_FLAT`) and its side:
    neither brightness nor contrast changes it, except that flat patches are near 0.
    """
    side, step = settings.patch_px, settings.stride_px
    if min(pixels.shape[:2]) < side:
        return np.zeros((0, side * side + 3), dtype=np.float32)
    light = pixels.astype(np.float32) / 255
    windows = np.lib.stride_tricks.sliding_window_view(light, (side, side), axis=(0, 1))
    patches = windows[::step, ::step].reshape(-1, 3, side, side)
    color = patches.mean(axis=(2, 3))
    gray = patches.mean(axis=1)
    pattern = gray - gray.mean(axis=(1, 2), keepdims=True)
    pattern /= (pattern.std(axis=(1, 2), keepdims=True) + _FLAT) * side
    if settings.ignore_orientation:
        pattern = standard_orientation(pattern)
    flat = pattern.reshape(len(pattern), -1)
    return np.concatenate([flat, settings.color_weight * color], axis=1, dtype=np.float32)


def standard_orientation(
    patterns: Float32[np.ndarray, "n side side"],
) -> Float32[np.ndarray, "n side side"]:
    """Mirror and transpose each square so that it brightens to the right, and downward not more.

    All eight mirrored and turned versions of a patch come out equal, unless two of its slopes tie.
    """
    half = patterns.shape[1] // 2
    right = _slope(patterns.sum(axis=1), half)
    down = _slope(patterns.sum(axis=2), half)
    turned = np.where((right < 0)[:, None, None], patterns[:, :, ::-1], patterns)
    turned = np.where((down < 0)[:, None, None], turned[:, ::-1, :], turned)
    is_steeper_down = np.abs(down) > np.abs(right)
    return np.where(is_steeper_down[:, None, None], turned.transpose(0, 2, 1), turned)


def word_shares(
    features: Float32[np.ndarray, "patches features"],
    words: Float32[np.ndarray, "words features"],
) -> Float64[np.ndarray, " words"]:
    """Return the share of patches whose nearest word it is (ties: smaller number); no patch: all 0."""
    counts = np.bincount(nearest_words(features, words), minlength=len(words))
    return counts / max(1, len(features))


def nearest_words(
    features: Float32[np.ndarray, "patches features"],
    words: Float32[np.ndarray, "words features"],
) -> Int64[np.ndarray, " patches"]:
    """Return the number of each patch's nearest word in Euclidean distance, a block at a time."""
    half_norm = (words * words).sum(axis=1) / 2
    nearest = np.empty(len(features), dtype=np.int64)
    for start in range(0, len(features), _PATCHES_PER_BLOCK):
        block = slice(start, start + _PATCHES_PER_BLOCK)
        nearest[block] = np.argmax(features[block] @ words.T - half_norm, axis=1)
    return nearest


def _slope(lines: Float32[np.ndarray, "n side"], half: int) -> Float32[np.ndarray, " n"]:
    return lines[:, -half:].sum(axis=1) - lines[:, :half].sum(axis=1)


def _fit_words(
    settings: VisualWordsParams, source: CropSource, crops: pa.Table, *, seed: int, workers: int
) -> Float32[np.ndarray, "words features"]:
    """Cluster about ``n_training_patches`` patches, the same number from every crop that has them."""
    from sklearn.cluster import MiniBatchKMeans

    rng = seeds.generator(seed, "annotators.visual_words.patches")
    per_crop = -(-settings.n_training_patches // max(1, crops.num_rows))
    drawn = [np.zeros((0, settings.patch_px**2 + 3), dtype=np.float32)]
    for pixels in _pixels(source, crops, settings, workers):
        features = describe(pixels, settings)
        drawn.append(features[rng.permutation(len(features))[:per_crop]])
    patches = np.concatenate(drawn)
    n_distinct = len(np.unique(patches, axis=0))
    if n_distinct < settings.n_words:
        raise TrainingError(
            f"visual_words: {crops.num_rows} reference crops have {n_distinct} distinct patches, "
            f"expected at least n_words = {settings.n_words}. Lower n_words or patch_px, raise "
            "n_training_patches, or give the reference role more samples."
        )
    clusters = MiniBatchKMeans(
        settings.n_words,
        batch_size=2_048,
        n_init=1,
        random_state=seeds.number(seed, "annotators.visual_words.kmeans") % 2**32,
    )
    clusters.fit(patches)
    return np.ascontiguousarray(clusters.cluster_centers_, dtype=np.float32)


def _shares(
    source: CropSource,
    crops: pa.Table,
    settings: VisualWordsParams,
    workers: int,
    words: Float32[np.ndarray, "words features"],
) -> Iterator[Float64[np.ndarray, " words"]]:
    # One BLAS thread: the products of one crop are so small that more threads are slower.
    with threadpool_limits(limits=1):
        for pixels in _pixels(source, crops, settings, workers):
            yield word_shares(describe(pixels, settings), words)


def _pixels(
    source: CropSource, crops: pa.Table, settings: VisualWordsParams, workers: int
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    return source.pixels(crops, max_side_px=settings.max_side_px, workers=workers)
