"""Import FAISS so that its matrix products use the instructions of this processor.

FAISS' wheel bundles an OpenBLAS of 2021, which takes processors that it does not know for very old ones and
then computes at a third of the speed. A child process asks it for its choice; where that is slow although
the processor is not, ``OPENBLAS_CORETYPE`` names a faster kernel while FAISS is loaded. A value that is set
already is never overridden.
"""

import ctypes
import functools
import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from dejavu.run.progress import say

VARIABLE = "OPENBLAS_CORETYPE"
# what OpenBLAS calls its kernels without AVX2
SLOW = frozenset(
    {
        "Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Atom", "Core2", "Penryn", "Dunnington",
        "Nehalem", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat", "Nano", "Sandybridge",
        "Bulldozer", "Piledriver", "Steamroller",
    }
)  # fmt: skip
_WITH_AVX512 = frozenset({"AVX512_SKX", "X86_V4"})  # as older and newer versions of NumPy say it
_WITH_AVX2 = frozenset({"AVX2", "X86_V3"}) | _WITH_AVX512
_ASK = "import ctypes, sys; f = ctypes.CDLL(sys.argv[1]).openblas_get_corename; f.restype = ctypes.c_char_p; "
_ASK += "sys.stdout.write(f().decode())"


@functools.cache
def load() -> ModuleType:
    """Return the module ``faiss``, its kernel chosen."""
    chosen = _better_kernel()
    if chosen is not None:
        say(
            f"k-NN: FAISS computes with OpenBLAS' kernel {chosen}; its own choice is slow on this processor"
        )
        os.environ[VARIABLE] = chosen
    try:
        import faiss
    finally:
        if chosen is not None:  # meant for this library alone
            del os.environ[VARIABLE]
    return faiss


@functools.cache
def kernel() -> str | None:
    """Return the OpenBLAS kernel that FAISS uses; None where it brings no OpenBLAS."""
    load()
    library = _bundled_openblas()
    return None if library is None else _name_of(ctypes.CDLL(str(library)))


def better_than(own_choice: str, features: frozenset[str]) -> str | None:
    """Return the kernel to name instead of OpenBLAS' own choice; None: leave it.

    Args:
        own_choice: the kernel's name, as OpenBLAS spells it.
        features: instruction sets of the processor, as NumPy names them.

    >>> better_than("Barcelona", frozenset({"AVX2"}))
    'Haswell'
    >>> better_than("Zen", frozenset({"AVX2"})) is None
    True
    """
    if own_choice not in SLOW or not features & _WITH_AVX2:
        return None
    return "SkylakeX" if features & _WITH_AVX512 else "Haswell"


def _better_kernel() -> str | None:
    library = _bundled_openblas()
    if VARIABLE in os.environ or "faiss" in sys.modules or library is None:
        return None
    command = [sys.executable, "-I", "-S", "-c", _ASK, str(library)]
    found_by_name = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}  # what it needs itself
    asked = subprocess.run(  # noqa: S603  # our own text
        command, env=found_by_name, capture_output=True, text=True, check=False
    )
    return better_than(asked.stdout, _features()) if asked.returncode == 0 else None


def _features() -> frozenset[str]:
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    return frozenset(found.get("baseline", [])) | frozenset(found.get("found", []))


def _bundled_openblas() -> Path | None:
    """Return the OpenBLAS of FAISS' wheel, without importing FAISS."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return None
    spec = importlib.util.find_spec("faiss")
    if spec is None or spec.origin is None:
        return None
    folders = Path(spec.origin).parents[1].glob("faiss_*.libs")
    return next((path for folder in folders for path in sorted(folder.glob("*openblas*"))), None)


def _name_of(library: ctypes.CDLL) -> str:
    ask = library.openblas_get_corename
    ask.restype = ctypes.c_char_p
    return str(ask().decode())
