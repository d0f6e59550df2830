"""What a training step takes by how its threads wait, on a quiet machine and beside other programs.

    python -m benchmarks.waiting [STEPS]

Each number is of a process of its own: OpenMP reads how to wait once. "Beside" are busy processes of one
thread: none, as many as the machine has processors, and twice as many.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def step_ms(n_steps: int) -> float:
    """Return the mean milliseconds of a step of the default run's VICReg, on drawn pixels."""
    import torch
    from pydantic import TypeAdapter
    from ruamel.yaml import YAML

    from dejavu.models.devices import Forward
    from dejavu.models.training import loop, methods
    from dejavu.models.training.augment import draw
    from dejavu.params.encoders import TrainingRecipe

    with Path("params.yaml").open(encoding="utf-8") as stream:
        recipe = TypeAdapter(TrainingRecipe).validate_python(
            YAML(typ="safe").load(stream)["recipes"]["vicreg"]
        )
    method = methods.build(recipe).train().to(memory_format=torch.channels_last)
    optimizer, forward = loop.optimizer_of(method, recipe), Forward(torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(recipe.batch_size, 3, recipe.image_px, recipe.image_px) * 255

    def step() -> None:
        views = [draw(pixels, kind, generator) for kind in method.views()]
        optimizer.zero_grad()
        method(views, forward)[0].backward()
        optimizer.step()

    step()
    start = time.perf_counter()
    for _ in range(n_steps):
        step()
    return 1000 * (time.perf_counter() - start) / n_steps


WAYS = {
    "as OpenMP does": {},
    "asleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
    "10,000 turns": {"GOMP_SPINCOUNT": "10000"},
}


def main(n_steps: int) -> None:
    """Print a line per load, each way twice."""
    n_cores = os.cpu_count() or 1
    unset = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    for n_beside in (0, n_cores, 2 * n_cores):
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_beside)
        ]
        took: dict[str, list[str]] = {way: [] for way in WAYS}
        try:
            for _ in range(2):
                for way, variables in WAYS.items():
                    shown = subprocess.run(
                        [sys.executable, "-m", "benchmarks.waiting", "step", str(n_steps)],
                        env=clean | variables, check=True, capture_output=True,
                    )  # fmt: skip
                    took[way].append(f"{json.loads(shown.stdout):.0f}")
        finally:
            for each in busy:
                each.kill()
        ways = "; ".join(f"{way} {', '.join(found)}" for way, found in took.items())
        print(f"{n_beside} beside, ms a step: {ways}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["step"]:
        print(step_ms(int(sys.argv[2])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
