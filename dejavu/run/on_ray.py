"""Shards computed by Ray: workers on every node that has room; each keeps what it loaded between shards."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dejavu.errors import DejavuError, EngineError, ParamsError
from dejavu.run import cores
from dejavu.run.engines import Engine
from dejavu.run.progress import QUIET, say, track

Compute = Callable[
    [Any, int, Path], None
]  # computes shard `index` of a function, whole or not at all
Job = tuple[int, Path]

_AT_ONCE = 2  # shards a worker is sent: the next one waits for it, not for this process
_RETRIES = 3  # times that a shard is begun anew whose worker died
# What the workers are told of this process: variables that change what they read or print.
_VARIABLES = ("DEJAVU_DATA_ROOT", "HF_HOME", "HF_HUB_OFFLINE", QUIET)


def run(
    compute: Compute, function: Any, jobs: Sequence[Job], *, stage: str, engine: Engine
) -> None:
    """Compute every shard with as many workers as the cluster has room for.

    A cluster that runs here, or that RAY_ADDRESS names, is used; else Ray is started on this machine. All
    nodes must see the project's folder under the same path. A shard whose worker dies is begun anew by
    another: it is renamed into place when it is whole, so nothing is lost or mixed.

    Args:
        compute: called with `function`, the number of the shard and its file.
        function: sent to every worker once, with what it holds.
        jobs: the shards to compute, and the file of each.
        stage: for progress and messages.
        engine: what each worker is given.

    Raises:
        ParamsError: Ray is not installed, or no node has room for a worker.
        EngineError: workers died again and again, or do not see the project's folder.
    """
    if not jobs:
        return
    ray = _connected()
    n_workers = min(len(jobs), _room(ray, engine))
    say(f"{stage}: {n_workers} Ray workers of {_told(engine)}")
    held = ray.put(function)
    told = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    asked = {"num_cpus": engine.cpus, "num_gpus": engine.gpus, "max_restarts": _RETRIES}
    actor = ray.remote(**asked, max_task_retries=_RETRIES)(_Worker)
    workers = [
        actor.remote(compute, held, str(Path.cwd()), engine.cpus, told) for _ in range(n_workers)
    ]
    try:
        with _translated(ray, stage):
            _work(ray, workers, jobs, stage)
    finally:
        for worker in workers:
            ray.kill(worker)


class _Worker:
    """One process of the cluster, in the folder of the run, with the threads that it was given."""

    def __init__(
        self, compute: Compute, function: Any, folder: str, n_cores: int, told: dict[str, str]
    ) -> None:
        os.environ.update(told | {cores.GIVEN: str(n_cores)})
        try:
            os.chdir(folder)
        except OSError as error:
            raise EngineError(
                f"{folder}: a worker on {os.uname().nodename} does not see this folder ({error.strerror}). "
                "All nodes of the cluster must see the project under the same path."
            ) from None
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(n_cores)
        self._compute, self._function = compute, function

    def shard(self, index: int, path: Path) -> None:
        """Compute one shard."""
        self._compute(self._function, index, path)


def _work(ray: Any, workers: Sequence[Any], jobs: Sequence[Job], stage: str) -> None:
    """Hand the shards out as workers become free."""
    waiting = iter(jobs)
    busy: dict[Any, Any] = {}  # the worker of each shard that is computed

    def hand_out(worker: Any) -> None:
        for index, path in waiting:
            busy[worker.shard.remote(index, path.absolute())] = worker
            return

    for _ in range(_AT_ONCE):
        for worker in workers:
            hand_out(worker)
    for _ in track(range(len(jobs)), what=f"{stage} (ray)"):
        done, _ = ray.wait(list(busy), num_returns=1)
        ray.get(done[0])
        hand_out(busy.pop(done[0]))


def _connected() -> Any:
    """Import Ray, and join its cluster or start it here."""
    try:
        import ray
    except ImportError:
        raise ParamsError(
            "machine.engine is 'ray', but Ray is not installed: pip install 'dejavu-audit[ray]', "
            "or set machine.engine to 'local'."
        ) from None
    try:
        ray.init(ignore_reinit_error=True, log_to_driver=False)
    except ConnectionError as error:
        where = os.environ.get("RAY_ADDRESS", "here")
        raise EngineError(
            f"no Ray cluster answers at {where} ({error}). Start it (`ray start --head`), or unset "
            "RAY_ADDRESS."
        ) from None
    return ray


def _room(ray: Any, engine: Engine) -> int:
    """Return how many workers the living nodes hold at once."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    n_workers = 0
    for node in alive:
        by_cpu = node.get("CPU", 0) // engine.cpus
        n_workers += int(min(by_cpu, node.get("GPU", 0) // engine.gpus) if engine.gpus else by_cpu)
    if n_workers:
        return n_workers
    found = ", ".join(
        f"{node.get('CPU', 0):g} cores and {node.get('GPU', 0):g} GPUs" for node in alive
    )
    raise ParamsError(
        f"machine.engine is 'ray', but no node has room for a worker of {_told(engine)}; the nodes have "
        f"{found}. Lower machine.workers, which is the cores of a worker, or set machine.device to cpu."
    )


def _told(engine: Engine) -> str:
    gpus = f" and {engine.gpus:g} GPUs" if engine.gpus else ""
    return f"{engine.cpus} cores{gpus}"


@contextlib.contextmanager
def _translated(ray: Any, stage: str) -> Iterator[None]:
    """Raise what went wrong in a worker as if it had been here."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, DejavuError | OSError | MemoryError):
            raise cause from None
        raise
    except ray.exceptions.RayActorError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, DejavuError):
            raise cause from None
        raise EngineError(
            f"{stage}: a Ray worker died {_RETRIES + 1} times ({_first_line(error)}). Out of memory? Look at "
            "`ray status` and its logs; machine.workers, machine.batch_images and machine.memory_gb say "
            "how much each worker holds. What was finished is kept: `dvc repro` goes on."
        ) from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
