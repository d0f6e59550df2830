"""The page of the paper's sizes says what its script makes of the rates."""

import pytest
import yaml

from benchmarks import scale_page
from dejavu import params
from dejavu.params.machine import MachineParams
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_equals_what_the_script_makes(tmp_path):
    assert scale_page.page(tmp_path) == PAGE, "run `python -m benchmarks.scale_page`"


def blocks(begin):
    parts = PAGE.split("```yaml\n")[1:]
    return [part.split("```")[0] for part in parts if part.startswith(begin)]


def test_the_machine_sections_fit_and_hold_the_public_vectors():
    sections = [yaml.safe_load(block)["machine"] for block in blocks("machine:")]
    sizes = [scale_page.IMAGES, scale_page.CAPTIONS]
    assert len(sections) == len(sizes)
    for section, size in zip(sections, sizes, strict=True):
        found = MachineParams.model_validate(section)
        bank = size.counts["public"] * size.largest_bank[1] * 4
        assert bank <= found.memory_gb * 1e9 / 2


def test_the_clusters_are_yaml_with_a_head_and_enough_workers():
    for block in blocks("cluster_name:"):
        cluster = yaml.safe_load(block)
        kinds = cluster["available_node_types"]
        assert cluster["head_node_type"] in kinds
        assert sum(kind.get("max_workers", 0) for kind in kinds.values()) <= cluster["max_workers"]


@pytest.mark.parametrize("size", [scale_page.IMAGES, scale_page.CAPTIONS])
def test_the_counts_are_the_papers(size):
    paper = {"image": (300e3, 300e3, 500e3), "caption": (40e6, 40e6, 20e6)}[size.lane]
    assert tuple(size.counts[role] for role in ("target", "reference", "public")) == paper
    assert params.read(ROOT / size.preset)[size.lane]["models"]
