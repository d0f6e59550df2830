"""`dejavu demo` goes from nothing to a page."""

import json

import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.commands import demo


@pytest.mark.slow
def test_a_network_is_trained_audited_and_shown(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(demo.webbrowser, "open", lambda url: opened.append(url) or False)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.app, ["--quiet", "demo", "--out", "demo", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["verdict"] == "memorizes"
    page = tmp_path / told["page"]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert opened == [page.absolute().as_uri()]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
