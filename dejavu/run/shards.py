"""Long work in shards: one file per shard, resumed after a kill, never mixed with stale files.

A finished shard is renamed into ``.work/<stage>/<fingerprint>/``; the fingerprint names everything that
decides the content (inputs, parameters, weights, code, libraries), so a shard made from anything else is
never found. When all shards are there they are moved into the stage's output.
"""

import functools
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dejavu.run import code, on_ray
from dejavu.run.engines import LOCAL, Engine
from dejavu.run.progress import say, track

WORK = Path(".work")


ShardFunction = Callable[[int, Path], None]  # computes shard `index` and writes it to `path`


def fingerprint_of(facts: Mapping[str, Any], module: str) -> str:
    """Return 16 hex digits that name `facts`, the code of a module, and the libraries it uses.

    Args:
        facts: anything JSON can hold; parameters among them choose from registries of code.
        module: dotted name of the module that does the work, with everything it imports.
    """
    version, libraries = _made_by(module, code.asked_by(facts))
    made_by = {"code": version, "libraries": libraries}
    text = json.dumps({**made_by, **facts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _made_by(module: str, asked: set[str]) -> tuple[str, dict[str, str]]:
    """Return the version of a module's code and those of its libraries, in this process."""
    source = code.running()
    return source.version(module, asked), source.libraries(module, asked)


def _versions(module: str, asked: set[str]) -> dict[str, str]:
    version, libraries = _made_by(module, asked)
    return {**libraries, "code": version}


def work_folder(stage: str, facts: Mapping[str, Any], *, module: str) -> Path:
    """Make and return the scratch folder of one stage on one set of facts.

    Args:
        stage: names the folder.
        facts: everything that decides what is made in it, apart from code.
        module: whose code makes it, ``__name__`` of the caller.
    """
    folder = WORK / stage.replace("/", "_") / fingerprint_of(facts, module)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(
    function: ShardFunction,
    n_shards: int,
    *,
    out: Path,
    stage: str,
    facts: Mapping[str, Any],
    suffix: str = ".parquet",
    engine: Engine = LOCAL,
) -> list[Path]:
    """Compute the missing shards and assemble all of them as ``out/part-00000…``.

    Args:
        function: computes one shard; must be picklable when `engine` is Ray's. The code of its
            module, and of what that imports, decides whether shards of a killed run are used.
        n_shards: how many shards there are.
        out: the folder to make.
        stage: names the scratch folder and the progress line.
        facts: everything that decides the shards' content.
        suffix: of the shard files.
        engine: where they are computed: one after the other in this process, or by Ray workers.

    Returns:
        The part files, in shard order.
    """
    module = _module_of(function)
    folder = work_folder(stage, facts, module=module)
    names = [f"part-{index:05d}{suffix}" for index in range(n_shards)]
    missing = [index for index, name in enumerate(names) if not (folder / name).exists()]
    if len(missing) < n_shards:
        say(f"{stage}: resuming, {n_shards - len(missing)} of {n_shards} shards are done")
    jobs = [(index, folder / names[index]) for index in missing]
    if engine.name == "ray":
        versions = functools.partial(_versions, module, code.asked_by(facts))
        on_ray.run(_compute, function, jobs, versions=versions, stage=stage, engine=engine)
    else:
        _run_local(function, jobs, stage)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in names:
        shutil.move(folder / name, out / name)
    shutil.rmtree(folder)
    return [out / name for name in names]


def _module_of(function: Any) -> str:
    """Return where a function, a partial one, or a callable object is written."""
    if isinstance(function, functools.partial):
        return _module_of(function.func)
    return str(getattr(function, "__module__", type(function).__module__))


def _compute(function: ShardFunction, index: int, path: Path) -> None:
    # A process that a cluster takes for dead may still write: its own name keeps it apart.
    scratch = path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}.part")
    function(index, scratch)
    try:
        scratch.replace(path)
    except OSError:
        if not path.is_dir():  # made by such a process in the meantime; it is the same
            raise


def _run_local(function: ShardFunction, jobs: Sequence[tuple[int, Path]], stage: str) -> None:
    for index, path in track(jobs, what=stage):
        _compute(function, index, path)
