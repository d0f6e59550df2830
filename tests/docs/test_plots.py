"""What `dvc plots` draws has titles, labels and templates, on a page that needs no network."""

import json
import re

import pytest
from ruamel.yaml import YAML

from tests.paths import ROOT

DVC = ROOT / ".dvc"
PLOTS = {
    name: body
    for plot in YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    for name, body in plot.items()
}
ANCHORS = {"DATA", "TITLE", "X", "X_LABEL", "Y", "Y_LABEL"}  # what DVC fills in


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_has_a_title_and_says_what_its_axes_are(name):
    assert {"title", "x", "y", "x_label", "y_label"} <= set(PLOTS[name])
    if "template" in PLOTS[name]:
        assert (DVC / "plots" / f"{PLOTS[name]['template']}.json").is_file()


@pytest.mark.parametrize("template", ["tests", "by_reference"])
def test_templates_are_of_the_version_that_the_page_draws(template):
    text = (DVC / "plots" / f"{template}.json").read_text(encoding="utf-8")
    assert json.loads(text)["$schema"].endswith("/vega-lite/v5.json")
    assert set(re.findall(r"<DVC_METRIC_(\w+)>", text)) == ANCHORS


def test_the_page_carries_its_library_and_loads_nothing():
    config = (DVC / "config").read_text(encoding="utf-8")
    page = (DVC / re.search(r"html_template = (\S+)", config)[1]).read_text(encoding="utf-8")
    assert page.count("{plot_divs}") == 1
    assert "{scripts}" not in page  # where DVC would put links into the network
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"<(?:script|link|img|iframe)\b", markup)
    assert "window.vegaEmbed=" in page
    assert "default-src 'none'" in page
    assert "Redistribution and use in source and binary forms" in page
