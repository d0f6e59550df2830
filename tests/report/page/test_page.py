"""What the page says, and that texts, ids, tables and bytes are in order; no browser needed."""

import base64
import collections
import hashlib
import json
import math
import re

import altair as alt
import pytest
from jsonschema import ValidationError

from dejavu.params.report import CaptionHeadline
from dejavu.report.caption.records import Setting
from dejavu.report.numbers import NOTHING, Estimate
from dejavu.report.page import answer as image_answer
from dejavu.report.page import assets, charts, elements, formatting, interval_charts
from dejavu.report.page.marks import Bin, Interval
from tests.report.gallery import world
from tests.report.page.pages import HOSTILE_LABEL, Reader, report
from tests.report.records import caption_comparison, comparison
from tests.report.world import settings, target

HEADLINE = CaptionHeadline(target="clip", mode="t2i", k=10, top="all")
REPORT = settings([target()]).report
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
JSON = re.compile(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', re.DOTALL)


def page_of(made, out):
    return (report(made, out) / "index.html").read_text(encoding="utf-8")


def estimate(node, name):
    low, high = node[f"{name}_ci95"] or (None, None)
    return Estimate(value=node[name], low=low, high=high)


def image_card(found, answer=None):
    return image_answer.image_card(target(), {"classifier": found}, None, answer, REPORT)


def test_without_control_the_answer_claims_no_memorization():
    card = image_card(comparison(score=(0.1, 0.05, 0.15)))
    assert "memorized" not in card.sentence
    assert "bias of this test is unknown" in card.sentence
    assert (card.verdict, card.numbers[0][2]) == ("uncalibrated", "plain score, points")


def test_what_is_not_decided_is_exploratory_and_has_no_badge():
    found = comparison(
        score=(0.1566, 0.11, 0.2), control=(-0.008, -0.04, 0.02), excess=(0.1646, 0.108, 0.2186)
    )
    card = image_card(found)
    assert (card.verdict, card.sentence.split()[-1]) == ("", "Exploratory.")
    assert card.numbers == (("+16.5", "[+10.8,\xa0+21.9]", "excess, points"),)


def test_captions_without_a_decision_have_no_badge():
    found = caption_comparison((0.01, -0.1, 0.1), (0.2, 0.1, 0.3))
    references = {"text_model": {Setting.of(HEADLINE): found}}
    card = image_answer.caption_card("clip", references, HEADLINE, None, REPORT)
    assert (card.verdict, card.sentence.split()[-1]) == ("", "Exploratory.")
    other = {"text_model": {Setting("t2t", 1, None): found}}
    assert image_answer.caption_card("clip", other, HEADLINE, None, REPORT) is None


def test_no_difference_of_rates_is_called_a_share_of_images(read):
    for phrase in ("audited images", "audited captions", "% of the images"):
        assert phrase not in read.text


def test_cards_and_tables_repeat_results_json(read, results):
    found = results["calibrated"]["image"]["vicreg"]
    assert found["verdict"]["text"] in read.text
    assert formatting.signed(found["adjusted"]["value"]) in read.text
    for reference in results["image"]["vicreg"].values():
        shown = formatting.interval(estimate(reference["target"], "dejavu_score"))
        assert " ".join(shown.split()) in read.text
    gaps = results["caption"]["clip"]["text_model"]["t2i"]["k=1"]["top=all"]["excess"]
    shown = formatting.interval(estimate(gaps, "ppg"), factor=1.0, decimals=3)
    assert " ".join(shown.split()) in read.text


def test_sections_come_in_the_order_of_their_weight(html):
    order = [
        "answer",
        "calibration",
        "figures",
        "gallery",
        "cost",
        "dropped",
        "provenance",
        "method",
    ]
    places = [html.index(f'<section id="{name}"') for name in order]
    assert places == sorted(places)


def test_every_figure_and_table_of_the_paper_has_its_place(read):
    for name in ("2a", "2b", "3a", "4", "5", "6", "7", "8", "9"):
        assert f"Figure {name}." in read.text
    for name in ("Table 1.", "Tables 2 and 4.", "Tables 3 and 5."):
        assert name in read.text
    assert "0.84" in read.text  # Figure 4 of the paper


def test_ids_are_unique_and_links_stay_inside(read):
    assert [name for name, n in collections.Counter(read.ids).items() if n > 1] == []
    assert all(link.startswith(("#", "data:")) for link in read.links)
    inside = {link[1:] for link in read.links if link.startswith("#")}
    assert inside <= set(read.ids)


def test_tables_have_captions_and_charts_have_words(html, read):
    assert read.tags["table"] == read.tags["caption"] > 10
    charts_drawn = re.findall(
        r'class="chart" data-chart="[^"]+" role="img" aria-label="([^"]*)"', html
    )
    assert len(charts_drawn) == html.count('class="chart-static"') > 10
    assert all(len(words) > 40 for words in charts_drawn)


def test_only_the_scripts_of_the_page_may_run(html):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1].replace("&#39;", "'")
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    scripts = SCRIPT.findall(html)
    assert {
        base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts
    } == allowed
    assert len(scripts) == 4
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_texts_of_a_corpus_are_escaped_everywhere(html):
    assert HOSTILE_LABEL not in html
    assert HOSTILE_LABEL.replace("<", "&lt;").replace(">", "&gt;") in html
    found = dict(JSON.findall(html))
    assert set(found) == {"charts", "gallery-data"}
    for text in found.values():
        assert "<" not in text
        json.loads(text)


def test_the_same_run_gives_the_same_bytes(html, tmp_path):
    worlds = [world.write(tmp_path / name, seed=3, lanes=["image"]) for name in ("a", "b")]
    first, second = (page_of(made, made.data / "reports") for made in worlds)
    assert first == second
    assert first != html


@pytest.mark.slow
def test_one_lane_alone_makes_a_page(tmp_path):
    text = Reader(page_of(world.write(tmp_path, lanes=["caption"]), tmp_path / "reports")).text
    assert "CLIP" in text
    assert "VICReg" not in text
    assert "Figure 8." in text
    assert "Figure 2a." not in text


@pytest.mark.slow
def test_without_control_and_second_model_the_page_says_what_it_cannot_know(tmp_path):
    made = world.write(tmp_path, lanes=["image"], second=False, control=False, neighbors=False)
    text = Reader(page_of(made, tmp_path / "reports")).text
    assert "Uncalibrated. This run has no control samples" in text
    assert "on control = bias" not in text
    assert "No model of this run has a second model." in text
    assert "No second models in this run." in text
    assert "the shaded band" not in text.lower()


def test_histograms_count_every_sample_once(page_file):
    lines = page_file.with_name("tables").joinpath("image_confidence.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    counts = collections.Counter()
    for row in rows:
        counts[row["reference"], row["role"]] += int(row["n"])
        assert float(row["high"]) - float(row["low"]) == 0.25
        assert int(row["n_memorized"]) <= int(row["n"])
    assert {n for (_, role), n in counts.items() if role == "target"} == {world.N_TARGET}
    assert {n for (_, role), n in counts.items() if role == "control"} == {world.N_CONTROL}


def test_every_chart_fits_the_schema_that_drawing_does_not_look_at(html):
    specs = json.loads(dict(JSON.findall(html))["charts"])
    assert len(specs) > 15
    for spec in specs.values():
        alt.Chart.from_dict(spec)
    spoiled = next(iter(specs.values())) | {"height": "tall"}
    with pytest.raises(ValidationError):
        alt.Chart.from_dict(spoiled)


def test_marks_without_an_interval_are_drawn_and_without_a_value_are_not():
    marks = [
        Interval(name="a", part="plain", value=1.0, low=None, high=None, shown="+1.0"),
        Interval(name="b", part="plain", value=None, low=None, high=None, shown="–"),
    ]
    drawing = interval_charts.intervals(
        marks, names=["a", "b"], parts={"plain": "red"}, axis="points"
    )
    spec, svg = charts.drawn("key", drawing.chart, "words")
    values = [row for rows in spec["datasets"].values() for row in rows if row.get("name")]
    assert [row["name"] for row in values] == ["a"]
    assert "NaN" not in svg
    assert drawing.legend == ()  # one part explains itself


def test_names_in_a_chart_are_text_in_both_forms():
    name = "</script><script>window.broken = 1</script>"
    marks = [Interval(name=name, part="plain", value=1.0, low=0.5, high=1.5, shown="+1")]
    drawing = interval_charts.intervals(marks, names=[name], parts={"plain": "red"}, axis="points")
    spec, svg = charts.drawn("key", drawing.chart, name)
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg
    assert "<" not in assets.script_json(spec)


def test_ids_of_two_charts_never_meet_and_do_not_count_what_was_drawn_before():
    bins = [Bin(low=0.0, high=0.25, part="x", n=3)]
    chart = charts.histogram(bins, parts={"x": "var(--excess)"}, axis="nats").chart
    svgs = [charts.drawn(key, chart.mark_bar(clip=True), "words")[1] for key in ("one", "two")]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in svgs]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert charts.drawn("one", chart.mark_bar(clip=True), "words")[1] == svgs[0]
    for svg, own in zip(svgs, ids, strict=True):
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) == own
        assert "var(--excess)" in svg


def test_a_chart_refuses_rows_that_nobody_aggregated():
    rows = [Bin(low=0.0, high=1.0, part="x", n=1)] * (charts.MAX_ROWS + 1)
    with pytest.raises(AssertionError, match="aggregate"):
        charts.histogram(rows, parts={"x": "red"}, axis="nats")


@pytest.mark.parametrize("value", [0.0, -0.0, -0.0004, 0.0004])
def test_nothing_has_no_sign(value):
    assert formatting.signed(value) == formatting.plain(value) == "0.0"


def test_what_is_unknown_is_a_dash_and_sorts_apart():
    for cell in (
        formatting.points(NOTHING),
        formatting.number(None),
        formatting.p_value(None),
        formatting.count(None),
    ):
        assert (cell.text, cell.order) == ("–", None)
    assert formatting.p_value(1e-9).text == "< 0.0001"
    assert not math.isnan(formatting.p_value(0.25).order)


def test_rows_stand_below_a_model_only_where_it_has_several():
    def of(*names):
        rows = [(formatting.text(name), formatting.text("x")) for name in names]
        return formatting.grid("caption", {"model": "text", "what": "text"}, rows)

    assert of("a", "a", "b").is_grouped
    assert not of("a", "b").is_grouped
    assert [title for title, _ in of("a", "b").groups()] == [None]


def test_ids_are_safe_whatever_a_model_is_called():
    assert re.fullmatch(r"[A-Za-z0-9-]+", elements.slug('a b"><script>é'))
