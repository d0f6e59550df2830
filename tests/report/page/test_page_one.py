"""What a reviewer reads first and signs: checks, next steps, limits, and which run it is."""

import dataclasses
import json
import re

import numpy as np
import pytest

from dejavu.report import dropped, from_params
from dejavu.report.numbers import Estimate
from dejavu.report.page import answer, next_steps, overview, sources, sums
from dejavu.report.settings import fingerprint
from dejavu.statistics import control_differs
from dejavu.statistics.adjusted import Difference
from dejavu.statistics.verdict import ERROR
from tests.paths import ROOT
from tests.report.gallery import world
from tests.report.page.pages import Reader
from tests.report.records import caption_comparison, comparison
from tests.report.world import settings, target


def test_page_one_has_what_a_reviewer_signs(html, read, results):
    one = html[html.index('<section id="answer"') : html.index('<section id="calibration"')]
    text = Reader(one).text
    for part in (
        "What to do next", "Residual risk and limits", "Which run this is", "read by (name, role, date)",
        "accepted by (name, role, date)", "parameters of models, scores and report", "images: data set",
        "images: samples, roles, scores", "The control check asks",
        "smallest excess seen in 4 of 5 draws", "control check",
        f"below {control_differs.MAX_JOINT_P} and the interval of the AUROC lies above "
        f"{control_differs.MIN_BLIND_AUROC}", "ranks no models",
        f"a false “memorizes” is at most {100 * ERROR:g} %",
    ):  # fmt: skip
        assert part in text
    assert "`" not in text[text.index("What to do next") :]  # a command is marked, not quoted
    blind = results["calibrated"]["image"]["vicreg"]["control_check"]["blind_baseline"]
    if blind is not None:
        assert f"blind AUROC {blind['auroc']:.2f}" in text


def test_mitigations_are_those_that_were_measured(read):
    page = (ROOT / "docs/results/mitigations.md").read_text(encoding="utf-8")
    said = read.text[read.text.index("What was measured of mitigations") :]
    numbers = re.findall(r"[+−][\d.]+ ± [\d.]+", said.partition("Nothing was measured")[0])
    assert len(numbers) >= 4
    assert [
        number for number in numbers if f"**{number}**" not in page
    ] == []  # intervals without 0


def test_the_fingerprint_of_the_parameters_follows_each_of_them():
    known = settings([target()])
    other = dataclasses.replace(known, seed=known.seed + 1)
    assert fingerprint(known) == fingerprint(settings([target()])) != fingerprint(other)


def test_power_is_the_excess_that_four_of_five_draws_tell_from_zero():
    rng = np.random.default_rng(0)
    found = Difference(value=0.0, se=0.02, df=1e6, n_target=500, n_control=500)
    excess = next_steps.power(found) / 100
    draws = rng.normal(excess, found.se, 20_000)
    assert np.mean(np.abs(draws) > 1.96 * found.se) == pytest.approx(0.8, abs=0.01)


def test_many_models_are_a_table_on_the_screen_too(html):
    cards = [answer.Card(
        title=f"Model {number}", subtitle="projector, cosine", verdict="memorizes", tone="bad",
        numbers=(("+3.0", "[+1.0, +5.0]", "adjusted excess, points"),), sentence="", facts=(),
        checks=(("control check", "passes"),),
        n="n = 498 trained on, 502 control",
        sum=(("a", "25.7 %"), ("b", "7.6 %"), ("c", "9.6 %"), ("d", "8.2 %"), ("e", "+16.7")),
    ) for number in range(100)]  # fmt: skip
    table = overview.table(cards)
    assert [column.title for column in table.columns[:3]] == [
        "model", "answer", "adjusted excess, points",
    ]  # fmt: skip
    assert len(table.rows) == 100
    assert [cell.text for cell in table.rows[0]] == [
        "Model 0 (projector, cosine; n = 498 trained on, 502 control)", "memorizes",
        "+3.0 [+1.0,\u00a0+5.0]", "25.7 − 7.6", "9.6 − 8.2", "+16.7", "passes",
    ]  # fmt: skip
    assert overview.table([]) is None
    assert '<div class="overview paper-only">' in html


def test_page_one_names_data_set_and_weights_and_without_names_no_folder(tmp_path):
    made = world.write(tmp_path)
    (made.data / "image/images/source.json").write_text(
        '{"kind": "folder", "root": "photos/train"}'
    )
    for name in ("vicreg", "vicreg_second"):
        file = made.data / f"image/encoders/{name}/provenance.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            json.dumps({"source": "trained", "weights_sha256": 4 * f"{name[-1]}0123456789abcde"})
        )
    told, bare = (
        dict(sources.identity(
            made.data, "f00d", dropped.Dropped(images=(), captions=()), {"image": ["vicreg"]}, has_names=names
        ))
        for names in (True, False)
    )  # fmt: skip
    assert told["images: data set"] == "0 samples, photos/train"
    assert told["images: weights, SHA-256"] == "vicreg\u00a0g0123456789a"
    assert bare["images: data set"] == "0 samples"
    assert len(told["images: samples, roles, scores"].split(", ")) == 3


def test_the_data_set_is_named_as_the_parameters_do(tmp_path):
    text = (ROOT / "presets" / "my-model.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    named = from_params.read(tmp_path / "params.yaml").data_sets
    assert named == {"image": "adapter image_folder, photos", "caption": "adapter none, generated"}
    made, counted = world.write(tmp_path), dropped.Dropped(images=(), captions=())
    for has_names, shown in (
        (True, "0 samples, adapter image_folder, photos"),
        (False, "0 samples, adapter image_folder"),
    ):
        found = sources.identity(made.data, "f00d", counted, {}, named, has_names=has_names)
        assert dict(found)["images: data set"] == shown


def test_a_recall_that_is_not_known_is_no_zero():
    assert sums.caption_sum("CLIP", "text_model", caption_comparison(*[(0.1, 0.0, 0.2)] * 2)) == ()


def test_the_summary_tells_the_recalls_that_page_one_adds_up(page_file, results):
    text = page_file.with_name("summary.md").read_text(encoding="utf-8")
    (told,) = re.findall(
        r"it brings back ([\d.]+) % of .*?, and ([\d.]+) % of those of control", text
    )
    known = [
        [f"{100 * at[role]['target_recall']:.1f}" for role in ("target", "control")]
        for modes in results["caption"]["clip"].values()
        for by_k in modes.values() for by_top in by_k.values() for at in by_top.values()
        if "control" in at
    ]  # fmt: skip
    assert [*told] in known
    assert "an excess of the mean recall of" in text


def test_captions_have_a_sum_of_five_lines_as_images_do():
    found = caption_comparison(*[(0.1, 0.0, 0.2)] * 2, n=1012)
    gaps = dataclasses.replace(found.excess.gaps, aucg=Estimate(value=0.0612, low=0.04, high=0.08))
    control = dataclasses.replace(found.control, n=992, target_recall=0.4, reference_recall=0.2112)
    found = dataclasses.replace(
        found, control=control, excess=dataclasses.replace(found.excess, gaps=gaps)
    )
    made = sums.caption_sum("CLIP", "text_model", found)
    assert made == (
        ("trained on (n = 1,012): recall of CLIP", "50.0 %"),
        ("trained on (n = 1,012): recall of a text model", "25.0 %"),
        ("control (n = 992): recall of CLIP", "40.0 %"),
        ("control (n = 992): recall of a text model", "21.1 %"),
        (
            "unadjusted excess: (50.0 − 25.0) − (40.0 − 21.1), points",
            "+6.1 [+4.0,\u00a0+8.0]",
        ),
    )
    images = sums.image_sum(
        "VICReg",
        "second_model",
        comparison(**dict.fromkeys(("score", "control", "excess"), (0.1, 0.0, 0.2))),
    )
    assert len(images) == len(made)
    card = answer.Card(
        title="CLIP", subtitle="t2i", verdict="", tone="plain", numbers=(), sentence="", facts=(), sum=made
    )  # fmt: skip
    assert [cell.text for cell in overview.table([card]).rows[0]][-3:] == [
        "50.0 − 25.0", "40.0 − 21.1", "+6.1 [+4.0,\u00a0+8.0]",
    ]  # fmt: skip
