"""Shards computed by Ray: workers on every node that has room; each keeps what it loaded between shards."""

import collections
import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dejavu.errors import DejavuError, EngineError
from dejavu.run import ray_cluster
from dejavu.run.engines import Engine
from dejavu.run.progress import QUIET, say, track
from dejavu.run.ray_worker import Compute, Versions, Worker

Job = tuple[int, Path]

_RETRIES = 3  # times that a shard is begun anew whose worker died
_PATIENCE = 60.0  # seconds without a worker until the user is told
# What the workers are told of this process: variables that change what they read or print, and by which
# stores of objects let them in.
_TOLD = re.compile(
    rf"DEJAVU_DATA_ROOT|HF_HOME|HF_HUB_OFFLINE|{QUIET}|AWS_\w+|GOOGLE_\w+|FSSPEC_\w+|(?i:no_proxy|https?_proxy)"
)


def run(
    compute: Compute,
    function: Any,
    jobs: Sequence[Job],
    *,
    versions: Callable[[], Versions],
    stage: str,
    engine: Engine,
) -> None:
    """Compute every shard with as many workers as the cluster has room for.

    A cluster that runs here, or that RAY_ADDRESS names, is used; else Ray is started on this machine. All
    nodes must see the project's folder under the same path, and have the versions of this process. A
    shard whose worker dies, or whose node, is begun anew by another: it is renamed into place when it is
    whole, so nothing is lost or mixed.

    Args:
        compute: called with `function`, the number of the shard and its file.
        function: sent to every worker once, with what it holds.
        jobs: the shards to compute, and the file of each.
        versions: returns those that decide what `function` computes, in the process that calls it.
        stage: for progress and messages.
        engine: what each worker is given.

    Raises:
        ParamsError: Ray is not installed, or no node has room for a worker.
        EngineError: workers died again and again, do not see the project's folder, or have other versions.
    """
    if not jobs:
        return
    ray = ray_cluster.connected()
    n_workers = min(len(jobs), ray_cluster.room(ray, engine))
    say(f"{stage}: {n_workers} Ray workers of {engine.told}")
    told = {name: value for name, value in os.environ.items() if _TOLD.fullmatch(name)}
    work = ray.put(ray.cloudpickle.dumps((compute, function, versions)))
    crew = _Crew(
        ray, ready=(work, versions(), str(Path.cwd()), engine.cpus, told),
        engine=engine, stage=stage, jobs=jobs,
    )  # fmt: skip
    try:
        with _translated(ray):
            crew.hire(n_workers)
            for _ in track(crew.finished(), what=f"{stage} (ray)", total=len(jobs)):
                pass
    finally:
        crew.dismiss()


class _Crew:
    """The workers, what each is doing, and the shards that wait for one.

    A worker has one shard at a time: a second one that waited for it would keep another idle at the end,
    to save the milliseconds in which a shard is handed out.
    """

    def __init__(
        self, ray: Any, *, ready: tuple[Any, ...], engine: Engine, stage: str, jobs: Sequence[Job]
    ) -> None:
        self._ray, self._ready, self._stage, self._engine = ray, ready, stage, engine
        self._actor = ray.remote(num_cpus=engine.cpus, num_gpus=engine.gpus)(Worker)
        self._waiting = collections.deque(jobs)
        self._doing: dict[Any, tuple[Any, Job | None]] = {}  # worker and shard; None: it gets ready
        self._died: collections.Counter[Job | None] = collections.Counter()
        self._hired: list[Any] = []

    def hire(self, n: int = 1) -> None:
        """Start workers; each waits for room where there is none."""
        for _ in range(n):
            worker = self._actor.remote()
            self._hired.append(worker)
            self._doing[worker.prepare.remote(*self._ready)] = (worker, None)

    def finished(self) -> Iterator[Job]:
        """Yield each shard when it is done, until all are.

        Raises:
            EngineError: workers died over one of them, or while they got ready, again and again.
        """
        while self._waiting or any(job for _, job in self._doing.values()):
            done, _ = self._ray.wait(list(self._doing), num_returns=1, timeout=_PATIENCE)
            for each in done:
                worker, job = self._doing.pop(each)
                try:
                    self._ray.get(each)
                except _deaths(self._ray) as error:
                    self._replace(worker, job, error)
                    continue
                self._hand_out(worker)
                if job:
                    yield job
            if not done and not any(job for _, job in self._doing.values()):
                ray_cluster.room(self._ray, self._engine)  # nodes may have gone
                say(f"{self._stage}: waits for room on the cluster; `ray status` shows who has it")

    def dismiss(self) -> None:
        """End all workers."""
        for worker in self._hired:
            self._ray.kill(worker)

    def _hand_out(self, worker: Any) -> None:
        """Give the next shard to a worker that is free; without one, its cores are free for others."""
        if not self._waiting:
            self._ray.kill(worker)
            return
        index, path = job = self._waiting.popleft()
        self._doing[worker.shard.remote(index, path.absolute())] = (worker, job)

    def _replace(self, worker: Any, job: Job | None, error: Exception) -> None:
        """Hire another for one that died, which may be on another node."""
        self._ray.kill(worker)
        self._died[job] += 1
        # A node that is lost takes many down while they get ready: no one of them is to blame.
        if self._died[job] > (_RETRIES if job else max(_RETRIES, len(self._hired) // 2)):
            over = f"over part {job[0]}" if job else "while they got ready"
            raise EngineError(
                f"{self._stage}: {self._died[job]} Ray workers died {over} ({_reason(error)}). Out of "
                "memory? Look at `ray status` and its logs; machine.workers, machine.batch_images and "
                "machine.memory_gb say how much each worker holds. What was finished is kept: `dvc repro` "
                "goes on."
            ) from None
        if job:
            self._waiting.appendleft(job)
        self.hire()


@contextlib.contextmanager
def _translated(ray: Any) -> Iterator[None]:
    """Raise what went wrong in a worker as if it had been here."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, DejavuError | OSError | MemoryError):
            raise cause from None
        raise


def _deaths(ray: Any) -> tuple[type[Exception], ...]:
    """Return what Ray raises where a worker died: one that took too much memory is no dead actor to it."""
    found = ray.exceptions
    return (
        found.RayActorError, found.OutOfMemoryError, found.WorkerCrashedError, found.NodeDiedError,
    )  # fmt: skip


def _reason(error: Exception) -> str:
    """Return the line of what Ray says of a death that names its cause: of memory, else the last one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    of_memory = [line for line in lines if "low on memory" in line]
    return (of_memory or lines[-1:] or [type(error).__name__])[0]
