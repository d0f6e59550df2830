"""Take a public file after showing its size, license and source.

Offline, or when a server refuses, the error says which file to download elsewhere and where to put it.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from dejavu.downloads import archive
from dejavu.downloads.http import (  # fmt: skip
    Patience,
    download,
    size_of,
    written,
)
from dejavu.downloads.places import read_facts, require_plain
from dejavu.downloads.published_files import DOWNLOADS, Download, RemoteFile
from dejavu.downloads.records import digests, mismatch, record_of, write_record
from dejavu.errors import FetchError, suggestion
from dejavu.run.progress import say


def fetch(
    name: str, folder: Path, *, ask: Callable[[str], bool], patience: Patience | None = None
) -> list[Path]:
    """Bring the files of `name` into `folder`, unless they are there, and check them.

    Args:
        name: a key of `DOWNLOADS`.
        folder: where the files go; made if needed. Never inside a DVC cache.
        ask: is asked once, after size, license and source were shown; False ends the call.
        patience: how to go on after a broken connection.

    Returns:
        The files (and the unpacked folder of an archive); empty if `ask` said no.

    Raises:
        FetchError: an unknown name, no connection, no room, a wrong checksum, or an existing file
            that is not the published one; the message says what to put where by hand.
    """
    wanted = entry(name)
    folder = folder.expanduser()
    if ".dvc" in folder.absolute().parts:
        raise FetchError(f"{folder}: is inside DVC's own folder. Choose another one with --to.")
    missing = [file for file in wanted.files if not _is_present(wanted, file, folder)]
    if missing:
        try:
            if not _agreed(wanted, folder, missing, ask):
                return []
            _take(wanted, folder, missing, patience or Patience())
        except FetchError as error:
            raise FetchError(f"{error}\n{_by_hand(wanted, folder, missing)}") from None
    paths = [folder / file.path for file in wanted.files]
    if wanted.unpacks_to is not None:
        paths.append(archive.unpacked(paths[0], folder / wanted.unpacks_to))
    say(f"{name}: ready in {folder}")
    return paths


def catalogue() -> Mapping[str, Download]:
    """Return everything that can be fetched, by name."""
    return DOWNLOADS


def entry(name: str) -> Download:
    """Return what is known about `name`; raises FetchError for an unknown one, with a suggestion."""
    if name not in DOWNLOADS:
        raise FetchError(f"nothing called {name!r} to fetch.{suggestion(name, DOWNLOADS)}")
    return DOWNLOADS[name]


def _is_present(entry: Download, file: RemoteFile, folder: Path) -> bool:
    """Check a file that lies there already against its record or what was published about it."""
    path = folder / file.path
    if not os.path.lexists(path):
        return False
    if not path.is_file():
        raise FetchError(f"{path}: is no file. Move it away and fetch again.")
    record = record_of(path)
    known = read_facts(record)
    if known == {}:
        raise FetchError(f"{record}: is no readable record. Remove it and fetch again.")
    known = known or {}
    if "sha256" not in known and not (file.sha256 or file.md5):
        say(f"{path}: there already; kept unchecked, as no checksum was published")
        return True
    found = digests(path)
    problem = mismatch(file, found)
    if "sha256" in known and known["sha256"] != found["sha256"]:
        problem = f"its record {record.name} says sha256 {known['sha256']}, found {found['sha256']}"
    if problem:
        raise FetchError(
            f"{path}: {problem}. Nothing is overwritten: move it away and fetch again."
        )
    if not known:
        require_plain(folder, record)
        write_record(path, file, found, _facts(entry))
    say(f"{path}: there already, checksum fits")
    return True


def _agreed(
    entry: Download, folder: Path, missing: list[RemoteFile], ask: Callable[[str], bool]
) -> bool:
    """Show what would be downloaded and return whether the user wants it."""
    sizes = [size_of(file) for file in missing]
    known = sum(size for size in sizes if size is not None)
    size = f"{known / 1e6:,.1f} MB" if None not in sizes else f"{known / 1e6:,.1f} MB or more"
    say(
        f"{entry.title}\n  license {entry.license}\n  source  {entry.source}\n"
        f"  size    {size} in {len(missing)} file(s)\n  to      {folder}"
    )
    return ask("Download?")


def _take(entry: Download, folder: Path, missing: list[RemoteFile], patience: Patience) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        # what was downloaded is never meant for the repository that it may lie in
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    for file in missing:
        for each in written(folder / file.path):
            require_plain(folder, each)
        download(file, folder / file.path, record=_facts(entry), patience=patience)


def _facts(entry: Download) -> dict[str, str]:
    return {"license": entry.license, "source": entry.source}


def _by_hand(entry: Download, folder: Path, missing: list[RemoteFile]) -> str:
    lines = [f"  {file.url}\n    -> {folder / file.path}{_expected(file)}" for file in missing]
    return "\n".join(
        [
            f"To do it by hand ({entry.license}; {entry.source}), download where there is a connection:",
            *lines,
            "Then run the same command again: it checks what lies there.",
        ]
    )


def _expected(file: RemoteFile) -> str:
    facts = {"bytes": file.n_bytes, "sha256": file.sha256, "md5": file.md5}
    known = ", ".join(f"{what} {value}" for what, value in facts.items() if value is not None)
    return f"  ({known})" if known else ""
