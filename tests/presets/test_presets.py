"""Every preset is complete: all stages can read it, and a dry run only misses files that it names."""

import ast
import re

import pytest

from dejavu.check import check, sections
from tests.paths import ROOT

PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
NAMES = [path.stem for path in PRESETS]
EXPECTED = {
    "cc12m-rn50", "cifar10", "clip-mia-bench", "coco-clip", "dinov2", "efficientnet-lite", "imagenet-oss",
    "imagenet-two-model", "my-model", "no-model-at-hand", "shutterstock-like", "siglip2", "sweep",
    "tiny-imagenet", "yfcc15m-rn50",
}  # fmt: skip
EMBEDDED = {"sweep"}  # their images are generated, so that nothing is missing


def test_there_is_a_preset_for_every_case():
    assert set(NAMES) >= EXPECTED


def test_the_readme_lists_every_preset_once():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|", text.partition("| preset | audits |")[2], re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`([\w-]+)`", row)]
    assert sorted(listed) == sorted(NAMES)


def test_sections_are_those_that_the_stages_read():
    """The dry run would be worth nothing if a stage read another section, or with another schema."""
    known = {(_starred(name), _name(schema)) for name, schema in sections.SECTIONS}
    scripts = [*(ROOT / "stages").glob("*.py"), ROOT / "dejavu/report/from_params.py"]
    read = {call for script in scripts for call in _sections_read(script)}
    for name, schema in read - known:  # one script names both lanes, others say which by a flag
        lane, _, rest = name.partition(".")
        assert lane in sections.LANES
        assert (f"*.{rest}", schema) in known
    assert known <= read


@pytest.mark.parametrize("path", [*PRESETS, ROOT / "params.yaml"], ids=lambda path: path.stem)
@pytest.mark.slow
def test_every_stage_can_read_every_section(path):
    findings, values = sections.read_all(path)
    findings += sections.compare(values)
    assert [finding for finding in findings if finding.status != "ok"] == []
    assert len(findings) > len(sections.SECTIONS)


@pytest.mark.parametrize("path", PRESETS, ids=NAMES)
@pytest.mark.slow
def test_a_dry_run_without_data_misses_files_and_finds_nothing_wrong(path, tmp_path, monkeypatch):
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path))
    findings = check(path)
    assert [finding for finding in findings if finding.status == "wrong"] == []
    missing = [finding for finding in findings if finding.status == "missing"]
    is_embedded = path.stem in EMBEDDED
    assert is_embedded != any(finding.what.startswith("corpus") for finding in missing)
    for finding in missing:
        assert str(tmp_path) in finding.detail


@pytest.mark.parametrize("path", PRESETS, ids=NAMES)
def test_it_opens_with_what_it_needs_takes_and_compares_with(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.stem}: ")
    head = text.partition("\nseed:")[0]
    for word in ("Needs", "Takes", "Paper", "Use"):
        assert f"\n# {word:8}" in head
    assert f"cp presets/{path.name} params.yaml" in head


def _starred(name: str) -> str:
    return re.sub(r"\{[^}]*\}", "*", name)


def _name(schema) -> str:
    names = [name for name, value in vars(sections).items() if value is schema]
    if names or not isinstance(schema, type):
        return (names or [f"dict[str, {schema.__args__[1].__name__}]"])[0]
    return schema.__name__


def _sections_read(script) -> set[tuple[str, str]]:
    """Return the names and schemas of `section(path, NAME, SCHEMA)` calls, `*` for what varies."""
    calls = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] != "section":
            continue
        name, schema = node.args[1], ast.unparse(node.args[2])
        parts = name.values if isinstance(name, ast.JoinedStr) else [name]
        text = "".join(p.value if isinstance(p, ast.Constant) else "*" for p in parts)
        calls.add((text, schema))
    return calls
