"""Images as people hold them: paths, bytes, PIL images, arrays and tensors of 8-bit pixels."""

import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dejavu.corpora.image_reader import decode
from dejavu.errors import DataError

_AS_PNG = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})  # modes that a PNG keeps
_IN_COLOR = frozenset({"CMYK", "YCbCr", "LAB", "HSV"})  # 8-bit modes that become RGB


def write(image: Any, place: Path, row: int, *, where: str) -> Path:
    """Write ``<row>.<suffix>`` into a folder: a file as it is, an image in memory as PNG; return its path."""
    if isinstance(image, str | Path):
        source = Path(image)
        if not source.is_file():
            raise DataError(f"{where}: {source}: no such file.")
        file = place / f"{row:08d}{source.suffix.lower()}"
        shutil.copyfile(source, file)
        return file
    if isinstance(image, bytes):
        file = place / f"{row:08d}.{_format_of(image, where)}"
        file.write_bytes(image)
        return file
    file = place / f"{row:08d}.png"
    _in_memory(image, where).save(file, "PNG", compress_level=1)
    return file


def _format_of(encoded: bytes, where: str) -> str:
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return str(image.format).lower()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise DataError(f"{where}: {len(encoded)} bytes that are no image.") from None


def opened(image: Any, *, where: str) -> Image.Image:
    """Return the image of an item as RGB."""
    if isinstance(image, str | Path):
        return decode(Path(image).read_bytes(), name=str(image))
    if isinstance(image, bytes):
        return decode(image, name=where)
    return _in_memory(image, where).convert("RGB")


def _in_memory(image: Any, where: str) -> Image.Image:
    if not isinstance(image, Image.Image):
        return Image.fromarray(_pixels(image, where))
    if image.mode in _IN_COLOR:
        return image.convert("RGB")
    if image.mode not in _AS_PNG:
        raise DataError(
            f"{where}: an image of mode {image.mode!r}, expected 8-bit pixels. Scale it to 0..255 and "
            "convert it to RGB."
        )
    return image


def undecoded(image: Any) -> Any:
    """Return the bytes or path of an image that Hugging Face gives undecoded; others as they are."""
    if isinstance(image, Mapping) and {"bytes", "path"} & set(image):
        return image.get("bytes") or image.get("path")
    return image


def _pixels(image: Any, where: str) -> np.ndarray:
    """Return an array or tensor of 8-bit pixels as (height, width, 3) or (height, width)."""
    is_tensor = hasattr(image, "detach")
    try:
        found = np.asarray(image.detach().cpu() if is_tensor else image)
    except (TypeError, ValueError):
        found = np.empty(0, dtype=object)
    if is_tensor and found.ndim == 3:
        found = found.transpose(1, 2, 0)
    if found.ndim == 3 and found.shape[2] == 1:
        found = found[:, :, 0]
    if found.dtype != np.uint8 or not (
        found.ndim == 2 or (found.ndim == 3 and found.shape[2] == 3)
    ):
        raise DataError(
            f"{where}: expected a path, the bytes of a file, a PIL image, or 8-bit pixels as an array "
            f"(height, width, 3) or a tensor (3, height, width); found {type(image).__name__} of "
            f"{found.dtype}, shape {found.shape}. Leave normalization to `transform`: the audit cuts crops "
            "out of images first."
        )
    return found
