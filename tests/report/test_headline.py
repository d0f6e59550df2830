"""`report.headline` opens summary, page, gallery and metrics.json alike, and names what was measured."""

import json
import re

import numpy as np
import pytest

from dejavu import params
from dejavu.errors import ParamsError
from dejavu.params.caption import SmallClip
from dejavu.params.report import CaptionHeadline, HeadlineParams, ImageHeadline, ReportParams
from dejavu.report import opening
from dejavu.report.caption.records import Setting
from dejavu.report.settings import leading
from tests.report.world import build, report, settings, target

OLD = "headline: {lane: image, target: vicreg, reference: naive_bayes@5}\n"
TARGETS = [
    target("vicreg", "vicreg_second"),
    target("vicreg_backbone", "vicreg_second_backbone", layer="backbone", is_headline=False),
    target("dino", None),
]


def answers(*names):
    rng = np.random.default_rng(0)
    return {name: (rng.random(120) < 0.5, rng.random(120)) for name in names}


@pytest.fixture(scope="module")
def opened_with_naive_bayes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("headline")
    names = ("vicreg", "dino", "vicreg_second", "classifier", "naive_bayes@1", "naive_bayes@5")
    world = build(
        folder / "data", n_target=80, n_control=40, answers=answers(*names),
        targets=[target("dino", None), target("vicreg", "vicreg_second")],
        headline="naive_bayes@5", resamples=20,
    )  # fmt: skip
    return report(world, folder / "reports")


@pytest.mark.slow
def test_summary_opens_with_the_reference_of_the_headline(opened_with_naive_bayes):
    text = (opened_with_naive_bayes / "summary.md").read_text()
    against = re.findall(r"^- \*\*(\w+)\*\* .* against `(.*?)`", text, re.MULTILINE)
    assert against == [("dino", "naive_bayes@5"), ("vicreg", "naive_bayes@5")]


@pytest.mark.slow
def test_page_opens_with_the_reference_of_the_headline(opened_with_naive_bayes):
    text = (opened_with_naive_bayes / "index.html").read_text()
    references = re.findall(r"score on target against “(.*?)”", text)
    assert references == ["NB@5", "NB@5"]


@pytest.mark.slow
def test_metrics_open_with_the_target_of_the_headline(opened_with_naive_bayes):
    metrics = json.loads((opened_with_naive_bayes / "metrics.json").read_text())
    assert set(metrics) == {"dino", "vicreg"}


def test_the_headline_stands_for_its_model_and_comes_first():
    chosen = leading(TARGETS, ImageHeadline(target="vicreg_backbone", reference="second_model"))
    assert [each.name for each in chosen if each.is_headline] == ["vicreg_backbone", "dino"]
    assert leading(TARGETS, None) == tuple(TARGETS)
    lead = settings([TARGETS[2], TARGETS[0]])
    assert [each.name for each in lead.heads] == ["dino", "vicreg"]


@pytest.mark.parametrize(
    ("image", "caption", "message"),
    [
        ({"target": "vicrag"}, {}, r"headline\.image\.target: .* only vicreg\. Did you mean 'vicreg'"),
        ({"reference": "naive_bayes@2"}, {}, r"headline\.image\.reference: .*'naive_bayes@2', only"),
        (None, {}, r"headline\.image is null, but the run measures this lane"),
        ({}, {"target": "clap"}, r"headline\.caption\.target: .*Did you mean 'clip'"),
        ({}, {"mode": "t2t"}, r"headline\.caption\.mode: .*'t2t', only t2i"),
        ({}, {"k": 100}, r"headline\.caption\.k: .*'100', only 10"),
        ({}, {"top": 5}, r"headline\.caption\.top: .*'5', only 1, all"),
        ({}, None, r"headline\.caption is null, but the run measures this lane"),
    ],
)  # fmt: skip
def test_what_was_not_measured_is_refused(image, caption, message):
    images = {"vicreg": ["classifier"]}
    captions = {"clip": {"text_model": [Setting("t2i", 10, 1), Setting("t2i", 10, None)]}}
    good_image = {"target": "vicreg", "reference": "classifier"}
    good_caption = {"target": "clip", "mode": "t2i", "k": 10, "top": "all"}
    opening.require_measured(
        HeadlineParams(image=good_image, caption=good_caption), images, captions
    )
    headline = HeadlineParams(
        image=None if image is None else ImageHeadline(**good_image | image),
        caption=None if caption is None else CaptionHeadline(**good_caption | caption),
    )
    with pytest.raises(ParamsError, match=message):
        opening.require_measured(headline, images, captions)
    opening.require_measured(headline, {}, {})


def test_the_old_form_ends_in_the_new_one_word_for_word(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(OLD)
    with pytest.raises(ParamsError) as raised:
        params.section(path, "headline", HeadlineParams)
    new = "headline: {image: {target: vicreg, reference: naive_bayes@5}, caption: null}"
    assert f"Write {new}" in str(raised.value)
    path.write_text(new + "\n")
    assert params.section(path, "headline", HeadlineParams).image.reference == "naive_bayes@5"


def test_a_renamed_key_is_named(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("network: {picture_px: 48, patch_px: 8}\n")
    with pytest.raises(ParamsError, match=r"network\.picture_px: is called image_px now"):
        params.section(path, "network", SmallClip)
    path.write_text("report: {caption_headline: {target: clip, mode: t2i, k: 10}}\n")
    with pytest.raises(ParamsError, match=r"caption_headline: is called headline\.caption now"):
        params.section(path, "report", ReportParams)
