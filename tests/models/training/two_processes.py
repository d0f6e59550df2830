"""What two processes do in the tests of several: ``python -m tests.models.training.two_processes <folder>``.

Both are started once, since it takes seconds, and do everything that `test_processes` looks at.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from dejavu.errors import ParamsError
from dejavu.models import clip, devices, encoders
from dejavu.models.clip import contrastive, network
from dejavu.models.clip.source import CaptionSettings
from dejavu.models.source import TrainingInputs
from dejavu.models.training import batch_norm, health, loop, team
from dejavu.run import shards
from tests.models.clip.test_clip import CLIP as CLIP_ENTRY
from tests.models.clip.test_clip import SIZES, files, machine
from tests.models.clip.test_clip import recipe as clip_recipe
from tests.models.training.world import MACHINE, World, recipe

SHORT = {"epochs": 2, "planted_repeats": 1, "optimizer": "lars", "learning_rate": 0.05}
TRAININGS = {
    "vicreg": recipe("vicreg", **SHORT),
    "barlow_twins": recipe("barlow_twins", **SHORT),
    "simclr": recipe("simclr", **SHORT),
    "dino": recipe("dino", **SHORT),
    "adamw": recipe("vicreg", epochs=2, planted_repeats=1),
    "published": recipe("dino", **SHORT, views="published"),
    "accumulated": recipe("vicreg", **SHORT, accumulate=2),
}  # fmt: skip


# Images are read from tar files, as they are asked for; a batch is worked on in four parts.
CLIP = clip_recipe(
    batch_size=8, accumulate=2, epochs=3, views="published", mixed_shards=1, planted_repeats=1,
)  # fmt: skip


def train_clip(lane: Path, out: Path) -> None:
    """Train a CLIP network from tar files."""
    asked = CaptionSettings(
        model="clip", entry=CLIP_ENTRY, recipe=CLIP, seed=1, machine=machine(lane)
    )
    clip.make(settings=asked, inputs=TrainingInputs(**files(lane)), out=out)


def in_float32() -> Any:
    """Compute in float32 everywhere: where processors have bfloat16, its rounding differs between parts."""
    return mock.patch.object(devices, "computes_bfloat16", _never)


def _never(_device: torch.device) -> bool:
    return False


@in_float32()
def clip_gradients(mine: team.Team, n_parts: int) -> list[torch.Tensor]:
    """Return loss and gradients of one batch of eight, of which this process sees its part."""
    torch.manual_seed(0)
    model = network.build(SIZES).train()
    images, texts = torch.randn(8, 3, 16, 16), torch.randint(1, 9000, (8, 8))
    n = 8 // mine.part.size
    part = mine.part.of(n)
    trainee = contrastive.Trainee(model, mine)
    loss = mine.mean(trainee.add_gradients(images[part], texts[part], n_parts))
    return [torch.tensor(loss), *(parameter.grad for parameter in model.parameters())]


def train(world: World, folder: Path, name: str) -> None:
    """Train one of `TRAININGS` into a folder, whether or not it learned anything."""
    encoders.make(**world.asked(recipe=TRAININGS[name]), out=folder / name)


def start(folder: Path) -> list[subprocess.Popen]:
    """Start both processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.models.training.two_processes", str(folder)]
    return [
        subprocess.Popen(
            command, env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in ("0", "1")
    ]  # fmt: skip


def _killed_and_resumed(world: World, folder: Path) -> None:
    """Train what is there as ``dino`` again, both processes killed after one of its two epochs."""
    loop.CHECKPOINT_SECONDS, real = 0.0, loop._Run.epoch
    seen = []

    def killed(self, number, *rest):
        seen.append(number)
        if seen == [0, 1]:
            raise KeyboardInterrupt
        return real(self, number, *rest)

    loop._Run.epoch = killed
    asked = world.asked(recipe=TRAININGS["dino"])
    try:
        encoders.make(**asked, out=folder / "resumed")
    except KeyboardInterrupt:
        team.dist.barrier()
        assert len(list(shards.WORK.rglob("checkpoint.pt"))) == 1
        team.dist.barrier()
    encoders.make(**asked, out=folder / "resumed")
    assert seen == [0, 1, 1], seen
    loop._Run.epoch = real


def _normed(folder: Path, rank: int) -> None:
    """Save what batch norm makes of half a batch, and its gradients."""
    images, weights = images_and_weights()
    half = images.chunk(2)[rank].requires_grad_()
    network = batch_norm.synced(norms(), torch.device("cpu"))
    normal = network(half)
    (normal * weights.chunk(2)[rank]).sum().backward()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    gradients = [parameter.grad for parameter in network.parameters()]
    torch.save([normal.detach(), half.grad, gradients, state], folder / f"norm{rank}.pt")
    norm = batch_norm.synced(torch.nn.BatchNorm2d(3), torch.device("cpu"))
    coarse = norm(half.detach().to(torch.bfloat16))
    torch.save([coarse, norm.running_mean, norm.running_var], folder / f"coarse{rank}.pt")


def norms() -> torch.nn.Module:
    """Return batch norms of two kinds, in float64."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.BatchNorm2d(3), torch.nn.Conv2d(3, 4, 2), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.BatchNorm1d(36, momentum=None),
    ).double()  # fmt: skip


def images_and_weights() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch, and what its outputs are multiplied by in a sum."""
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((8, 3, 4, 4), (8, 36))
    )


def main(folder: Path) -> None:
    """Do what the tests look at, in one of two processes."""
    health.check_vectors = lambda *_: None  # of trainings that are over before they have learned
    os.cpu_count = lambda: 1
    shards.WORK = folder / ".work"
    world = World.opened(folder / "data")
    for name in TRAININGS:
        train(world, folder, name)
    _killed_and_resumed(world, folder)
    train_clip(folder / "lane", folder / "clip")
    mine = team.join(MACHINE)
    _normed(folder, mine.part.rank)
    for n_parts in (1, 2):
        gradients = clip_gradients(mine, n_parts)
        torch.save(gradients, folder / f"clip{n_parts}of{mine.part.rank}.pt")
    try:
        encoders.make(**world.asked(recipe=recipe(batch_size=9)), out=folder / "odd")
    except ParamsError as error:
        (folder / f"odd{mine.part.rank}.txt").write_text(str(error))
    print("done")


if __name__ == "__main__":
    with in_float32():
        main(Path(sys.argv[1]))
