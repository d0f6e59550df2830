"""Procedural backgrounds: five families of low-saturation texture with unique fine detail."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

SCENES = ("stripes", "checks", "dots", "ripples", "mottle")
N_WAVES = 6  # plane waves that make up mottle
N_EXTRA = 2 + 3 * N_WAVES  # random numbers a texture may use beyond frequency, angle and phase


def patterns(
    scene_ids: Int[np.ndarray, " n"],
    cycles: Float[np.ndarray, " n"],
    angles: Float[np.ndarray, " n"],
    phases: Float[np.ndarray, " n"],
    extra: Float[np.ndarray, "n extra"],
    *,
    size_px: int,
) -> Float[np.ndarray, "n size size"]:
    """Return how much of the light color each pixel shows, in [0, 1].

    Args:
        scene_ids: index into SCENES.
        cycles: periods of the pattern across the image.
        angles: of the pattern, radians.
        phases: radians.
        extra: uniform in [0, 1): further shape of ripples (center) and mottle (waves).
        size_px: side of the square images.
    """
    y, x = (grid[None] / size_px for grid in np.mgrid[0:size_px, 0:size_px].astype(np.float64))
    light = np.empty((len(scene_ids), size_px, size_px))
    for scene_id in np.unique(scene_ids):
        chosen = scene_ids == scene_id
        column = [v[chosen][:, None, None] for v in (cycles, angles, phases)]
        light[chosen] = _DRAW[scene_id](x, y, *column, extra[chosen])
    return light


def _turned(x: np.ndarray, y: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _wave(position: np.ndarray, cycles: np.ndarray, phase: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * cycles * position + phase)


def _stripes(
    x: np.ndarray, y: np.ndarray, cycles: np.ndarray, angle: np.ndarray, phase: np.ndarray,
    _: np.ndarray,
) -> np.ndarray:  # fmt: skip
    along, _across = _turned(x, y, angle)
    return 0.5 + 0.5 * _wave(along, cycles, phase)


def _checks(
    x: np.ndarray, y: np.ndarray, cycles: np.ndarray, angle: np.ndarray, phase: np.ndarray,
    _: np.ndarray,
) -> np.ndarray:  # fmt: skip
    along, across = _turned(x, y, angle)
    return (_wave(along, cycles, phase) * _wave(across, cycles, phase) > 0).astype(np.float64)


def _dots(
    x: np.ndarray, y: np.ndarray, cycles: np.ndarray, angle: np.ndarray, phase: np.ndarray,
    _: np.ndarray,
) -> np.ndarray:  # fmt: skip
    along, across = _turned(x, y, angle)
    du = np.mod(along * cycles + phase / (2 * np.pi), 1) - 0.5
    dv = np.mod(across * cycles, 1) - 0.5
    return (du**2 + dv**2 < 0.1).astype(np.float64)


def _ripples(
    x: np.ndarray, y: np.ndarray, cycles: np.ndarray, angle: np.ndarray, phase: np.ndarray,
    extra: np.ndarray,
) -> np.ndarray:  # fmt: skip
    along, across = _turned(x, y, angle)
    center_u, center_v = _turned(extra[:, 0, None, None], extra[:, 1, None, None], angle)
    radius = np.hypot(along - center_u, 1.4 * (across - center_v))  # ellipses: angle shows
    return 0.5 + 0.5 * _wave(radius, cycles, phase)


def _mottle(
    x: np.ndarray, y: np.ndarray, cycles: np.ndarray, angle: np.ndarray, phase: np.ndarray,
    extra: np.ndarray,
) -> np.ndarray:  # fmt: skip
    along, across = _turned(x, y, angle)
    waves = extra[:, 2:].reshape(len(extra), N_WAVES, 3)
    total = np.zeros(np.broadcast_shapes(cycles.shape, x.shape))
    for number in range(N_WAVES):
        fx, fy, shift = (waves[:, number, axis, None, None] for axis in range(3))
        turned = 1.2 * (2 * fx - 1) * along + 0.8 * (2 * fy - 1) * across
        total += _wave(turned, cycles, phase + 2 * np.pi * shift)
    return np.clip(0.5 + total / 5, 0, 1)


_DRAW: tuple[Callable[..., np.ndarray], ...] = (_stripes, _checks, _dots, _ripples, _mottle)


def hsv_to_rgb(
    hue: Float[np.ndarray, " n"],
    saturation: Float[np.ndarray, " n"],
    value: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n 3"]:
    """Return RGB in [0, 1] of colors whose hue (in turns), saturation and value are in [0, 1].

    >>> hsv_to_rgb(np.array([0.0, 1 / 3]), np.ones(2), np.ones(2)).round(6).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    sector = np.mod(np.array([5.0, 3.0, 1.0])[None] + 6 * hue[:, None], 6)
    dip = np.clip(np.minimum(sector, 4 - sector), 0, 1)
    return value[:, None] * (1 - saturation[:, None] * dip)
