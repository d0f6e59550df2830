"""`dejavu fetch NAME`, against a server on the loopback."""

import hashlib
import io
import json
import os
import re
import shutil
import socket
import stat
import warnings
import zipfile

import pytest
import typer
from typer.testing import CliRunner

from dejavu.commands.fetch import command
from dejavu.downloads import fetch as module
from dejavu.downloads.fetch import fetch
from dejavu.downloads.http import Patience
from dejavu.downloads.published_files import DOWNLOADS, Download, RemoteFile
from dejavu.errors import FetchError
from tests.downloads.server import Site, serve
from tests.paths import ROOT

QUICK = Patience(attempts=2, wait_s=0.0)
FILES = {"/one": b"one", "/two": b"second"}


@pytest.fixture
def site():
    with serve(Site(files=dict(FILES))) as running:
        yield running


@pytest.fixture
def offer(site, monkeypatch):
    """Return a function that makes the catalogue hold one entry called ``thing``."""

    def put(url=None, unpacks_to=None, **known):
        url = url or site.url
        files = (
            RemoteFile(url=f"{url}/one", path="one.bin", **known),
            RemoteFile(url=f"{url}/two", path="deep/two.bin"),
        )
        entry = Download(
            title="A thing", license="MIT", source="https://example.org", folder="weights",
            files=files[: 1 if unpacks_to else 2], unpacks_to=unpacks_to,
        )  # fmt: skip
        monkeypatch.setattr(module, "DOWNLOADS", {"thing": entry})

    return put


def yes(question):
    return True


def never(question):
    raise AssertionError("there is nothing to ask")


def test_all_files_arrive_after_the_user_saw_what_they_are(offer, tmp_path, capsys):
    offer()
    shown = []

    def ask(question):
        shown.append(capsys.readouterr().err)
        assert not tmp_path.joinpath("to").exists()
        return True

    paths = fetch("thing", tmp_path / "to", ask=ask, patience=QUICK)
    assert [p.read_bytes() for p in paths] == [b"one", b"second"]
    assert len(shown) == 1
    for fact in ("license MIT", "https://example.org", "in 2 file(s)", str(tmp_path / "to")):
        assert fact in shown[0]
    assert (tmp_path / "to" / ".gitignore").read_text() == "*\n"


def test_no_is_no(offer, site, tmp_path):
    offer()
    assert fetch("thing", tmp_path / "to", ask=lambda question: False) == []
    assert site.gets() == []
    assert not (tmp_path / "to").exists()


def test_second_call_downloads_nothing_and_asks_nothing(offer, site, tmp_path):
    offer()
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    site.requests.clear()
    fetch("thing", tmp_path, ask=never, patience=QUICK)
    assert site.requests == []


def test_only_what_is_missing_is_downloaded(offer, site, tmp_path):
    offer()
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    (tmp_path / "deep" / "two.bin").unlink()
    site.requests.clear()
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert site.gets() == [("/two", None)]


def test_file_put_there_by_hand_is_checked_and_recorded(offer, tmp_path):
    offer(sha256=hashlib.sha256(b"one").hexdigest())
    (tmp_path / "one.bin").write_bytes(b"one")
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert json.loads((tmp_path / "one.bin.json").read_text())["checksum"] == "verified"


def test_wrong_file_put_there_by_hand_is_refused_and_kept(offer, tmp_path):
    offer(sha256=hashlib.sha256(b"one").hexdigest())
    (tmp_path / "one.bin").write_bytes(b"two")
    with pytest.raises(
        FetchError, match=r"expected sha256 .* Nothing is overwritten: move it away"
    ):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert (tmp_path / "one.bin").read_bytes() == b"two"


def test_file_that_changed_since_its_record_is_refused(offer, tmp_path):
    offer()
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    (tmp_path / "one.bin").write_bytes(b"eno")
    with pytest.raises(FetchError, match=r"its record one.bin.json says"):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)


def test_file_without_any_known_checksum_is_kept_and_said_to_be_unchecked(offer, tmp_path, capsys):
    offer()
    (tmp_path / "one.bin").write_bytes(b"mine")
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert (tmp_path / "one.bin").read_bytes() == b"mine"
    assert "kept unchecked" in capsys.readouterr().err


def test_offline_says_what_to_put_where(offer, tmp_path):
    with socket.socket() as taken:  # bound but not listening: refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        offer(url=url, n_bytes=3, sha256="ab" * 32)
        with pytest.raises(FetchError) as caught:
            fetch("thing", tmp_path / "to", ask=yes, patience=QUICK)
    message = str(caught.value)
    assert f"{url}/one\n    -> {tmp_path}/to/one.bin  (bytes 3, sha256 {'ab' * 32})" in message
    assert f"{url}/two\n    -> {tmp_path}/to/deep/two.bin" in message
    assert "Then run the same command again" in message


def test_name_that_does_not_resolve_says_so_at_once(offer, tmp_path, monkeypatch):
    def nowhere(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    offer(url="http://nowhere.invalid", n_bytes=3)
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(FetchError, match="Name or service not known"):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)


def test_part_of_a_failed_call_is_used_by_the_next_one(offer, site, tmp_path):
    offer()
    site.files["/one"] = b"x" * 5000
    site.breaks = [1000, 0, 0]
    with pytest.raises(FetchError, match=r"(?s)1000 bytes are kept.*by hand"):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert ("/one", "bytes=1000-") in site.gets()
    assert (tmp_path / "one.bin").stat().st_size == 5000


def test_unknown_name_is_guessed(tmp_path):
    with pytest.raises(FetchError, match="Did you mean 'vicreg_resnet50'"):
        fetch("vicreg_resnet5", tmp_path, ask=yes)


def test_cache_of_dvc_is_refused(offer, tmp_path):
    offer()
    with pytest.raises(FetchError, match="DVC"):
        fetch("thing", tmp_path / ".dvc" / "cache", ask=yes)


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        for name, text in members.items():
            out.writestr(name.replace("__", "/"), text)
    return stream.getvalue()


def test_archive_is_unpacked_beside_itself(offer, site, tmp_path):
    offer(unpacks_to="tree")
    site.files["/one"] = archive(tree__a="A", tree__b="B")
    paths = fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert paths == [tmp_path / "one.bin", tmp_path / "tree"]
    assert (tmp_path / "tree" / "b").read_text() == "B"
    assert not (tmp_path / "tree.part").exists()


def test_unpacked_folder_is_never_overwritten(offer, site, tmp_path):
    offer(unpacks_to="tree")
    site.files["/one"] = archive(tree__a="A")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("mine")
    fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert (tmp_path / "tree" / "a").read_text() == "mine"


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"no zip", "not a zip"), (archive(other__a="A"), "holds no folder 'tree'")],
    # an archive holds the time: by their values, workers would collect different tests
    ids=["no zip", "another folder"],
)
def test_archive_that_is_not_the_expected_one(offer, site, tmp_path, body, message):
    offer(unpacks_to="tree")
    site.files["/one"] = body
    with pytest.raises(FetchError, match=message):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert not (tmp_path / "tree").exists()


def test_command_lists_asks_and_fetches(offer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a project of its own: only one run at a time works in one
    offer()
    app = typer.Typer()
    app.command()(command)
    run = CliRunner().invoke
    assert re.search("thing .* A thing .* MIT", run(app, []).output)
    assert json.loads(run(app, ["--json"]).output)[0]["license"] == "MIT"
    assert run(app, ["thing", "--to", str(tmp_path)], input="n\n").exit_code == 0
    assert not (tmp_path / "one.bin").exists()
    assert run(app, ["thing", "--to", str(tmp_path), "--yes"]).exit_code == 0
    assert (tmp_path / "one.bin").exists()


def test_default_folder_is_the_data_root(offer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a project of its own: only one run at a time works in one
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"))
    offer()
    app = typer.Typer()
    app.command()(command)
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path / "root"))
    assert CliRunner().invoke(app, ["thing", "--yes"]).exit_code == 0
    assert (tmp_path / "root" / "weights" / "one.bin").exists()


@pytest.mark.parametrize("name", DOWNLOADS)
def test_catalogue_entries_are_complete(name):
    entry = DOWNLOADS[name]
    assert entry.title
    assert entry.license
    assert entry.source.startswith("http")
    assert len({file.path for file in entry.files}) == len(entry.files)
    for file in entry.files:
        assert re.fullmatch(r"https?://[^ ]+", file.url)
        assert not file.path.startswith(("/", "."))
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.md5 is None or re.fullmatch("[0-9a-f]{32}", file.md5)
    assert entry.unpacks_to is None or entry.files[0].path.endswith(".zip")


def test_different_files_never_share_a_path():
    seen = {}
    for entry in DOWNLOADS.values():
        for file in entry.files:
            assert seen.setdefault(f"{entry.folder}/{file.path}", file.url) == file.url


@pytest.mark.parametrize(
    "place",
    ["one.bin", "one.bin.json", "one.bin.part", "one.bin.part.json", "deep", "deep/two.bin.part"],
)
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "hard link", "folder"])
def test_nothing_is_written_through_what_others_put_there(offer, tmp_path, place, kind):
    offer()
    mine = tmp_path / "mine"
    mine.write_text("mine")
    target = tmp_path / "to" / place
    target.parent.mkdir(parents=True)
    if kind == "link":
        target.symlink_to(mine if place != "deep" else tmp_path)
    elif kind == "dangling":
        target.symlink_to(tmp_path / "made")
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind == "hard link":
        target.hardlink_to(mine)
    else:
        target.mkdir()
    before = sorted(tmp_path.iterdir())
    if (place, kind) in {("one.bin", "link"), ("one.bin", "hard link")} or (place, kind) == (
        "deep",
        "folder",
    ):  # only read, and not ours
        fetch("thing", tmp_path / "to", ask=yes, patience=QUICK)
    else:
        with pytest.raises(FetchError):
            fetch("thing", tmp_path / "to", ask=yes, patience=QUICK)
    assert mine.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == before


def test_the_folder_itself_may_be_a_link_to_a_larger_disk(offer, tmp_path):
    offer()
    (tmp_path / "disk").mkdir()
    (tmp_path / "to").symlink_to("disk")
    fetch("thing", tmp_path / "to", ask=yes, patience=QUICK)
    assert (tmp_path / "disk" / "one.bin").read_bytes() == b"one"


def raw_archive(*members):
    """Return a zip archive of (name, content, mode of the file) as they are given."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("tree/a", "A")
        for name, content, mode in members:
            member = zipfile.ZipInfo("x")
            member.filename = name  # the constructor would clean it
            member.external_attr = mode << 16
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out.writestr(member, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("../evil", 0, "lies outside 'tree'"),
        ("/etc/evil", 0, "lies outside 'tree'"),
        ("tree/../../evil", 0, "has no plain path"),
        ("tree//x", 0, "has no plain path"),
        ("tree/./x", 0, "has no plain path"),
        ("tree/a\\..\\evil", 0, "has no plain path"),
        ("tree/C:evil", 0, "has no plain path"),
        ("tree/\x1b[31m", 0, r"tree/\\x1b\[31m' has no plain path"),
        ("tree2/x", 0, "lies outside 'tree'"),
        ("tree/link", stat.S_IFLNK | 0o777, "is no plain file"),
        ("tree/pipe", stat.S_IFIFO | 0o666, "is no plain file"),
        ("tree/a", 0, "holds a file twice"),
    ],
)
def test_an_archive_with_hostile_names_is_refused_whole(offer, site, tmp_path, name, mode, message):
    offer(unpacks_to="tree")
    site.files["/one"] = raw_archive((name, "evil", mode))
    with pytest.raises(FetchError, match=message):
        fetch("thing", tmp_path / "to", ask=yes, patience=QUICK)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["to"]
    assert not (tmp_path / "to" / "tree").exists()
    assert not (tmp_path / "to" / "tree.part").exists()


def test_an_archive_larger_than_the_disk_is_refused_before_its_first_byte(offer, site, tmp_path):
    offer(unpacks_to="tree")
    body = bytearray(raw_archive(("tree/b", b"0" * 1000, 0)))
    at = body.rindex(b"PK\x01\x02")  # the last entry of the directory states its size
    body[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    site.files["/one"] = bytes(body)
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 31)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(FetchError, match=r"unpacking needs \d{10} free bytes"):
            fetch("thing", tmp_path, ask=yes, patience=QUICK)


def test_a_damaged_archive_leaves_nothing(offer, site, tmp_path):
    offer(unpacks_to="tree")
    body = bytearray(raw_archive(("tree/b", os.urandom(1000), 0)))
    body[200:300] = bytes(100)
    site.files["/one"] = bytes(body)
    with pytest.raises(FetchError, match="cannot|can be unpacked|not a zip"):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)
    assert not (tmp_path / "tree").exists()


def test_an_encrypted_archive_is_named(offer, site, tmp_path):
    offer(unpacks_to="tree")
    body = bytearray(raw_archive())
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    site.files["/one"] = bytes(body)
    with pytest.raises(FetchError, match="encrypted"):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)


@pytest.mark.parametrize("record", ["{", "[]", "\ud800", "[" * 50_000])
def test_a_record_that_cannot_be_read_is_named(offer, tmp_path, record):
    offer()
    (tmp_path / "one.bin").write_bytes(b"one")
    (tmp_path / "one.bin.json").write_text(record, errors="surrogatepass")
    with pytest.raises(FetchError, match="is no readable record. Remove it"):
        fetch("thing", tmp_path, ask=yes, patience=QUICK)
