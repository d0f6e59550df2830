"""Turns of phrase that were misread once do not come back, anywhere that people read."""

import re

import pytest

from tests.paths import ROOT

MISREAD = {
    r"nobody (?:was|is) trained on": "no model was trained on",
    r"two models,? \(?VICReg": "second model (VICReg)",
    r"how sure,? compared to what": "with n and interval",
    r"bounds of nothing": "no interval",
    r"% of the images are memorized(?!\")": "an excess is a difference of rates",
}
READ = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "dejavu/**/*.py",
        "dejavu/templates/**/*",
        "dejavu/sql/*.sql",
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
)


@pytest.mark.parametrize("phrase", MISREAD)
def test_misread_phrases_are_absent(phrase):
    found = [
        path.relative_to(ROOT).as_posix()
        for path in READ
        if re.search(phrase, " ".join(path.read_text(encoding="utf-8").split()), re.IGNORECASE)
    ]
    assert found == [], f"say instead: {MISREAD[phrase]}"


def test_every_word_of_the_verdicts_and_galleries_is_in_the_glossary():
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([^|]+) \|", glossary, re.MULTILINE)[2:]
    assert words == sorted(words, key=str.lower)
    for word in ("memorizes", "too few samples to tell", "control differs", "flagged", "listed"):
        assert word in words
