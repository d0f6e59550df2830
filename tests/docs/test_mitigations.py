"""The settings of `benchmarks.mitigations` can be read by every stage, and a run that was stopped goes on."""

import pytest
import yaml

from benchmarks import mitigation_page, mitigation_settings, mitigations
from dejavu.check import sections
from tests.paths import ROOT


@pytest.mark.parametrize(
    "setting", mitigation_settings.SETTINGS, ids=lambda each: f"{each.lane}, {each.name}"
)
@pytest.mark.slow
def test_every_stage_can_read_every_setting(setting, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(mitigation_settings.params_of(setting, 2), sort_keys=False))
    findings, values = sections.read_all(path)
    findings += sections.compare(values)
    assert [finding for finding in findings if finding.status != "ok"] == []


def test_every_setting_changes_what_it_names_and_has_a_base():
    for lane in mitigation_settings.LANES:
        settings = [each for each in mitigation_settings.SETTINGS if each.lane == lane]
        made = [mitigation_settings.params_of(each, 0) for each in settings]
        assert sum(each.is_base for each in settings) == 1
        assert all(each not in made[:row] for row, each in enumerate(made))


def test_what_is_there_is_not_computed_again(tmp_path, monkeypatch):
    asked = []

    def measured(setting, seed, work):
        asked.append((setting.lane, setting.name, seed))
        if len(asked) == 5:
            raise KeyboardInterrupt
        return [{"lane": setting.lane, "setting": setting.name, "seed": seed}] * 2

    monkeypatch.setattr(mitigations, "measured", measured)
    arguments = ["--work", str(tmp_path), "--out", str(tmp_path / "rows.csv")]
    with pytest.raises(KeyboardInterrupt):
        mitigations.main(arguments)
    mitigations.main(arguments)
    assert len(asked) == 1 + len(set(asked))
    assert len(set(asked)) == 3 * len(mitigation_settings.SETTINGS)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1 + 2 * len(set(asked))


def test_the_page_holds_the_table():
    rows = mitigation_page.read(ROOT / mitigation_page.TABLE)
    page = (ROOT / mitigation_page.PAGE).read_text(encoding="utf-8")
    assert mitigation_page.written(page, rows) == page, "run `python -m benchmarks.mitigation_page`"
    for lane in mitigation_settings.LANES:
        assert mitigation_page.settings_of(rows, lane)[0] == mitigation_page.BASE


def test_differences_are_within_a_seed():
    setting = mitigation_page.Numbers({"0": 3.0, "1": 5.0, "2": 7.0})
    base = mitigation_page.Numbers({"0": 1.0, "1": 4.0, "3": 50.0})
    assert setting.minus(base).by_seed == {"0": 2.0, "1": 1.0}
    assert setting.with_half_width() == "**+5.0 ± 5.0**"  # 4.303 · 2 / sqrt(3)
    assert setting.minus(base).with_half_width() == "+1.5"
