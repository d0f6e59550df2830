"""The classifier learns what crops tell, says so when they tell nothing, and repeats itself."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dejavu.errors import TrainingError
from dejavu.image.references import classifier, classifier_training
from dejavu.image.references.crop_dataset import CropSquares, square
from dejavu.params.machine import MachineParams
from dejavu.params.references import ClassifierParams
from dejavu.tables.schemas import PREDICTIONS
from tests.image.images_of import striped_world, write_images
from tests.image.tables_of import write_world

MACHINE = MachineParams(
    device="cpu", engine="local", workers=1, batch_images=7, block_rows=64, data_root="."
)
SETTINGS = {
    "architecture": "conv_small",
    "width": 4,
    "epochs": 8,
    "batch_size": 8,
    "image_px": 16,
    "resize": "squash",
    "view_px": 16,
    "optimizer": "adamw",
    "learning_rate": 1e-2,
    "weight_decay": 0.1,
    "min_crop_scale": 0.5,
    "max_crop_scale": 1.0,
    "color_jitter": 0.1,
    "held_out_share": 0.2,
}


def request_of(paths, **changes):
    entry = ClassifierParams(**SETTINGS | changes)
    return {
        "settings": classifier.ClassifierSettings(name="net", entry=entry, seed=1, machine=MACHINE),
        "inputs": classifier.ClassifierInputs(**paths),
    }


def files(folder, name="net"):
    return classifier.ClassifierFiles(
        predictions=folder / f"{name}.parquet", history=folder / f"{name}.json"
    )


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # scratch folders are relative
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # threads cost more than such nets gain
    return tmp_path


@pytest.mark.parametrize(
    "changes",
    [{}, {"optimizer": "lars", "learning_rate": 5.0, "epochs": 16}],
    ids=["adamw", "lars"],
)
@pytest.mark.slow
def test_it_learns_what_the_crops_show(in_tmp, changes):
    request = request_of(striped_world(in_tmp, n_per_label=60), **changes)
    classifier.write_predictions(**request, out=files(in_tmp))
    rows = PREDICTIONS.read(in_tmp / "net.parquet")
    assert rows.num_rows == 80  # kept target and control crops
    assert set(rows["predictor"].to_pylist()) == {"net"}
    assert np.mean(rows["is_correct"].to_numpy()) > 0.9
    history = json.loads((in_tmp / "net.json").read_text())
    assert history["n_trained"] + history["n_held_out"] == 40
    assert history["held_out_accuracy"] > 0.9 > history["held_out_majority_accuracy"]
    assert len(history["losses"]) == request["settings"].entry.epochs
    assert not any((in_tmp / ".work" / "classifier_net").iterdir())


def test_the_same_bytes_twice(in_tmp):
    request = request_of(striped_world(in_tmp, n_per_label=12), epochs=2)
    for name in ("first", "second"):
        classifier.write_predictions(**request, out=files(in_tmp, name))
    for kind in ("parquet", "json"):
        first, second = (in_tmp / f"{name}.{kind}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_a_killed_training_goes_on_and_ends_alike(in_tmp, monkeypatch, capsys):
    request = request_of(striped_world(in_tmp, n_per_label=12), epochs=4)
    outs = files(in_tmp)
    classifier.write_predictions(**request, out=outs)
    expected = [path.read_bytes() for path in (outs.predictions, outs.history)]

    epoch = classifier_training._Run.epoch

    def killed(self, number, squares):
        if number == 2:
            raise KeyboardInterrupt
        return epoch(self, number, squares)

    monkeypatch.setattr(classifier_training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(classifier_training._Run, "epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        classifier.write_predictions(**request, out=outs)
    monkeypatch.setattr(classifier_training._Run, "epoch", epoch)
    classifier.write_predictions(**request, out=outs)
    assert "net: resuming after epoch 2" in capsys.readouterr().err
    assert [path.read_bytes() for path in (outs.predictions, outs.history)] == expected


def test_learning_nothing_is_an_error(in_tmp):
    request = request_of(striped_world(in_tmp, n_per_label=12), learning_rate=1e-12)
    with pytest.raises(TrainingError, match=r"net: learned nothing.* costs 0\.6"):
        classifier.write_predictions(**request, out=files(in_tmp))
    assert not (in_tmp / "net.parquet").exists()


def test_diverging_is_an_error(in_tmp):
    request = request_of(striped_world(in_tmp, n_per_label=12), learning_rate=1e30)
    with pytest.raises(TrainingError, match="diverged"):
        classifier.write_predictions(**request, out=files(in_tmp))


def test_one_label_teaches_nothing(in_tmp):
    paths = write_world(in_tmp, [("reference", 0, True)] * 9, n_labels=2)
    paths["images"] = write_images(in_tmp, [np.zeros((8, 8, 3), dtype=np.uint8)] * 9)
    with pytest.raises(TrainingError, match="of 1 labels"):
        classifier.write_predictions(**request_of(paths), out=files(in_tmp))


def test_who_is_held_out_depends_on_nobody_else(in_tmp):
    request = request_of(striped_world(in_tmp, n_per_label=3))
    ids = np.arange(4000, dtype=np.int64)
    marks = classifier.held_out(ids, request["settings"])
    assert abs(marks.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 4000)
    assert (classifier.held_out(ids[1000:], request["settings"]) == marks[1000:]).all()


def test_squash_keeps_all_and_mirror_keeps_proportions():
    crop = np.zeros((4, 2, 3), dtype=np.uint8)
    crop[..., 0] = [[10, 20]] * 4
    mirrored = square(Image.fromarray(crop), 4, "mirror")
    assert mirrored[0].tolist() == [[10, 20, 20, 10]] * 4
    squashed = square(Image.fromarray(crop), 2, "squash")
    assert squashed[0].tolist() == [[10, 20]] * 2


def test_a_square_never_sees_beyond_its_box(in_tmp):
    image = np.zeros((8, 16, 3), dtype=np.uint8)
    image[:, 8:] = 255  # the hidden object begins where the box (8 x 8) ends
    paths = write_world(in_tmp, [("target", 0, True)], n_labels=1)
    paths["images"] = write_images(in_tmp, [image])
    squares = request_of(paths)["settings"].squares(_crops(paths), paths["images"])
    assert int(next(squares.batches(torch.tensor([0]), 1)).max()) == 0


def test_memory_and_disk_give_the_same_pixels(in_tmp):
    paths = striped_world(in_tmp, n_per_label=6)
    crops = _crops(paths)
    rows = torch.tensor([3, 0, 2, 1, 3])
    found = []
    for memory_bytes in (0, 10**9):
        squares = CropSquares(
            crops, images=paths["images"], data_root=".", size_px=9, resize="mirror",
            workers=0, memory_bytes=memory_bytes,
        )  # fmt: skip
        batches = list(squares.batches(rows, 2))
        assert [len(batch) for batch in batches] == [2, 2, 1]
        found.append(torch.cat(batches))
    assert torch.equal(*found)


def _crops(paths):
    return classifier.kept_crops(
        paths["samples"], paths["crops"], roles=["reference", "target"], columns=["uri"]
    )
