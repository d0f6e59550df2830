"""The Ray cluster that shards are computed on: the one that runs, or one started here; and its room."""

import logging
import os
from typing import Any

from dejavu.errors import EngineError, ParamsError
from dejavu.run import cores
from dejavu.run.engines import Engine

ADDRESS = "RAY_ADDRESS"
# Ray's default is 15: beside any other program its workers would get a thirtieth of a core each.
_NICENESS = "RAY_worker_niceness"


def connected(*, n_cores: int | None = None) -> Any:
    """Return the module ``ray``, after joining the cluster that runs, or starting one on this machine.

    One that is started here has no dashboard, and its workers take turns with other programs as this
    process does.

    Args:
        n_cores: of a cluster that is started here; None: those that this process may use.

    Raises:
        ParamsError: Ray is not installed.
        EngineError: no cluster answers, or it is of other versions, or it refuses this process.
    """
    try:
        import ray
    except ImportError:
        raise ParamsError(
            "machine.engine is 'ray', but Ray is not installed: pip install 'dejavu-audit[ray]', "
            "or set machine.engine to 'local'."
        ) from None
    if ray.is_initialized():
        return ray
    where = os.environ.get(ADDRESS) or "here"
    os.environ.setdefault(_NICENESS, "0")  # inherited by what is started here
    options = {
        "include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR,
    }  # fmt: skip
    try:
        try:
            ray.init(num_cpus=n_cores or cores.given(), **options)
        except ValueError:  # a cluster that runs knows its cores
            ray.init(**options)
    except ray.exceptions.AuthenticationError:
        raise EngineError(
            f"the Ray cluster at {where} asks for a token that this process does not have. Copy "
            "~/.ray/auth_token of the head to every node, and set RAY_AUTH_MODE=token everywhere."
        ) from None
    except (ConnectionError, ValueError) as error:
        raise EngineError(
            f"no Ray cluster answers at {where} ({_first_line(error)}). Start it (`ray start --head`), or "
            f"unset {ADDRESS}."
        ) from None
    except RuntimeError as error:  # "Version mismatch: …", on several lines
        said = " ".join(str(error).split())
        raise EngineError(
            f"Ray cannot be used at {where}: {said} Every node needs the same Python and Ray as this process."
        ) from None
    return ray


def room(ray: Any, engine: Engine) -> int:
    """Return how many workers the living nodes hold at once.

    Raises:
        ParamsError: none of them holds any.
    """
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
        f"machine.engine is 'ray', but no node has room for a worker of {engine.told}; the nodes have "
        f"{found}. Lower machine.workers, which is the cores of a worker, or set machine.device to cpu."
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
