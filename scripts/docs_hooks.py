"""The site of the documentation beside docs/: pages of the root, and links that leave the site as text."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = ("THREATS.md", "CONTRIBUTING.md", "CHANGELOG.md")  # of the root, shown as pages
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the root."""
    from mkdocs.structure.files import File

    for name in PAGES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to files of the root to their pages; what is no page is named, not linked."""
    source = page.file.src_uri
    folder = ROOT if source in PAGES else (ROOT / "docs" / source).parent
    up = "../" * source.count("/")

    def link(found: re.Match[str]) -> str:
        mark, words, target, anchor = found[1], found[2], found[3], found[4] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        where = (folder / target).resolve()
        if where.parent == ROOT and where.name in PAGES:
            return f"[{words}]({up}{where.name}{anchor})"
        if where.is_relative_to(ROOT / "docs") and where.suffix in (".md", ".png", ".json"):
            return f"{mark}[{words}]({up}{where.relative_to(ROOT / 'docs').as_posix()}{anchor})"
        return words

    return _LINK.sub(link, markdown)
