"""What a process of a Ray cluster does: get ready once, then compute one shard after the other."""

import os
import pickle
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dejavu
from dejavu.errors import EngineError
from dejavu.run import cores

Compute = Callable[
    [Any, int, Path], None
]  # computes shard `index` of a function, whole or not at all
Versions = Mapping[str, str]  # of the code and the libraries that decide a result, by name
ONE_VERSION = "Install the same versions on every node: results depend on them."


class Worker:
    """One process of the cluster, in the folder of the run, with the threads that it was given."""

    def prepare(
        self, work: bytes, versions: Versions, folder: str, n_cores: int, told: Mapping[str, str]
    ) -> None:
        """Take over the work, before any library that reads the environment is loaded.

        Args:
            work: pickled: what computes a shard, the function it is called with, and what returns the
                versions of this process.
            versions: those of the process that sent the work.
            folder: of the run.
            n_cores: that its threads may keep busy.
            told: variables of the environment.

        Raises:
            EngineError: this node does not see the folder, lacks what the work needs, or has other versions.
        """
        os.environ.update({**told, cores.GIVEN: str(n_cores)})
        cores.wait_briefly()
        node = os.uname().nodename
        try:
            os.chdir(folder)
        except OSError as error:
            raise EngineError(
                f"{folder}: a worker on {node} does not see this folder ({error.strerror}). "
                "All nodes of the cluster must see the project under the same path."
            ) from None
        try:
            self._compute, self._function, own_versions = pickle.loads(work)  # noqa: S301  # our own
            found = own_versions()
        except (ImportError, AttributeError, TypeError) as error:
            raise EngineError(
                f"a worker on {node} (Python {platform.python_version()}, dejavu {dejavu.__version__}) "
                f"cannot load the work: {type(error).__name__}: {error}. {ONE_VERSION}"
            ) from None
        if found != versions:
            raise EngineError(
                f"a worker on {node} has {_differing(found, versions)}. {ONE_VERSION}"
            )
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(n_cores)

    def shard(self, index: int, path: Path) -> None:
        """Compute one shard."""
        self._compute(self._function, index, path)


def _differing(there: Versions, here: Versions) -> str:
    names = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
    return ", ".join(
        f"{name} {there.get(name, 'none')[:12]} where this process has {here.get(name, 'none')[:12]}"
        for name in names
    )
