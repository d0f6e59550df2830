"""Files that say they are larger than they are, that were damaged, or that hold no plain weights."""

import re
import resource
import shutil
import time

import pytest
import torch

from dejavu.errors import WeightsError
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.checkpoints import torchscript
from tests.models import clip_files, fixtures, odd_files


@pytest.fixture
def at_most_a_second():
    """Time and memory that a refusal may take."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - start < 20  # on a busy machine
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


def test_a_flipped_bit_is_refused(tmp_path):
    fixtures.vicreg_backbone(tmp_path / "a.pth")
    checkpoints.read(tmp_path / "a.pth")
    odd_files.flipped(tmp_path / "a.pth", tmp_path / "b.pth")
    with pytest.raises(WeightsError, match=r"the checksum of '\S+' is not that of its bytes.*anew"):
        checkpoints.read(tmp_path / "b.pth")


@pytest.fixture
def unchecked(tmp_path):
    """A checkpoint as torch writes it where a user turned its checksums off."""
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"w": torch.arange(1000.0), "none": torch.ones(0)}, tmp_path / "fast.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    return tmp_path / "fast.pth"


def test_a_file_that_torch_wrote_without_checksums_is_read_and_said_to_be(unchecked, capfd):
    assert torch.equal(checkpoints.read(unchecked)["w"], torch.arange(1000.0))
    checkpoints.read(unchecked)
    assert capfd.readouterr().err == (
        f"{unchecked}: torch wrote it without checksums, so whether it is whole cannot be seen here. Compare "
        "its SHA-256 with that of the original.\n"
    )


@pytest.mark.slow
def test_torchscript_without_checksums_is_read(tmp_path, capfd):
    clip_files.register_clips(tmp_path)
    clip_files.clip_torchscript(tmp_path / "a.pt")
    odd_files.without_checksums(tmp_path / "a.pt", tmp_path / "b.pt")
    whole, found = torchscript.read(tmp_path / "a.pt"), torchscript.read(tmp_path / "b.pt")
    assert all(torch.equal(found[name], whole[name]) for name in whole)
    assert "without checksums" in capfd.readouterr().err


def test_one_checksum_that_is_missing_among_others_is_damage(tmp_path):
    fixtures.vicreg_backbone(tmp_path / "a.pth")
    odd_files.without_checksums(tmp_path / "a.pth", tmp_path / "b.pth", members=1)
    with pytest.raises(WeightsError, match="Bad CRC-32|is not that of its bytes"):
        checkpoints.read(tmp_path / "b.pth")


def test_a_flipped_bit_of_torchscript_is_refused(tmp_path):
    clip_files.register_clips(tmp_path)
    clip_files.clip_torchscript(tmp_path / "a.pt")
    odd_files.flipped(tmp_path / "a.pt", tmp_path / "b.pt")
    with pytest.raises(WeightsError, match="damaged|not a whole zip file"):
        torchscript.read(tmp_path / "b.pt")


@pytest.mark.usefixtures("at_most_a_second")
def test_a_tensor_larger_than_what_is_stored_of_it_is_refused(tmp_path):
    odd_files.expanded(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"shape \(5000000, 5000\) of which 4 bytes are stored"):
        checkpoints.read(tmp_path / "a.pth")


class _Zeros(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.zeros(1).expand(5_000_000, 5_000))

    def forward(self, x):
        return x + self.w[0, 0]


@pytest.mark.usefixtures("at_most_a_second")
def test_a_tensor_of_torchscript_larger_than_what_is_stored_is_refused(tmp_path):
    torch.jit.save(torch.jit.script(_Zeros()), tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=r"a.pt: a tensor of shape \(5000000, 5000\)"):
        torchscript.read(tmp_path / "a.pt")


@pytest.mark.usefixtures("at_most_a_second")
@pytest.mark.parametrize("legacy", [False, True])
def test_a_small_pickle_that_stands_for_more_objects_than_there_are_is_refused(tmp_path, legacy):
    odd_files.nested_key(tmp_path / "a.pth", legacy=legacy)
    assert (tmp_path / "a.pth").stat().st_size < 3_000
    with pytest.raises(WeightsError, match=r"a.pth: .*more than 20,000,000 objects"):
        checkpoints.read(tmp_path / "a.pth")


@pytest.mark.usefixtures("at_most_a_second")
def test_a_storage_larger_than_the_file_is_refused(tmp_path):
    odd_files.huge_storage(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"a tensor of 1,000,000,000,000,000 numbers, and has"):
        checkpoints.read(tmp_path / "a.pth")


def test_a_packed_archive_is_refused(tmp_path):
    fixtures.vicreg_backbone(tmp_path / "a.pth")
    odd_files.packed(tmp_path / "a.pth", tmp_path / "b.pth")
    with pytest.raises(WeightsError, match="is packed, which torch never does"):
        checkpoints.read(tmp_path / "b.pth")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (odd_files.sparse, "sparse"),
        (odd_files.quantized, "quantized"),
        (odd_files.complex_numbers, "complex"),
    ],
)
def test_weights_that_are_no_plain_numbers_are_refused(tmp_path, make, kind):
    make(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=f"'w' is a {kind} tensor, expected plain numbers"):
        checkpoints.tensors(
            checkpoints.read(tmp_path / "a.pth"), tmp_path / "a.pth", what="weights"
        )


def test_what_torch_says_is_never_passed_on(tmp_path):
    """It advises to load the file without the restriction that keeps it from running code."""
    bad = {}
    for disguise in ("zip", "legacy", "pickle"):
        bad[disguise] = tmp_path / f"{disguise}.pth"
        odd_files.malicious(bad[disguise], tmp_path / "ran", disguise=disguise)
    whole = tmp_path / "whole.pth"
    fixtures.vicreg_backbone(whole)
    for share in (0.01, 0.5, 0.9, 0.999):
        bad[str(share)] = tmp_path / f"{share}.pth"
        bad[str(share)].write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    shutil.copy(bad["0.5"], tmp_path / "half.safetensors")
    bad["safetensors"] = tmp_path / "half.safetensors"
    for path in bad.values():
        with pytest.raises(WeightsError) as refused:
            checkpoints.read(path)
        said = str(refused.value)
        assert said.startswith(str(path))
        assert not re.search("weights_only|torch.load|re-running|add_safe_globals|pytorch", said)
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_programs_are_told_apart_and_sent_to_the_source_that_takes_them(tmp_path):
    odd_files.torchscript(tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=r"TorchScript.*source: state_dict"):
        checkpoints.read(tmp_path / "a.pt")
    exported = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(exported, tmp_path / "a.pt2")
    with pytest.raises(WeightsError, match=r"torch.export \(.pt2\).*set source: torch_export"):
        checkpoints.read(tmp_path / "a.pt2")
    (tmp_path / "a.onnx").write_bytes(b"\x08\x07")
    with pytest.raises(WeightsError, match="set source: onnx"):
        checkpoints.read(tmp_path / "a.onnx")


def test_members_that_are_called_encrypted_are_refused(tmp_path):
    """torch does not look at that mark, and loads them."""
    path = tmp_path / "w.pth"
    torch.save({"w": torch.zeros(2)}, path)
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 1)
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"not a whole zip file \(File .* is encrypted"):
        checkpoints.read(path)
