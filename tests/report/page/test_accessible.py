"""The page for people who hear it, or see little: axe-core finds nothing serious, in light and in dark."""

import os
from pathlib import Path

import pytest

from tests.paths import ROOT

# Colors, names, landmarks, roles: https://github.com/dequelabs/axe-core, by `npm install --no-save axe-core`
AXE = Path(os.environ.get("AXE_CORE", ROOT / "node_modules" / "axe-core")) / "axe.min.js"
FOUND = (
    "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations"
    ".filter(each => ['serious', 'critical'].includes(each.impact))"
    ".map(each => [each.id, each.nodes.slice(0, 3).map(node => node.html.slice(0, 200))]))"
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_axe_finds_nothing_serious(chromium, page_file, theme, width):
    if not AXE.is_file():
        pytest.skip(f"{AXE} is not there: `npm install --no-save axe-core`, or set AXE_CORE")
    with chromium.tab() as tab:
        tab.call("Page.setBypassCSP", enabled=True)  # the page lets no script of others run
        tab.resize(width, 900)
        tab.go(page_file.as_uri())
        tab.wait("!document.getElementById('gallery-app').hidden")
        tab.value(f"document.documentElement.dataset.theme = {theme!r}")
        tab.value("for (const each of document.querySelectorAll('details')) each.open = true")
        tab.value(AXE.read_text(encoding="utf-8") + "; 0")
        assert tab.value(FOUND) == []
        tab.value("localStorage.removeItem('dejavu-theme')")
