"""docs/ as a site: built strict, it loads nothing from a network, and every page has its place in it."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.paths import ROOT

LOADED = re.compile(r'<(?:script|img|link|iframe)\b[^>]*?\b(?:src|href)="(https?://[^"]+)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if importlib.util.find_spec("material") is None:
        pytest.skip('mkdocs-material is not installed: pip install ".[docs]"')
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
def test_every_page_is_in_the_site_and_has_text(site):
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert len(pages) > 15
    for page in pages:
        name = "index.html" if page.name == "README.md" else f"{page.stem}.html"
        assert len((site / page.parent / name).read_text(encoding="utf-8")) > 2000
    for name in ("THREATS", "CONTRIBUTING", "CHANGELOG"):
        assert (site / f"{name}.html").is_file()


@pytest.mark.slow
def test_the_site_loads_nothing_from_a_network(site):
    found = {
        url
        for page in site.rglob("*.html")
        for url in LOADED.findall(page.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.slow
def test_links_to_root_files_lead_to_their_pages(site):
    assert 'href="THREATS.html"' in (site / "threat-model.html").read_text(encoding="utf-8")
    assert 'href="../THREATS.html"' in (site / "results/index.html").read_text(encoding="utf-8")
