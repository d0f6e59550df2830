"""The notebook of docs/ runs from top to bottom and finds what its words say."""

import json

import pytest

from tests.paths import ROOT

NOTEBOOK = json.loads((ROOT / "docs" / "python-api.ipynb").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_notebook_runs_and_says_the_truth(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {}
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), scope)
    assert scope["audit"].verdict == "memorizes"
    assert scope["innocent"].verdict != "memorizes"
    assert scope["innocent"].excess.low < 0 < scope["innocent"].excess.high
    assert scope["audit_of_vectors"].verdict == "memorizes"
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 5
    assert told[1] == "0 of 150 target samples are listed"


def test_the_notebook_is_stored_without_outputs():
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
