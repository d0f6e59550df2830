"""Everything known about one sample, found by name or id, in words, JSON and as an image."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dejavu import cli
from dejavu.errors import ArtifactError, ParamsError
from dejavu.image.draw_boxes import CROP_COLOR, outlined
from tests.commands.world import write
from tests.pipeline.project import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("show")
    write(folder / "data")
    return folder


@pytest.fixture
def show(project, monkeypatch):
    monkeypatch.chdir(project)

    def run(*words):
        return CliRunner().invoke(cli.app, ["show", *words], catch_exceptions=False).stdout

    return run


def test_json_holds_everything_about_an_image(show):
    facts = json.loads(show("image-00000", "--json", "--neighbors", "2"))
    assert (facts["lane"], facts["sample_id"], facts["role"]) == ("image", 0, "target")
    assert facts["label"] == "label 0"
    assert facts["crop"] == {
        "is_kept": True,
        "drop_reason": None,
        "x0": 0,
        "y0": 0,
        "x1": 20,
        "y1": 20,
    }
    assert [row["tag"] for row in facts["tags"]] == ["[red]sea[/red]", "sand"]
    scores = {(s["target"], s["reference"]): s for s in facts["image_scores"]}
    assert scores["vicreg", "classifier"]["is_memorized"] is True
    assert scores["vicreg", "classifier"]["memorization_confidence"] == 1.5
    guesses = {row["predictor"]: row["predicted"] for row in facts["predictions"]}
    assert guesses == {"vicreg": "label 0", "vicreg_l2": "label 1", "classifier": "label 1"}
    listed = {row["target"]: row for row in facts["memorized_samples"]}
    assert set(listed) == {"vicreg"}  # the world's parameters name one target
    assert listed["vicreg"]["p_value"] == 2 / 3  # one of two control samples is no less surprising
    cosine, _ = facts["neighbors"]
    assert [row["sample_id"] for row in cosine["nearest"]] == [3, 2]
    assert [row["label"] for row in cosine["nearest"]] == ["label 3", "label 2"]


def test_json_holds_everything_about_a_caption(show):
    facts = json.loads(show("scene 0", "--json"))
    assert facts["caption"] == "caption 0"
    assert facts["duplicates"] == [{"sample_id": 1, "sample_name": "scene 1", "role": "target"}]
    assert {row["object"]: row["score"] for row in facts["objects"]} == {"boat": 0.5, "gull": 1.0}
    assert [(s["top"], s["precision_gap"], s["recall_gap"]) for s in facts["caption_scores"]] == [
        (1, 0.25, 0.5),
        (None, 0.25, 0.5),
    ]
    assert facts["neighbors"][0]["nearest"][0]["caption"] == "caption 3"
    assert facts["crop"] is None


@pytest.mark.slow
def test_a_name_goes_before_an_id_and_both_lanes_need_a_choice(show):
    assert json.loads(show("0", "--json"))["caption"] == "caption 3"  # its name is "0"
    assert json.loads(show("0", "--lane", "image", "--json"))["sample_id"] == 0
    with pytest.raises(ParamsError, match="add --lane image or --lane caption"):
        show("1")
    with pytest.raises(ParamsError, match="Close names: 'image-00000', 'image-00001'"):
        show("pikture-0000")
    with pytest.raises(ParamsError, match="no sample"):
        show("99", "--lane", "image")


@pytest.mark.slow
def test_words_say_what_the_numbers_mean_and_markup_stays_text(show):
    shown = show("image-00000")
    assert "flagged +1.50" in shown
    assert "[red]sea[/red]" in shown
    assert "a false positive" not in shown
    assert "a false positive" in show("image-00002")
    assert "Not attacked: its role is public." in show("scene 2")
    assert "2 of 4" in show("scene 0")


def test_other_layers_and_metrics_are_shown_on_request(show, project):
    shutil.copy(ROOT / "params.yaml", project)
    headline, full = show("image-00000"), show("image-00000", "--full")
    assert "projector cosine" in headline
    for word in ("projector l2", "vicreg_l2"):
        assert word not in headline
        assert word in full
    (project / "params.yaml").unlink()


@pytest.mark.slow
def test_the_image_is_written_with_its_crop(show, tmp_path):
    show("image-00000", "--image", str(tmp_path / "0.png"))
    with Image.open(tmp_path / "0.png") as image:
        assert image.size == (384, 384)
        pixels = np.asarray(image)
    crop = tuple(int(CROP_COLOR[i : i + 2], 16) for i in (1, 3, 5))
    ys, xs = np.nonzero((pixels == crop).all(axis=2))
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (0, 0, 20 * 6 - 1, 20 * 6 - 1)
    with pytest.raises(ParamsError, match=r"end the name in one of \.png"):
        show("image-00000", "--image", str(tmp_path / "0.doc"))
    with pytest.raises(ParamsError, match="there is no folder"):
        show("image-00000", "--image", str(tmp_path / "nowhere" / "0.png"))


def test_a_large_image_keeps_its_size_and_a_dropped_crop_is_not_drawn():
    image = Image.new("RGB", (500, 300))
    drawn = outlined(image, [{"x0": 0, "y0": 0, "x1": 1, "y1": 1}], {"x0": None})
    assert drawn.size == (500, 300)
    assert np.asarray(drawn).any(axis=2).sum() <= 9  # the box alone, lines two pixels wide


def test_without_a_run_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="Run `dvc repro`"):
        CliRunner().invoke(cli.app, ["show", "x"], catch_exceptions=False)
