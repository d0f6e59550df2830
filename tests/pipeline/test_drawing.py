"""The picture of the graph in docs/ is that of dvc.yaml."""

import pytest

from dejavu.run import graph
from scripts import draw_graph
from tests.paths import ROOT

STAGES = graph.read(ROOT / "dvc.yaml")


def test_the_page_shows_the_graph_of_today():
    page = draw_graph.PAGE.read_text(encoding="utf-8")
    assert draw_graph.drawn(page, draw_graph.mermaid(STAGES)) == page, (
        "python -m scripts.draw_graph"
    )


def test_it_is_about_a_dozen_boxes_that_end_in_the_report():
    boxes = draw_graph.boxes(STAGES)
    assert 10 <= len(boxes) <= 14
    assert boxes["image_vectors"] >= {"image_models"}
    assert {"image_scores", "caption_scores"} <= boxes["report"]
    assert not any(box.startswith("caption") for box in boxes["image_scores"])


def test_a_new_stage_needs_a_box():
    with pytest.raises(ValueError, match=r"whiten: in no box of scripts/draw_graph\.py"):
        draw_graph.boxes({**STAGES, "whiten": {}})


def test_what_stands_around_the_picture_stays():
    page = draw_graph.drawn("# Title\n", "one")
    assert page.startswith("# Title\n\n")
    more = page + "\nwords\n"
    assert draw_graph.drawn(more, "two") == more.replace("one", "two")
