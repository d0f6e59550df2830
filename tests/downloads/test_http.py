"""One file over HTTP, against a server on the loopback."""

import errno
import hashlib
import io
import json
import shutil

import pytest

from dejavu.downloads import http
from dejavu.downloads.http import Patience, download
from dejavu.downloads.published_files import RemoteFile
from dejavu.errors import FetchError
from tests.downloads.server import Site, serve

BODY = bytes(range(256)) * 40
SHA256 = hashlib.sha256(BODY).hexdigest()
QUICK = Patience(attempts=2, wait_s=0.0)


@pytest.fixture
def site():
    with serve(Site(files={"/a.pth": BODY})) as running:
        yield running


def get(site, tmp_path, patience=QUICK, **known):
    path = tmp_path / "sub" / "a.pth"
    file = RemoteFile(url=f"{site.url}/a.pth", path="a.pth", **known)
    download(file, path, record={"license": "MIT"}, patience=patience)
    return path


def test_download_writes_the_file_and_its_record(site, tmp_path):
    path = get(site, tmp_path, sha256=SHA256)
    assert path.read_bytes() == BODY
    assert json.loads(path.with_name("a.pth.json").read_text()) == {
        "url": f"{site.url}/a.pth", "bytes": len(BODY), "sha256": SHA256, "license": "MIT",
        "checksum": "verified",
    }  # fmt: skip
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.pth", "a.pth.json"]


def test_unknown_checksum_is_recorded_as_such(site, tmp_path):
    record = json.loads(get(site, tmp_path).with_name("a.pth.json").read_text())
    assert (record["sha256"], record["checksum"]) == (SHA256, "recorded on arrival")


def test_broken_connection_resumes_where_it_stopped(site, tmp_path):
    site.breaks = [3000, 4000]
    assert get(site, tmp_path).read_bytes() == BODY
    assert [span for _, span in site.gets()] == [None, "bytes=3000-", "bytes=7000-"]


def test_second_call_resumes_the_part_of_the_first(site, tmp_path):
    site.breaks = [3000, 0, 0]
    with pytest.raises(FetchError, match="3000 bytes are kept; the same command goes on"):
        get(site, tmp_path)
    site.requests.clear()
    assert get(site, tmp_path).read_bytes() == BODY
    assert site.gets() == [("/a.pth", "bytes=3000-")]


def test_changed_file_is_not_glued_to_the_old_part(site, tmp_path):
    site.breaks = [3000, 0, 0]
    with pytest.raises(FetchError):
        get(site, tmp_path)
    site.files["/a.pth"], site.etag = BODY[::-1], '"2"'
    assert get(site, tmp_path).read_bytes() == BODY[::-1]


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_part_without_a_strong_validator_is_kept_only_if_a_checksum_will_judge(
    site, tmp_path, etag
):
    site.etag = etag
    site.breaks = [3000, 0, 0]
    with pytest.raises(FetchError):
        get(site, tmp_path, sha256=SHA256)
    site.requests.clear()
    site.breaks = [100]
    assert get(site, tmp_path, sha256=SHA256).read_bytes() == BODY
    assert site.gets()[0] == ("/a.pth", "bytes=3000-")
    other = tmp_path / "other"
    site.breaks = [3000]
    assert get(site, other).read_bytes() == BODY
    assert site.gets()[-1] == ("/a.pth", None)


def test_server_without_ranges_sends_it_all_again(site, tmp_path):
    site.has_ranges, site.breaks = False, [3000]
    assert get(site, tmp_path).read_bytes() == BODY


def test_complete_part_of_a_killed_call_is_accepted(site, tmp_path):
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "a.pth.part").write_bytes(BODY)
    (folder / "a.pth.part.json").write_text(
        json.dumps({"url": f"{site.url}/a.pth", "validator": '"1"'})
    )
    assert get(site, tmp_path, sha256=SHA256).read_bytes() == BODY
    assert len(site.gets()) == 1


def test_part_longer_than_the_file_starts_anew(site, tmp_path):
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "a.pth.part").write_bytes(BODY + b"more")
    (folder / "a.pth.part.json").write_text(
        json.dumps({"url": f"{site.url}/a.pth", "validator": '"1"'})
    )
    assert get(site, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize(
    "known", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"n_bytes": len(BODY) + 1}]
)
def test_wrong_content_is_removed_and_refused(site, tmp_path, known):
    with pytest.raises(FetchError, match=r"expected \w+ .*, found .* removed"):
        get(site, tmp_path, **known)
    assert list((tmp_path / "sub").iterdir()) == []


def test_existing_file_is_never_overwritten(site, tmp_path):
    path = tmp_path / "sub" / "a.pth"
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(FetchError, match="nothing is overwritten"):
        get(site, tmp_path)
    assert path.read_text() == "mine"
    assert site.requests == []


def test_redirect_is_followed_also_when_resuming(site, tmp_path):
    site.files = {"/b.pth": BODY}
    site.redirects = {"/a.pth": "/b.pth"}
    site.breaks = [3000]
    assert get(site, tmp_path).read_bytes() == BODY
    assert ("/b.pth", "bytes=3000-") in site.gets()


def test_redirect_away_from_encryption_is_refused():
    request = http.urllib.request.Request("https://example.org/a")
    with pytest.raises(FetchError, match="not encrypted"):
        http._NoDowngrade().redirect_request(
            request, None, 302, "Found", {}, "http://example.org/a"
        )


def test_full_disk_is_seen_before_the_first_byte(site, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(http.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(FetchError, match=r"needs \d+ bytes, 1000 are free. .*--to"):
        get(site, tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_disk_that_fills_up_on_the_way_keeps_the_part(site, tmp_path, monkeypatch, code):
    class Full(io.RawIOBase):
        def __init__(self, stream):
            self.stream = stream

        def write(self, block):
            if self.stream.tell():
                raise OSError(code, "No space left on device")
            return self.stream.write(block[:2000])

    copy = http._copy
    with monkeypatch.context() as patch:
        patch.setattr(http, "_copy", lambda r, s, *rest, **more: copy(r, Full(s), *rest, **more))
        with pytest.raises(FetchError, match="disk is full after 2000 bytes. They are kept"):
            get(site, tmp_path)
    assert (tmp_path / "sub" / "a.pth.part").stat().st_size == 2000
    assert get(site, tmp_path).read_bytes() == BODY
    assert site.gets()[-1] == ("/a.pth", "bytes=2000-")


def test_server_that_is_busy_is_asked_again(site, tmp_path):
    site.errors = [503, 429]
    assert get(site, tmp_path, Patience(attempts=3, wait_s=0.0)).read_bytes() == BODY


def test_server_that_stays_busy_ends_in_an_error(site, tmp_path):
    site.errors = [503] * 5
    with pytest.raises(FetchError, match="answered 503"):
        get(site, tmp_path)
    assert len(site.gets()) == QUICK.attempts


def test_missing_file_is_not_asked_for_twice(site, tmp_path):
    site.files = {}
    with pytest.raises(FetchError, match="404"):
        get(site, tmp_path)
    assert len(site.gets()) == 1


def test_answer_without_a_length_is_taken_to_its_end(site, tmp_path):
    site.has_length = False
    assert get(site, tmp_path, sha256=SHA256).read_bytes() == BODY


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(FetchError, match="only http and https"):
        download(
            RemoteFile(url="file:///etc/hostname", path="a"),
            tmp_path / "a",
            record={},
            patience=QUICK,
        )


def test_size_comes_from_the_server_or_stays_unknown(site):
    file = RemoteFile(url=f"{site.url}/a.pth", path="a.pth")
    assert http.size_of(file) == len(BODY)
    site.has_head = False
    assert http.size_of(file) is None
    assert http.size_of(RemoteFile(url=file.url, path="a", n_bytes=7)) == 7


def test_a_swapped_part_is_not_continued(site, tmp_path):
    site.breaks = [3000, 0, 0]
    with pytest.raises(FetchError, match="3000 bytes are kept"):
        get(site, tmp_path)
    part = tmp_path / "sub" / "a.pth.part"
    part.write_bytes(b"x" * 3000)
    assert get(site, tmp_path).read_bytes() == BODY
    assert site.gets()[-1] == ("/a.pth", None)


def test_what_a_killed_call_wrote_after_its_last_note_is_fetched_again(site, tmp_path):
    site.breaks = [3000, 0, 0]
    with pytest.raises(FetchError):
        get(site, tmp_path)
    with (tmp_path / "sub" / "a.pth.part").open("ab") as stream:
        stream.write(b"garbage")
    assert get(site, tmp_path).read_bytes() == BODY
    assert site.gets()[-1] == ("/a.pth", "bytes=3000-")


@pytest.mark.parametrize(
    "state",
    [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"url": 1, "bytes": "x"}', b" " * 200_000],
)
def test_a_state_that_says_nothing_starts_anew(site, tmp_path, state):
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "a.pth.part").write_bytes(b"x" * 3000)
    (folder / "a.pth.part.json").write_bytes(state)
    assert get(site, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("has_length", [True, False])
def test_a_server_that_sends_more_than_was_published_is_stopped(site, tmp_path, has_length):
    site.has_length = has_length
    with pytest.raises(FetchError, match="published are 1000|more than 1000 bytes arrive"):
        get(site, tmp_path, n_bytes=1000)
    part = tmp_path / "sub" / "a.pth.part"
    assert not part.exists() or part.stat().st_size <= 1000


def test_a_file_of_unknown_size_ends_where_the_disk_does(site, tmp_path, monkeypatch):
    site.has_length = False
    usage = shutil.disk_usage(tmp_path)._replace(free=http.SPARE_BYTES + 500)
    monkeypatch.setattr(http.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(FetchError, match="more than 500 bytes arrive"):
        get(site, tmp_path)


@pytest.mark.parametrize("address", ["ftp://example.org/a", "file:///etc/passwd", "http://[::1"])
def test_redirects_lead_to_http_only(site, tmp_path, address):
    site.redirects = {"/a.pth": address}
    with pytest.raises(FetchError):
        get(site, tmp_path)
