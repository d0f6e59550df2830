"""Compare Ray with one process on one machine: time, equal results; one worker with two.

    python -m benchmarks.ray_engine --parts 158          # ten minutes of work for two cores of an AMD EPYC
    python -m benchmarks.ray_engine --minutes 0.2        # a look; minutes by the rate of `dejavu cost`
    python -m benchmarks.ray_engine --parts 2 --bank 2000 --dim 32

The work is the exact search of stage `neighbors` on made-up vectors, in parts of 16,384 queries, each a
shard. Goals: Ray on one node within 10 % of one process, both with every core; two workers of one thread at
least 1.8 times as fast as one. Two processes without Ray, each with half of the work, show what the machine
allows. Seconds hold the start of Ray; processor seconds are of all processes, Ray's own among them, and
vary less where other programs run. Run it on a machine that does nothing else: the last line says its load.
The others than the first two have two fifths of the work.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa

OVERHEAD, SPEEDUP = 0.10, 1.8  # goals
SINGLE = ("ray_single", "ray_nodes")  # engines whose workers have one thread
NICENESS = "RAY_worker_niceness"  # that of workers; `ray_cluster` sets it alike
FEWER = 0.4  # of the parts, for workers of one thread
INPUTS = {"samples": "s", "split": "p", "weights": "w", "preprocessing": "x"}
SECTION = "image.neighbors"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="of one run with every core, about"
    )
    parser.add_argument("--parts", type=int, help="of 16,384 queries, in place of minutes")
    parser.add_argument("--bank", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument(
        "--one", nargs=3, metavar=("FOLDER", "ENGINE", "CORES"), help=argparse.SUPPRESS
    )
    asked = parser.parse_args()
    if asked.one:
        folder, engine, cores = asked.one
        print(json.dumps(one(Path(folder), engine, int(cores))))
        return
    parts = asked.parts or parts_of(asked.minutes, asked.bank, asked.dim)
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), parts, asked.bank, asked.dim)


def parts_of(minutes: float, bank: int, dim: int) -> int:
    """Return how many parts keep every core busy for so long, by the rate of `dejavu cost`; even."""
    from dejavu.commands import cost_rates as rates

    seconds = 2 * rates.QUERIES_AT_ONCE * bank * dim / (rates.SEARCH_GFLOPS * 1e9)
    return max(2, 2 * round(60 * minutes * (os.cpu_count() or 1) / seconds / 2))


def make(folder: Path, parts: int, bank: int, dim: int) -> None:
    """Write the vectors: some clusters, so that candidates are as near to each other as in life."""
    from dejavu.commands import cost_rates as rates
    from dejavu.image.embed import fixed_size
    from dejavu.tables.schemas import EMBEDDINGS

    rng = np.random.default_rng(0)
    centers = rng.standard_normal((100, dim))
    for view, n in (("crop", parts * rates.QUERIES_AT_ONCE), ("public_image", bank)):
        for number, ids in enumerate(np.array_split(np.arange(n), -(-n // 16_384))):
            rows = centers[rng.integers(0, 100, len(ids))] + rng.standard_normal((len(ids), dim))
            table = pa.table({"sample_id": ids, "embedding": fixed_size(rows)})
            place = folder / f"embeddings/layer=backbone/view={view}/part-{number:05d}.parquet"
            EMBEDDINGS.write(table, place, inputs=INPUTS)


def one(folder: Path, engine: str, cores: int) -> dict:
    """Search in this process or on Ray; return seconds and what names the result."""
    from dejavu.params.machine import MachineParams
    from dejavu.params.search import NeighborsParams
    from dejavu.run import ray_cluster
    from dejavu.search import neighbors, searches
    from dejavu.tables.parquet import fingerprint

    os.chdir(folder)
    per_worker = 1 if engine in SINGLE else cores
    machine = MachineParams(
        device="cpu", engine="local" if engine == "local" else "ray", workers=per_worker,
        batch_images=1, block_rows=65_536, memory_gb=4, data_root=".",
    )  # fmt: skip
    search = NeighborsParams(k=100, metrics=("cosine",), index="Flat", candidate_margin=20)
    out = neighbors.NeighborFiles(neighbors=Path("out"), recall=Path("recall.json"))
    began = time.perf_counter()
    if engine == "ray_nodes":
        nodes_of_one_core(cores)
    elif engine != "local":
        ray_cluster.connected(n_cores=cores)
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section=SECTION, model="m", search=search, machine=machine
        ),
        inputs=searches.of_images(Path("embeddings"), ("backbone",), search.metrics),
        out=out,
    )
    return {"seconds": time.perf_counter() - began, "result": fingerprint(out.neighbors)}


def nodes_of_one_core(n: int) -> None:
    """Start a cluster of nodes that are simulated on this machine, and join it."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ[NICENESS] = "0"
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(n - 1):
        made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False)


@contextlib.contextmanager
def processors() -> Iterator[dict[int, float]]:
    """Yield what is filled with the processor seconds of every process below this one, once a second."""
    seen: dict[int, float] = {}
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(1.0):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    seen[child.pid] = sum(child.cpu_times()[:2])

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield seen
    finally:
        is_over.set()
        watching.join()


def run(folder: Path, engine: str, cores: int) -> dict:
    """Run `one` in a process of its own, with the threads that it is given; add all processor seconds."""
    with processors() as seen:
        found = finished(started(folder, engine, cores), engine)
    return found | {"core_seconds": sum(seen.values())}


def pair(folder: Path, parts: int, bank: int, dim: int) -> dict:
    """Run two processes of one thread beside each other, each with half of the parts."""
    make(folder / "half", parts // 2, bank, dim)
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "embeddings").symlink_to(folder / "half" / "embeddings")
    with processors() as seen:
        both = [started(folder / name, "local", 1) for name in ("a", "b")]
        slower = max(finished(each, "pair")["seconds"] for each in both)
    return {"seconds": slower, "core_seconds": sum(seen.values())}


def started(folder: Path, engine: str, cores: int) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "benchmarks.ray_engine",
        "--one",
        str(folder),
        engine,
        str(cores),
    ]
    threads = str(1 if engine in SINGLE else cores)
    environment = os.environ | {
        "DEJAVU_CORES": threads, "OMP_NUM_THREADS": threads, "DEJAVU_QUIET": "1",
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }  # fmt: skip
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen, what: str) -> dict:
    said, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{what}: exit {process.returncode}\n{errors[-3000:]}")
    return json.loads(said.splitlines()[-1])


def compare(folder: Path, parts: int, bank: int, dim: int) -> None:
    """Print the runs and the ratios."""
    few = max(2, 2 * round(FEWER * parts / 2))
    all_of_it, some = folder / "all", folder / "some"
    make(all_of_it, parts, bank, dim)
    make(some, few, bank, dim)
    n_cores = os.cpu_count() or 1
    print(
        f"{parts} parts of 16,384 queries, {few} where workers have one thread, {bank:,} public vectors of "
        f"{dim}, k = 100, cosine",
        flush=True,
    )
    plan = {
        "one process, every core": (all_of_it, "local", n_cores),
        "Ray, one worker with every core": (all_of_it, "ray", n_cores),
        "Ray, one worker of one thread": (some, "ray_single", 1),
        "Ray, two workers of one thread": (some, "ray_single", 2),
        "Ray, two nodes of one core, simulated": (some, "ray_nodes", 2),
    }
    found = {}
    print("| how | seconds | processor seconds, all processes |\n| --- | ---: | ---: |")
    for what, (place, engine, cores) in plan.items():
        found[what] = run(place, engine, cores)
        print(row(what, found[what]), flush=True)
    plain = pair(folder, few, bank, dim)
    print(row("two processes of one thread, half each", plain), flush=True)
    local, ray, single, double, nodes = (each["seconds"] for each in found.values())
    local_cores, ray_cores, *_ = (each["core_seconds"] for each in found.values())
    results = [each["result"] for each in found.values()]
    alike = len(set(results[:2])) == len(set(results[2:])) == 1
    print(f"Results {'equal' if alike else 'DIFFER'}.")
    print(
        f"Ray beside one process: {ray / local - 1:+.1%} of wall time (goal: at most {OVERHEAD:+.0%}), "
        f"{ray_cores / local_cores - 1:+.1%} of processors."
    )
    print(
        f"Two workers beside one: {single / double:.2f} times as fast (goal: at least {SPEEDUP}); on two "
        f"nodes {single / nodes:.2f}; two processes without Ray: {single / plain['seconds']:.2f}."
    )
    print(
        f"{platform.processor() or platform.machine()}, {n_cores} processors, load {os.getloadavg()[0]:.1f}"
    )
    if not alike:
        sys.exit(1)


def row(what: str, found: dict) -> str:
    return f"| {what} | {found['seconds']:.1f} | {found['core_seconds']:.1f} |"


if __name__ == "__main__":
    main()
