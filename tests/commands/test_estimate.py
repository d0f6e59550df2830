"""The estimate of a run is arithmetic: each number again by hand, and nothing unknown taken for nothing."""

import json
import re

import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.commands import cost_rates as rates
from dejavu.commands import estimate
from dejavu.errors import ParamsError
from tests.paths import ROOT

SHUTTERSTOCK = {"target": 40e6, "reference": 40e6, "public": 19e6, "control": 1e6}
IMAGENET = {"target": 300e3, "reference": 300e3, "public": 500e3, "control": 50e3}


def rows(name, **given):
    made = estimate.rows(ROOT / name, given)
    return {row["stage"]: row for row in made}, estimate.total(made)


@pytest.mark.slow
def test_the_captions_of_the_paper_by_hand():
    found, sums = rows("presets/shutterstock-like.yaml", caption=SHUTTERSTOCK)
    n = 41e6 + 40e6  # the reference role is attacked, too: both models are trained here
    operations = 2 * n * 19e6 * 512 * 2  # two modes
    retrieved = found["retrieve@clip"]
    looked_at = n * 19e6 * 2 * 2 * 4 / rates.GPU_BYTES  # every cosine written and read once
    assert retrieved["gpu_hours"] == pytest.approx(
        (operations / rates.GPU_SEARCH_TFLOPS / 1e12 + looked_at) / 3600
    )
    # 120 candidates of every caption and mode are ranked again; 38.9 GB do not fit into 2
    ranked = n * 120 * 2 * (5e-6 + 512 * 7e-10)
    # half of it holds 126,008 captions of 2 x 512 numbers and 120 candidates of 32 bytes: 7 of 4,944 parts
    read = 2 * 2 * 707 * 19e6 * 512 * 4 / rates.BANK_BYTES
    assert retrieved["core_hours_beside_gpu"] == pytest.approx((ranked + read + 1) / 3600)
    assert retrieved["core_hours"] == pytest.approx(
        (operations / rates.SEARCH_GFLOPS / 1e9 + read + 1) / 3600
    )
    # 41 million captions, 40 of the reference role, 19 of the public role and its images, 512 numbers each
    assert found["embed_captions@clip"]["disk_gb"] == pytest.approx((81 + 2 * 19) * 512 * 4 / 1e3)
    assert retrieved["disk_gb"] == pytest.approx(n * 100 * 2 * 12 / 1e9)
    seen = (
        40_000_000 // 32_768 * 32_768 * 200
    )  # pairs; OpenCLIP states 4.4 and 3.0 GMAC for ViT-B-32
    trained = seen * 3 * 2 * (4.41e9 + 2.98e9)
    assert found["clip@clip"]["gpu_hours"] == pytest.approx(
        trained / rates.GPU_NETWORK_TFLOPS / 1e12 / 3600, rel=0.01
    )
    assert found["split"]["memory_gb"] == pytest.approx(0.28 + 100e6 * rates.SPLIT / 1e9)
    assert found["score_objects"]["memory_gb"] == pytest.approx(0.52 + 100e6 * rates.SCORED / 1e9)
    assert sums["memory_gb"] == found["score_objects"]["memory_gb"]
    assert sums["disk_gb"] == pytest.approx(
        sum(row["disk_gb"] for row in found.values() if row["not_estimated"] is None)
    )


@pytest.mark.slow
def test_the_images_of_the_paper_by_hand():
    found, _ = rows("presets/imagenet-two-model.yaml", image=IMAGENET)
    n = 350e3 + 500e3
    vectors = (n + 300e3) * (8192 + 2048) * 4 / 1e9  # the reference role is attacked, too
    assert found["embed@vicreg"]["disk_gb"] == pytest.approx(vectors)
    operations = 2 * (350e3 + 300e3) * 500e3 * (8192 + 2048) * 2  # two metrics
    # 40 parts of 650,000 crops read what does not fit into memory_gb, twice, by two metrics; two are not held
    read = 2 * 2 * 40 * 500e3 * (8192 + 2048) * 4 / rates.BANK_BYTES
    assert found["neighbors@vicreg"]["core_hours"] == pytest.approx(
        (operations / rates.SEARCH_GFLOPS / 1e9 + read + 1) / 3600
    )
    embedded = (n + 300e3) * 2 * 4.27e9 / rates.FORWARD_GFLOPS / 1e9
    decoded = (n + 300e3) * rates.DECODE_SECONDS
    assert found["embed@vicreg"]["core_hours"] == pytest.approx(
        (embedded + decoded) / 3600, rel=0.01
    )
    # ResNet-50: 4.09 GMAC; the projector 2,048 x 8,192 and twice 8,192 x 8,192; two views, three passes
    image = 2 * (4.09e9 + 2048 * 8192 + 2 * 8192**2)
    trained = 300_000 // 1024 * 1024 * 1000 * 2 * 3 * image
    assert found["encoder@vicreg"]["core_hours_beside_gpu"] == pytest.approx(
        292 * 1024 * 1000 * rates.DECODE_SECONDS / 3600, rel=1e-3
    )
    assert found["encoder@vicreg"]["gpu_hours"] == pytest.approx(
        trained / rates.GPU_NETWORK_TFLOPS / 1e12 / 3600, rel=0.01
    )


@pytest.mark.slow
def test_what_has_no_rate_is_named_and_in_no_sum():
    found, sums = rows("params.yaml")
    unknown = {name for name, row in found.items() if row["not_estimated"]}
    assert unknown == {"tag_crops@visual_words", "report"}
    assert all(found[name]["core_hours"] is None for name in unknown)
    text = estimate.markdown(list(found.values()))
    assert "Not estimated, and in no sum" in text
    assert "visual_words: rate not measured" in text
    assert 0.2 < sums["core_hours"] < 0.9  # the default run took 0.45 on the machine of the rates


@pytest.mark.slow
def test_few_vectors_need_less_than_a_search_may_hold():
    found, _ = rows("params.yaml")
    assert found["neighbors@vicreg"]["memory_gb"] < 0.5
    found, _ = rows("presets/imagenet-two-model.yaml", image=IMAGENET)
    assert found["neighbors@vicreg"]["memory_gb"] == pytest.approx(2.3)


@pytest.mark.slow
def test_guesses_made_elsewhere_are_read_and_listed(tmp_path):
    preset = (ROOT / "presets/imagenet-oss.yaml").read_text()
    path, entries = (
        tmp_path / "params.yaml",
        "predictions: {theirs: {path: a.csv, trained_on: target, votes: 20}, ",
    )
    entries += "rules: {path: b.csv}}"
    path.write_text(re.sub(r"predictions: \{\}.*", entries, preset))
    more, less = (rows(each, image=IMAGENET)[0] for each in (path, "presets/imagenet-oss.yaml"))
    assert "predictions" not in less
    read = 350e3 * (2.8e-4 + 2e-6)  # votes for a thousand labels, and a guess alone
    assert more["predictions"]["core_hours"] == pytest.approx((read + 1) / 3600)
    assert more["predictions"]["disk_gb"] == pytest.approx(2 * 350e3 * 5 / 1e9)
    listed = [found["list_samples, crossover"]["core_hours"] for found in (more, less)]
    assert listed[0] - listed[1] == pytest.approx(
        350e3 * rates.LIST_SECONDS / 3600
    )  # one is a target
    assert more["vote"] == less["vote"]


@pytest.mark.slow
def test_guesses_of_a_pair_are_about_the_reference_role_too(tmp_path):
    preset = (ROOT / "presets/imagenet-oss.yaml").read_text()
    path, entries = (
        tmp_path / "params.yaml",
        "predictions: {a: {path: a.csv, trained_on: target, second_model: b}, ",
    )
    entries += "b: {path: b.csv, trained_on: reference}}"
    path.write_text(re.sub(r"predictions: \{\}.*", entries, preset))
    found, _ = rows(path, image=IMAGENET)
    assert found["predictions"]["core_hours"] == pytest.approx((2 * 650e3 * 2e-6 + 1) / 3600)


def test_a_corpus_that_does_not_state_its_size_is_asked_for_it():
    with pytest.raises(ParamsError, match="--image target="):
        rows("presets/imagenet-oss.yaml")


@pytest.mark.parametrize("text", ["bogus=3", "target", "target=-1", "target=1e6", ""])
def test_sizes_of_another_form_are_refused(text):
    with pytest.raises(ParamsError, match="expected <role>=<samples>"):
        estimate.parsed(text)


@pytest.mark.slow
def test_the_command_prints_and_gives_json():
    arguments = ["cost", "--estimate", "--params", str(ROOT / "presets/imagenet-oss.yaml")]
    arguments += ["--image", "target=1000,public=4000"]
    shown = CliRunner().invoke(cli.app, arguments)
    assert "| image | embed@vicreg |" in shown.output
    made = json.loads(CliRunner().invoke(cli.app, [*arguments, "--json"]).output)
    assert made["total"]["gpu_hours"] > 0
    assert {row["stage"] for row in made["stages"]} >= {"corpus", "split", "neighbors@dino"}


def test_the_parts_of_a_search_are_those_of_the_stage():
    from dejavu.search import neighbors

    assert rates.QUERIES_AT_ONCE == neighbors.ROWS_PER_PART


@pytest.mark.slow
def test_a_bank_that_memory_holds_is_read_once(tmp_path):
    preset = (ROOT / "presets/shutterstock-like.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(preset.replace("memory_gb: 2 ", "memory_gb: 100 "))
    less, more = (
        rows(each, caption=SHUTTERSTOCK)[0]["retrieve@clip"]["core_hours_beside_gpu"]
        for each in (path, "presets/shutterstock-like.yaml")
    )
    once = 2 * 19e6 * 512 * 4 / rates.BANK_BYTES / 3600
    assert more - less == pytest.approx(once * (2 * 707 - 1))
