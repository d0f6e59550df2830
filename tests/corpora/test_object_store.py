"""Corpora in an object store give the tables of the same files in a folder, and nothing outside is opened."""

import builtins
import json

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.corpora.image_reader import ImageError, ImageReader
from dejavu.corpora.roots import external_root
from dejavu.errors import DataError, ParamsError
from dejavu.files import remote
from dejavu.files.remote import Copies, RemotePath
from dejavu.params.corpora import CorpusParams
from dejavu.params.machine import data_folder
from dejavu.run import external_files
from dejavu.tables.parquet import fingerprint
from tests.corpora.image_files import BAD, GOOD, photo
from tests.corpora.test_build import built, files, folder_settings, machine
from tests.corpora.test_caption_corpora import image, shard

pytestmark = pytest.mark.slow  # a server, and a library that takes a second to import


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = running.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "of nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("NO_PROXY", host)
        # fsspec keeps what it opened: in another module's tests, of a server that has stopped
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield
        fsspec.get_filesystem_class("s3").clear_instance_cache()
    running.stop()


@pytest.fixture
def bucket(server):
    """An empty bucket, as fsspec opens it."""
    store = fsspec.filesystem("s3")
    store.invalidate_cache()
    if store.exists("audit"):
        store.rm("audit", recursive=True)
    store.mkdir("audit")
    return store


def upload(bucket, folder, below):
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            bucket.pipe_file(f"{below}/{path.relative_to(folder).as_posix()}", path.read_bytes())


@pytest.fixture
def photos(tmp_path, bucket):
    """Images good and bad, deep, hidden and without an extension, in a folder and in the bucket."""
    every = {**GOOD, **{name: content for name, (content, _) in BAD.items()}}
    for number, (name, content) in enumerate(every.items()):
        path = tmp_path / "photos" / ("bird" if number % 2 else "Cat") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for place in (
        "bird/b/deep.jpg",
        "bird/a.jpg",
        "bird/.hidden.jpg",
        ".git/x.jpg",
        "bird/c",
        "Cat/B/y.png",
    ):
        path = tmp_path / "photos" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(len(place), size=(40, 30)))
    (tmp_path / "photos/bird/notes.txt").write_text("not an image")
    (tmp_path / "photos/boxes.csv").write_text(
        "path,x0,y0,x1,y1,label\nbird/a.jpg,1,2,11,12,crow\nbird/b/deep.jpg,5,5,20,20,finch\n"
    )
    upload(bucket, tmp_path / "photos", "audit/photos")
    return tmp_path


@pytest.mark.parametrize(
    "changes", [{}, {"boxes": "boxes.csv"}, {"boxes": "boxes.csv", "labels": "boxes"}]
)
def test_an_image_folder_gives_the_tables_of_the_folder(photos, changes):
    here = folder_settings(max_dropped_share=1.0) | changes
    rows = built(photos / "here", here, data_root=photos)
    there = here | {"root": "s3://audit/photos"}
    found = built(photos / "there", there, data_root="/nowhere", workers=4)
    assert [row["uri"] for row in found] == [row["uri"] for row in rows]
    assert len(rows) > 10
    for table in ("samples.parquet", "labels.parquet"):
        assert fingerprint(photos / "here" / table) == fingerprint(photos / "there" / table)
    with ImageReader.open(files(photos / "there").images, "/nowhere") as reader:
        for row in found:
            if row["problem"] is None:
                assert reader.read(row["uri"]).size == (row["width_px"], row["height_px"])


def test_a_data_root_in_a_store_is_what_corpora_are_relative_to(photos, monkeypatch):
    built(photos / "here", folder_settings(max_dropped_share=1.0), data_root=photos)
    built(photos / "there", folder_settings(max_dropped_share=1.0), data_root="s3://audit")
    assert fingerprint(photos / "here/samples.parquet") == fingerprint(
        photos / "there/samples.parquet"
    )
    assert str(data_folder("s3://audit")) == "."  # where files are that are opened here
    monkeypatch.setenv("DEJAVU_DATA_ROOT", "s3://audit")
    assert external_root("/data", "photos") == RemotePath("s3://audit/photos")


def test_shards_give_the_table_of_the_folder(tmp_path, bucket):
    folder = tmp_path / "shards"
    folder.mkdir()
    members = [("7.jpg", image(7)), ("7.txt", b"seven"), ("2.jpg", image(2)), ("3.txt", b"lost")]
    shard(folder / "00000.tar", members)
    shard(
        folder / "00001.tar",
        [("9.jpg", image(9)), ("9.txt", b"nine"), ("8.jpg", image(8)), ("8.txt", b"")],
    )
    cut = (folder / "00001.tar").read_bytes()
    (folder / "00001.tar").write_bytes(cut[: cut.rindex(image(8)[:4]) + 30])
    status = {"key": ["1", "5", "7"], "status": ["failed_to_download", "success", "success"]}
    pq.write_table(pa.table(status), folder / "00000.parquet")
    upload(bucket, folder, "audit/shards")
    settings = {
        "adapter": "webdataset", "max_dropped_share": 1.0, "root": "shards", "shards": "*.tar",
        "caption_extensions": ["txt"],
    }  # fmt: skip
    rows = built(tmp_path / "here", settings, data_root=tmp_path, lane="caption")
    there = settings | {"root": "s3://audit/shards"}
    found = built(tmp_path / "there", there, data_root="/nowhere", lane="caption")
    assert found == rows
    assert {row["problem"] for row in rows} >= {
        None,
        "no_image",
        "lost_from_shard",
        "shard_cut_off",
    }
    assert fingerprint(tmp_path / "here/samples.parquet") == fingerprint(
        tmp_path / "there/samples.parquet"
    )
    usable = [row["uri"] for row in found if row["problem"] is None]
    with ImageReader.open(files(tmp_path / "there").images, "/nowhere") as reader:
        assert [reader.read(uri).size for uri in usable] == [(8, 8)] * len(usable)
        with pytest.raises(ImageError, match="missing"):
            reader.read("00000.tar#no.jpg")


@pytest.mark.parametrize(
    "uri", ["../secret.jpg", "a/../../secret.jpg", "..", "a//b.jpg", "../x.tar#a.jpg"]
)
def test_nothing_outside_the_root_is_opened(bucket, uri, monkeypatch):
    bucket.pipe_file("audit/secret.jpg", photo(1))
    bucket.pipe_file("audit/photos/in.jpg", photo(2))
    with ImageReader(RemotePath.of("s3://audit/photos")) as reader:
        assert reader.read("in.jpg").width
        monkeypatch.setattr(remote, "_opened", lambda scheme: pytest.fail("asked the store"))
        with pytest.raises(ImageError, match="root|leads out"):
            reader.read_bytes(uri)


def test_keys_that_lead_elsewhere_are_no_files_of_a_folder(bucket, monkeypatch):
    listed = {
        name: {"type": "file", "size": 1, "ETag": "x"}
        for name in (
            "audit/p/a.jpg",
            "audit/p/../b.jpg",
            "audit/p//c.jpg",
            "audit/q/d.jpg",
            "audit/p",
        )
    }
    monkeypatch.setattr(type(bucket), "find", lambda *_, **__: listed)
    assert [each.name for each in RemotePath.of("s3://audit/p").files()] == ["a.jpg"]


def test_a_record_changes_with_the_contents_of_the_store(photos, bucket, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where what was read is remembered

    def noted():
        corpus = CorpusParams.model_validate(folder_settings(boxes="boxes.csv")).root
        settings = external_files.ExternalSettings(
            sections={"image/corpus": corpus}, data_folder=tmp_path, store="s3://audit"
        )
        external_files.record(settings=settings, out=tmp_path / "out")
        return json.loads((tmp_path / "out/image/corpus.json").read_text())["outside"]

    first = noted()
    assert [each["path"] for each in first] == ["photos", "photos/boxes.csv"]
    assert noted() == first
    size = len(bucket.cat_file("audit/photos/boxes.csv"))
    bucket.pipe_file("audit/photos/boxes.csv", b"x" * size)  # as long as before
    changed = noted()
    assert all(a != b for a, b in zip(first, changed, strict=True))
    bucket.rm("audit/photos/boxes.csv")
    assert noted()[1] == {"path": "photos/boxes.csv", "is_missing": True}


def test_what_is_not_there_is_said(bucket, tmp_path):
    with pytest.raises(DataError, match="s3://audit/photos: no such folder"):
        built(tmp_path, folder_settings(), data_root="s3://audit")
    bucket.pipe_file("audit/photos/a/x.jpg", photo(1))
    with pytest.raises(DataError, match=r"s3://audit/photos/boxes\.csv: cannot be read"):
        built(tmp_path, folder_settings(boxes="boxes.csv"), data_root="s3://audit")
    bucket.pipe_file("audit/photos/boxes.csv", b"x,y\n1,2\n")
    with pytest.raises(DataError, match=r"s3://audit/photos/boxes\.csv: .*path"):
        built(tmp_path, folder_settings(boxes="boxes.csv"), data_root="s3://audit")


def test_whatever_the_library_raises_is_an_error_of_reading(monkeypatch):
    class Refusing:
        def cat_file(self, *_):
            raise RuntimeError("no credentials\nand a traceback")

        info = cat_file

    monkeypatch.setattr(remote, "_opened", lambda scheme: Refusing())
    with ImageReader(RemotePath.of("s3://audit")) as reader, pytest.raises(ImageError):
        reader.read_bytes("a.jpg")
    with pytest.raises(OSError, match="RuntimeError: no credentials$"):
        RemotePath.of("s3://audit/a.jpg").read_bytes()


@pytest.mark.parametrize(
    "url", ["http://x/y", "s3://", "s3:///", "gs://a::b", "s3://a/../b", "s3://a//b"]
)
def test_a_place_that_cannot_be_read_is_a_parameter_error(url):
    with pytest.raises(ParamsError, match="expected s3://bucket/folder or gs://|Write it out"):
        RemotePath.of(url)


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    imported = builtins.__import__

    def without(name, *arguments, **options):
        if name == "gcsfs":
            raise ImportError(name)
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ParamsError, match=r"gs:// needs gcsfs: pip install 'dejavu-audit\[gs\]'"):
        RemotePath.of("gs://audit/photos").exists()


def test_other_adapters_and_files_say_that_they_are_read_here(tmp_path):
    settings = {
        "adapter": "captions_table",
        "max_dropped_share": 0.5,
        "root": "s3://audit",
        "table": "a.csv",
    }
    columns = {"path_column": "p", "caption_column": "c"}
    with pytest.raises(ParamsError, match="image_folder and webdataset read object stores"):
        built(tmp_path, settings | columns, lane="caption")
    with pytest.raises(ParamsError, match="Copy this to a folder of this machine"):
        open(RemotePath.of("s3://audit/weights.pth"))  # noqa: PTH123, SIM115
    assert machine("s3://audit").store == "s3://audit"
    assert machine("/data").store is None


def test_the_last_copies_are_kept_and_all_go(bucket, tmp_path):
    for number in range(6):
        bucket.pipe_file(f"audit/{number}.tar", bytes([number]))
    copies = Copies()
    places = [RemotePath.of(f"s3://audit/{number}.tar") for number in range(6)]
    kept = [copies.local(place) for place in places]
    assert [path.is_file() for path in kept] == [False, False, True, True, True, True]
    assert copies.local(places[5]) == kept[5]
    assert copies.local(places[0]).read_bytes() == b"\0"
    assert copies.local(tmp_path) == tmp_path
    copies.close()
    assert not any(path.exists() for path in kept)
