"""`dejavu.MemorizationCallback` draws the curve of memorization while a network trains."""

import csv
import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

import dejavu
from dejavu.errors import DataError, ParamsError
from tests.api.test_model import dataset, network, small, transform
from tests.paths import ROOT

SETS = {
    "target": dataset(60, 0, is_known=True), "control": dataset(60, 1, is_known=False),
    "public": dataset(120, 2, is_known=True),
}  # fmt: skip


@pytest.fixture
def watch(tmp_path):
    return dejavu.MemorizationCallback(
        **SETS, transform=transform, every=2, folder=tmp_path / "dvclive"
    )


class MeanColor(nn.Module):
    """A network that sees nothing but color, as the planted memory tells its label."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, pixels):
        return pixels.mean(dim=(2, 3)) * self.weight


def test_a_plain_loop_gets_a_curve_that_dvc_reads(watch, tmp_path):
    model = MeanColor().train()
    found = [watch.after_epoch(model, epoch) for epoch in range(4)]
    assert [each is None for each in found] == [True, False, True, False]
    assert model.training
    last = found[3]
    assert last.verdict == "memorizes"
    assert last.excess_points_low > 20
    assert last.utility < 0.4  # these control images do not show their labels
    told = json.loads((tmp_path / "dvclive" / "metrics.json").read_text())
    assert told["step"] == 3
    assert told["memorization"]["excess_points"] == last.excess_points
    curve = tmp_path / "dvclive/plots/metrics/memorization/excess_points.tsv"
    rows = list(csv.DictReader(curve.open(), delimiter="\t"))
    assert [int(row["step"]) for row in rows] == [1, 3]
    assert float(rows[1]["excess_points"]) == last.excess_points


def test_random_numbers_of_the_training_stay_as_they_were(watch):
    model = network()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    watch.after_epoch(model, 1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.slow
def test_lightning_calls_it(watch, tmp_path):
    lightning = pytest.importorskip("pytorch_lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, pixels):
            return self.inner(pixels)

        def training_step(self, batch, _):
            return self.inner(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    trainer = lightning.Trainer(
        max_epochs=2, callbacks=[watch.for_lightning()], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.rand(8, 3, 16, 16), batch_size=4))
    assert [each.epoch for each in watch.history] == [1]
    assert "memorization_excess_points" in trainer.callback_metrics


@pytest.mark.slow
def test_the_trainer_of_transformers_calls_it(watch):
    transformers = pytest.importorskip("transformers")
    callback = watch.for_transformers()
    assert isinstance(callback, transformers.TrainerCallback)
    for epoch in (1.0, 2.0):
        callback.on_epoch_end(None, types.SimpleNamespace(epoch=epoch), None, model=network())
    assert [each.epoch for each in watch.history] == [1]


def test_what_does_not_fit_is_named(tmp_path):
    with pytest.raises(ParamsError, match="every: 0"):
        dejavu.MemorizationCallback(**SETS, transform=transform, every=0)
    covered = [(np.zeros((20, 20, 3), np.uint8), 1, [0, 0, 20, 20])] * 30
    with pytest.raises(DataError, match="target: none of 30 images has a background crop"):
        dejavu.MemorizationCallback(**SETS | {"target": covered}, transform=transform)


def test_images_of_32_pixels_without_boxes_are_taken(tmp_path):
    sets = {role: small(data) for role, data in SETS.items()}
    watch = dejavu.MemorizationCallback(**sets, transform=transform, folder=tmp_path)
    assert watch.after_epoch(MeanColor(), 0).excess_points_low > 0
    with pytest.raises(
        DataError, match="target: none of 60 images.*exceeds 12 pixels.*min_crop_px"
    ):
        dejavu.MemorizationCallback(**sets, transform=transform, folder=tmp_path, min_crop_px=12)


@pytest.mark.slow  # two processes that import torch
def test_of_two_processes_that_train_together_one_writes(tmp_path):
    script = f"""
import torch
from torch import distributed, nn
import dejavu
from tests.api.test_callback import SETS, MeanColor
from tests.api.test_model import transform
distributed.init_process_group("gloo")
rank = distributed.get_rank()
model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.BatchNorm2d(3), MeanColor()))
watch = dejavu.MemorizationCallback(**SETS, transform=transform, folder=f"{tmp_path}/{{rank}}")
print("excess", watch.after_epoch(model, 0).excess_points)
distributed.destroy_process_group()
"""
    (tmp_path / "train.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         str(tmp_path / "train.py")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    excesses = [line for line in done.stdout.splitlines() if line.startswith("excess")]
    assert len(excesses) == 2
    assert len(set(excesses)) == 1
    assert (tmp_path / "0" / "metrics.json").is_file()
    assert not (tmp_path / "1").exists()
