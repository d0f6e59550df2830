"""Convert `[labels, scores]` pickles of detections without executing anything they contain.

Such a file holds two lists of NumPy arrays, one array per image in a known order: class numbers, and
scores. Unpickling normally calls whatever a file names. Here every name it may hold is replaced by an
inert stand-in of ours, any other name is refused, and the arrays are decoded from their raw bytes.
"""

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dejavu.errors import DataError
from dejavu.run import odd_files


class _DType:
    """Stands in for numpy.dtype: remembers its code, e.g. ``i8``, and its byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = str(code)
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = "<" if state[1] in ("<", "|", "=") else ">"

    def resolve(self) -> np.dtype:
        dtype = np.dtype(self.order + self.code)
        if dtype.kind not in "iuf":
            raise DataError(f"an array of type {self.code!r}; expected whole numbers or floats")
        return dtype


class _Array:
    """Stands in for numpy.ndarray while it is rebuilt."""

    def __init__(self, *_: object) -> None:
        self.values = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, _is_fortran, raw = state
        if len(shape) != 1 or not isinstance(raw, bytes):
            raise DataError(f"an array of shape {shape}; expected one number per detection")
        self.values = np.frombuffer(raw, dtype=dtype.resolve())


def _scalar(dtype: _DType, raw: bytes) -> float:
    return float(np.frombuffer(raw, dtype=dtype.resolve())[0])


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for _codecs.encode, with which old protocols write bytes."""
    if encoding != "latin1":
        raise DataError(f"bytes written as {encoding!r}; expected latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Stand in for bytes(), with which old protocols write an empty array."""
    return b""


_STAND_INS: dict[tuple[str, str], Any] = {
    ("__builtin__", "bytes"): _no_bytes,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _no_bytes,
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _Array,
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _STAND_INS[_module, "_reconstruct"] = _Array
    _STAND_INS[_module, "scalar"] = _scalar


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) not in _STAND_INS:
            raise DataError(
                f"the name {module_name}.{global_name}, which lists of numbers do not need"
            )
        return _STAND_INS[module_name, global_name]

    def persistent_load(self, pid: Any) -> Any:
        raise DataError(f"a reference to something outside the file ({pid!r})")


def read(path: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return class numbers and scores per image.

    Raises:
        DataError: the file is no pickle, or holds anything but two equally long lists of
            one-dimensional arrays (or lists) of numbers.
    """
    odd_files.require_file(path, named_by="import-labels")
    raw = path.read_bytes()
    try:
        for operation, number, _ in pickletools.genops(raw):  # a file cut short fails here, first
            if "PUT" in operation.name and int(number or 0) > len(raw):
                raise DataError(
                    f"a place {number:,} in its list of objects, and {len(raw):,} bytes"
                )
        value = _Reader(io.BytesIO(raw)).load()
        labels, scores = ([_numbers(entry) for entry in part] for part in value)
    except DataError as error:
        raise DataError(f"{path}: refused, it contains {error}.") from None
    except (pickle.UnpicklingError, ValueError, TypeError, EOFError, KeyError, IndexError,
            AttributeError, OverflowError, RecursionError) as error:  # fmt: skip
        raise DataError(f"{path}: not a [labels, scores] pickle: {error}") from None
    if [len(entry) for entry in labels] != [len(entry) for entry in scores]:
        raise DataError(
            f"{path}: labels and scores differ in length; expected one score per label."
        )
    return labels, scores


def convert(path: Path, *, sample_names: Path, class_names: Path, out: Path) -> int:
    """Write a `[labels, scores]` pickle as the Parquet table that annotator ``table`` reads.

    Args:
        path: the pickle.
        sample_names: text file with one sample name per line, in the order of the pickle (for an
            image folder: the sorted names).
        class_names: text file with one object name per line; line 0 is class 0.
        out: the Parquet file to make.

    Returns:
        The number of detections.

    Raises:
        DataError: the pickle is refused, or the numbers of names and images differ.
    """
    labels, scores = read(path)
    names, classes = _lines(sample_names), _lines(class_names)
    if len(names) != len(labels):
        raise DataError(f"{path} has {len(labels)} images, but {sample_names} {len(names)} names.")
    counts = np.array([len(entry) for entry in labels], dtype=np.int64)
    stated = np.concatenate([np.zeros(0), *labels])
    is_odd = ~((np.abs(stated) < 2**53) & (stated == np.floor(stated)))  # NaN is odd, too
    if is_odd.any():
        raise DataError(
            f"{path}: {int(is_odd.sum())} of {len(stated)} class numbers are no whole numbers, the first "
            f"{stated[is_odd][0]:g}. Are labels and scores swapped?"
        )
    numbers = stated.astype(np.int64)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(classes):
        raise DataError(
            f"{path}: class numbers {numbers.min()} to {numbers.max()}, but {class_names} names "
            f"{len(classes)} classes."
        )
    owners = np.repeat(np.arange(len(names)), np.maximum(counts, 1))
    is_empty = (counts == 0)[owners]
    class_ids, values = np.zeros(len(owners), np.int64), np.full(len(owners), np.nan)
    class_ids[~is_empty] = numbers
    values[~is_empty] = np.concatenate([np.zeros(0), *scores])
    table = pa.table(
        {
            "sample_name": pa.array(names).take(owners),
            "object": pa.array(classes or [""]).take(pa.array(class_ids, mask=is_empty)),
            "score": pa.array(values, mask=is_empty),
        }
    )
    pq.write_table(table, out, compression="zstd")
    return int(counts.sum())


def _lines(path: Path) -> list[str]:
    odd_files.require_file(path, named_by="import-labels")
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a UTF-8 text file: {error}. Save it as UTF-8.") from None


def _numbers(entry: Any) -> np.ndarray:
    if isinstance(entry, _Array):
        return entry.values
    if isinstance(entry, list) and all(isinstance(each, (int, float)) for each in entry):
        return np.array(entry, dtype=np.float64)
    raise DataError(f"a {type(entry).__name__.strip('_')} where an array of numbers is expected")
