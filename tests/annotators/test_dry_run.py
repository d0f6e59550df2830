"""The dry run opens the networks that name what they see."""

import pytest
import timm
import torch

from dejavu.check import models
from dejavu.params.annotators import GroundedSamParams, TaggerParams
from dejavu.params.references import AnnotatorParams
from tests.annotators.test_corpus_annotator import MACHINE
from tests.annotators.test_foreground import ENTRY
from tests.annotators.test_tagger import settings_of


@pytest.fixture
def machine(tmp_path):
    torch.save(timm.create_model("test_vit", num_classes=2).state_dict(), tmp_path / "tiny.pth")
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    return MACHINE.model_copy(update={"data_root": str(tmp_path)})


def found(settings, machine):
    values = {
        "image.annotators": {"net": AnnotatorParams(root=settings)},
        "caption.objects": settings,
    }
    both = [
        *models.look_at_images(values, machine, knows_truth=False, dims={}),
        *models.look_at_captions(values, machine, {}),
    ]
    assert [finding.what for finding in both] == [
        f"annotators.net ({settings.source})", f"objects ({settings.source})",
    ]  # fmt: skip
    (one,) = {(finding.status, finding.detail) for finding in both}
    return one


@pytest.mark.slow
def test_a_tagger_is_loaded(machine, tmp_path):
    assert found(settings_of(), machine) == ("ok", "2 names")
    status, detail = found(settings_of(labels="coco"), machine)
    assert (status, "classifier has 2 classes" in detail) == ("wrong", True)
    status, detail = found(settings_of(weights="none.pth"), machine)
    assert (status, str(tmp_path / "none.pth") in detail) == ("missing", True)


def test_a_hub_name_is_left_to_the_run(machine):
    status, detail = found(GroundedSamParams(**ENTRY), machine)
    assert (status, "as a hub name, 'a/b'" in detail) == ("untried", True)


def test_sources_keep_their_fields():
    with pytest.raises(ValueError, match="box_threshold"):
        TaggerParams(**settings_of().model_dump(), box_threshold=0.5)
