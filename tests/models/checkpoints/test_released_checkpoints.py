"""Checkpoint files are read without running them, and every key is accounted for."""

import numpy as np
import pytest
import torch

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.encoders import barlow_twins, dino, vicreg
from tests.models import fixtures, odd_files


@pytest.mark.parametrize("disguise", ["zip", "legacy", "pickle"])
def test_pickled_code_is_never_run(tmp_path, disguise):
    path, marker = tmp_path / "a.pth", tmp_path / "ran"
    odd_files.malicious(path, marker, disguise=disguise)
    with pytest.raises(WeightsError):
        checkpoints.read(path)
    assert not marker.exists()
    torch.load(path, weights_only=False) if disguise != "pickle" else np.load(
        path, allow_pickle=True
    )
    assert marker.exists()  # the file does run code where nobody guards against it


def test_refused_names_are_listed(tmp_path):
    odd_files.malicious(tmp_path / "a.pth", tmp_path / "ran", disguise="zip")
    with pytest.raises(
        WeightsError, match=r"refers to code \(pathlib\.\S*Path\.touch\)|refers to code"
    ):
        checkpoints.read(tmp_path / "a.pth")


def test_stand_in_of_vicregs_function_is_no_way_in(tmp_path):
    odd_files.calls_stand_in(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="tried to call its optimizer's filter"):
        checkpoints.read(tmp_path / "a.pth")


def test_stand_ins_are_not_left_allowed(tmp_path):
    fixtures.vicreg_full(tmp_path / "a.pth")
    before = set(torch.serialization.get_safe_globals())
    checkpoints.read(tmp_path / "a.pth")
    assert set(torch.serialization.get_safe_globals()) == before


def test_missing_file_says_so(tmp_path):
    with pytest.raises(WeightsError, match=r"no such file.*dejavu fetch"):
        checkpoints.read(tmp_path / "a.pth")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_damaged_file_is_refused(tmp_path, suffix):
    whole, half = tmp_path / "whole.pth", tmp_path / f"half.{suffix}"
    fixtures.vicreg_backbone(whole)
    odd_files.truncated(whole, half)
    with pytest.raises(WeightsError, match="not a"):
        checkpoints.read(half)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not a"),
        (b"hello", "not a"),
        (b"\x00" * 100, "not a"),
        (b"<html>404</html>", "is a web page"),
    ],
)
def test_other_files_are_refused(tmp_path, body, told):
    (tmp_path / "a.pth").write_bytes(body)
    with pytest.raises(WeightsError, match=f"a.pth: {told}"):
        checkpoints.read(tmp_path / "a.pth")


def test_torchscript_is_code_and_refused(tmp_path):
    odd_files.torchscript(tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="TorchScript.*open_clip"):
        checkpoints.read(tmp_path / "a.pt")


def test_safetensors_are_read(tmp_path):
    from safetensors.torch import save_file

    backbone, _ = fixtures.vicreg_backbone(tmp_path / "a.pth")
    save_file(backbone.state_dict(), tmp_path / "a.safetensors")
    assert vicreg.load(tmp_path / "a.safetensors").layers == {"backbone": backbone.dim}


def test_sha256_names_the_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert checkpoints.sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def changed(tmp_path, make, change):
    make(tmp_path / "a.pth")
    odd_files.rewrite(tmp_path / "a.pth", tmp_path / "b.pth", change)
    return tmp_path / "b.pth"


def test_missing_and_unexpected_keys_are_listed(tmp_path):
    def change(contents):
        model = contents["model"]
        model["module.backbone.layer1.0.bn9.weight"] = model.pop("module.backbone.bn1.weight")

    path = changed(tmp_path, fixtures.vicreg_full, change)
    with pytest.raises(
        WeightsError, match=r"(?s)missing: bn1.weight\n.*unexpected: layer1.0.bn9.weight"
    ):
        vicreg.load(path)


def test_unknown_part_of_the_model_is_refused(tmp_path):
    def change(contents):
        contents["model"]["module.predictor.0.weight"] = torch.zeros(2, 2)

    with pytest.raises(WeightsError, match=r"unexpected: predictor.0.weight"):
        vicreg.load(changed(tmp_path, fixtures.vicreg_full, change))


def test_wrong_shape_is_refused(tmp_path):
    def change(contents):
        contents["model"]["module.projector.1.weight"] = torch.zeros(3)

    with pytest.raises(WeightsError, match=r"of another shape: 1.weight \(3,\) instead of \(24,\)"):
        vicreg.load(changed(tmp_path, fixtures.vicreg_full, change))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.slow
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    def change(contents):
        contents["model"]["module.projector.6.weight"][0, 0] = value

    with pytest.raises(WeightsError, match="not finite"):
        vicreg.load(changed(tmp_path, fixtures.vicreg_full, change))


def test_old_files_may_lack_the_batch_counters(tmp_path):
    backbone, _ = fixtures.vicreg_backbone(tmp_path / "a.pth")
    state = {k: v for k, v in backbone.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "b.pth")
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            vicreg.load(tmp_path / "b.pth").network(images)["backbone"], backbone(images)
        )


@pytest.mark.parametrize(
    "name", ["projector.0.bias", "projector.3.bias", "projector.1.running_var"]
)
@pytest.mark.slow
def test_vicreg_projector_without_a_part_is_refused(tmp_path, name):
    path = changed(tmp_path, fixtures.vicreg_full, lambda c: c["model"].pop(f"module.{name}"))
    with pytest.raises(WeightsError):
        vicreg.load(path)


def test_barlow_twins_projector_with_a_bias_is_refused(tmp_path):
    def change(contents):
        contents["model"]["module.projector.0.bias"] = torch.zeros(24)

    with pytest.raises(WeightsError, match="'LBalBal', expected"):
        barlow_twins.load(changed(tmp_path, fixtures.barlow_twins_full, change))


@pytest.mark.slow
def test_dino_head_with_foreign_prototypes_is_refused(tmp_path):
    def change(contents):
        contents["teacher"]["module.head.last_layer.weight"] = torch.zeros(50, 17)

    def make(path):
        fixtures.dino_full(path, vit=False)

    with pytest.raises(WeightsError, match="last_layer"):
        dino.load(changed(tmp_path, make, change), network="teacher")


def test_dino_without_the_network_asked_for_is_refused(tmp_path):
    def make(path):
        fixtures.dino_full(path, vit=True)

    path = changed(tmp_path, make, lambda contents: contents.pop("teacher"))
    with pytest.raises(WeightsError, match="holds no 'teacher'"):
        dino.load(path, network="teacher")


def test_vit_of_another_family_is_refused(tmp_path):
    state = fixtures.tiny_vit().state_dict() | {"mask_token": torch.zeros(1, 64)}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="unexpected: mask_token"):
        dino.load(tmp_path / "a.pth", network="teacher", num_heads=1)
