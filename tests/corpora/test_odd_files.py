"""Listings and files in the states they come in: read, counted by reason, or a named error."""

import io
import math
import os
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dejavu.annotators import names as class_names
from dejavu.corpora import coco_json
from dejavu.corpora.files import image_files, lines
from dejavu.corpora.image_reader import ImageError, ImageReader, decode
from dejavu.corpora.imagenet_boxes import read_annotation
from dejavu.corpora.inspection import measure
from dejavu.corpora.records import Record
from dejavu.corpora.tar_files import list_members
from dejavu.errors import DataError
from tests.corpora.image_files import photo
from tests.corpora.limits import limits
from tests.corpora.test_build import built, folder_settings
from tests.corpora.test_caption_corpora import image, shard, webdataset


def put(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or photo(len(str(path))))
    return path


def names(folder):
    return [path.relative_to(folder).as_posix() for path in image_files(folder)]


def test_what_systems_leave_behind_is_no_class_and_no_image(tmp_path):
    for name in (
        "cat/a.jpg", ".ipynb_checkpoints/a-checkpoint.jpg", "@eaDir/x/SYNO.jpg", "__MACOSX/cat/._a.jpg",
        "cat/._a.jpg", "cat/.DS_Store", "cat/Thumbs.db", "dog/b.jpg", "cat/@eaDir/a.jpg/S.jpg",
    ):  # fmt: skip
        put(tmp_path / "photos" / name)
    rows = built(tmp_path / "out", folder_settings(), data_root=tmp_path)
    assert [row["uri"] for row in rows] == ["cat/a.jpg", "dog/b.jpg"]


@pytest.mark.parametrize("name", ["a.jfif", "a.JPE", "a.gif", "a.avif", "a", "a.dat"])
def test_images_under_other_names_are_listed(tmp_path, name):
    kind = {"a.gif": "GIF", "a.avif": "AVIF"}.get(name, "JPEG")
    put(tmp_path / "photos/cat" / name, photo(1, kind=kind))
    (row,) = built(tmp_path / "out", folder_settings(), data_root=tmp_path)
    assert (row["uri"], row["problem"]) == (f"cat/{name}", None)


def test_files_that_are_no_images_are_named(tmp_path, capsys):
    put(tmp_path / "a.jpg")
    put(tmp_path / "notes.txt", b"text")
    put(tmp_path / "README", b"text")
    assert names(tmp_path) == ["a.jpg"]
    assert "2 files are no images: 1 .txt, 1 no extension" in capsys.readouterr().err


def test_links_lead_nowhere_twice_and_not_out_of_the_root(tmp_path):
    put(tmp_path / "photos/a/1.jpg", photo(1))
    put(tmp_path / "photos/b/2.jpg", photo(2))
    put(tmp_path / "other/3.jpg", photo(3))
    (tmp_path / "photos/a/loop").symlink_to(tmp_path / "photos")
    (tmp_path / "photos/b/again").symlink_to(tmp_path / "photos/b")
    (tmp_path / "photos/b/3.jpg").symlink_to(tmp_path / "other/3.jpg")
    rows = built(tmp_path / "out", folder_settings(0.5), data_root=tmp_path)
    assert [(row["uri"], row["problem"]) for row in rows] == [
        ("a/1.jpg", None), ("b/2.jpg", None), ("b/3.jpg", "outside_root"),
    ]  # fmt: skip


def test_no_pipe_is_waited_for_and_no_device_read(tmp_path):
    put(tmp_path / "photos/a/1.jpg")
    os.mkfifo(tmp_path / "photos/a/pipe.jpg")
    os.mkfifo(tmp_path / "photos/a/pipe")
    (tmp_path / "photos/a/zero.jpg").symlink_to("/dev/zero")
    with (tmp_path / "photos/a/sparse.jpg").open("wb") as stream:
        stream.truncate(1 << 40)
    rows = built(tmp_path / "out", folder_settings(0.8), data_root=tmp_path, limits=limits())
    problems = {row["uri"]: row["problem"] for row in rows}
    assert problems == {
        "a/1.jpg": None, "a/pipe.jpg": "no_file", "a/sparse.jpg": "too_large",
        "a/zero.jpg": "outside_root",
    }  # fmt: skip


def test_large_images_are_judged_before_they_are_decoded(tmp_path):
    put(tmp_path / "photos/a/1.jpg")
    large = io.BytesIO()
    Image.new("1", (9000, 9000)).save(large, "PNG")
    put(tmp_path / "photos/a/2.png", large.getvalue())
    rows = built(tmp_path / "out", folder_settings(0.5), data_root=tmp_path, limits=limits())
    assert [row["problem"] for row in rows] == [None, "too_large"]


@pytest.mark.parametrize(
    ("dtype", "top", "problem"),
    [(np.uint16, 255, True), (np.uint16, 4095, True), (np.uint16, 65_535, False), (np.int32, 70_000, True),
     (np.float32, 1, True)],
)  # fmt: skip
def test_pixels_of_an_unknown_range_are_not_black(dtype, top, problem):
    pixels = np.linspace(0, top, 24 * 16).reshape(16, 24).astype(dtype)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "TIFF")
    if problem:
        with pytest.raises(ImageError, match="unknown_range"):
            decode(encoded.getvalue())
    else:
        assert np.asarray(decode(encoded.getvalue())).max() == 255


def test_an_image_that_changed_is_noticed_when_it_is_read(tmp_path):
    put(tmp_path / "a.jpg", photo(1))
    with ImageReader(tmp_path) as reader:
        reader.expect(pa.table({"uri": ["a.jpg"], "content_hash": ["0" * 16]}))
        with pytest.raises(ImageError, match="changed: .* stage corpus listed"):
            reader.read("a.jpg")


MEMBERS = [
    (f"{i:03}.{end}", image(i) if end == "jpg" else b"text")
    for i in range(6)
    for end in ("jpg", "txt")
]


def problems(folder):
    return {record.name: record.problem for record in webdataset(folder)}


def test_what_a_cut_shard_lost_is_counted_from_its_parquet(tmp_path):
    shard(tmp_path / "0.tar", MEMBERS)
    content = (tmp_path / "0.tar").read_bytes()
    (tmp_path / "0.tar").write_bytes(content[: len(content) // 2])
    table = {"key": [f"{i:03}" for i in range(7)], "status": ["success"] * 6 + ["failed"]}
    pq.write_table(pa.table(table), tmp_path / "0.parquet")
    found = problems(tmp_path)
    assert len(found) == 7  # six samples and the shard's end
    lost = [problem for problem in found.values() if problem is not None]
    assert sorted(lost) == ["lost_from_shard"] * (len(lost) - 1) + ["shard_cut_off"]
    assert len(lost) > 2


def test_a_flipped_bit_in_a_header_does_not_end_the_listing_silently(tmp_path):
    shard(tmp_path / "0.tar", MEMBERS)
    content = bytearray((tmp_path / "0.tar").read_bytes())
    with tarfile.open(tmp_path / "0.tar") as archive:
        content[archive.getmembers()[6].offset + 3] ^= 1
    (tmp_path / "0.tar").write_bytes(content)
    assert problems(tmp_path)["0.tar (end)"] == "shard_damaged"


def test_a_shard_without_a_word_does_not_stop_the_others(tmp_path):
    shard(tmp_path / "0.tar", MEMBERS)
    put(tmp_path / "1.tar").write_bytes(b"")
    put(tmp_path / "2.tar", b"<html>404</html>" * 99)
    found = problems(tmp_path)
    assert found["1.tar (end)"] == "shard_empty"
    assert found["2.tar (end)"] == "shard_no_tar"
    assert found["0/000"] is None


def test_a_member_that_comes_twice_is_a_problem(tmp_path):
    shard(tmp_path / "0.tar", [*MEMBERS, ("000.jpg", image(9)), ("001.txt", b"another")])
    found = problems(tmp_path)
    assert [found[f"0/{i:03}"] for i in range(3)] == ["repeated_key", "repeated_key", None]


def test_no_header_is_read_that_is_too_long_for_a_name(tmp_path):
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    with (tmp_path / "0.tar").open("wb") as stream:
        stream.write(info.tobuf(tarfile.GNU_FORMAT))
        stream.truncate(1 << 34)
    assert list_members(tmp_path / "0.tar").state in ("no_tar", "damaged")


def test_a_name_that_is_no_text_is_a_named_error(tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    with open(folder, "wb") as stream:  # noqa: PTH123  # a name that pathlib would not show
        stream.write(photo(1))
    with pytest.raises(DataError, match="its name is no UTF-8"):
        names(tmp_path)


@given(data=st.data())
@settings(deadline=None, max_examples=60)
@pytest.mark.slow
def test_a_damaged_shard_is_listed_or_counted(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("drawn")
    shard(folder / "0.tar", MEMBERS)
    content = bytearray((folder / "0.tar").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    (folder / "0.tar").write_bytes(content[:end])
    found = problems(folder)
    n_good = sum(problem is None for problem in found.values())
    assert n_good == 6 or any(found.values()) or end < len(content)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "sparse"])
def test_an_annotation_that_never_ends_is_a_damaged_one(tmp_path, kind):
    path = tmp_path / "n01_1.xml"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as stream:
            stream.truncate(1 << 40)
    (box,), size = read_annotation(path)
    assert math.isnan(box.x0)
    assert size is None


@pytest.mark.timeout(60)
def test_a_list_of_names_that_never_ends_is_a_named_error(tmp_path):
    os.mkfifo(tmp_path / "wnids.txt")
    with pytest.raises(DataError, match="is no regular file"):
        list(lines(tmp_path / "wnids.txt"))
    (tmp_path / "words.txt").touch()
    os.truncate(tmp_path / "words.txt", 1 << 40)
    with pytest.raises(DataError, match="expected a list of at most"):
        list(lines(tmp_path / "words.txt"))
    with pytest.raises(DataError, match="expected a list of at most"):
        class_names.read("words.txt", tmp_path)


@pytest.mark.timeout(60)
def test_a_json_file_of_holes_is_a_named_error(tmp_path):
    (tmp_path / "i.json").touch()
    os.truncate(tmp_path / "i.json", 1 << 40)
    with pytest.raises(DataError, match="next to none of them are on the disk"):
        coco_json.read(tmp_path / "i.json", "categories", named_by="test")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("target", ["/", "/proc", "/proc/kmsg"])
def test_links_to_what_the_system_makes_up_end(tmp_path, target):
    put(tmp_path / "photos/a/1.jpg")
    (tmp_path / "photos/a/out").symlink_to(target)
    (tmp_path / "photos/a/2.jpg").symlink_to("/proc/kmsg")
    rows = built(tmp_path / "out", folder_settings(0.5), data_root=tmp_path)
    assert [(row["uri"], row["problem"]) for row in rows] == [
        ("a/1.jpg", None), ("a/2.jpg", "outside_root"),
    ]  # fmt: skip
    record = Record(name="2", uri="a/2.jpg")
    assert measure(record, tmp_path / "photos").problem == "unreadable"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("path", ["../secret.parquet#0", "pipe.parquet#0", "zeros.parquet#0"])
def test_a_table_of_captions_names_no_place_inside_a_table(tmp_path, path):
    """Images lie in tables only where the project itself has put them."""
    (tmp_path / "photos").mkdir()
    pq.write_table(pa.table({"image": [photo(1)]}), tmp_path / "secret.parquet")
    os.mkfifo(tmp_path / "photos/pipe.parquet")
    (tmp_path / "photos/zeros.parquet").symlink_to("/dev/zero")
    (tmp_path / "photos/t.csv").write_text(f"path,caption\n{path},a secret\n")
    settings = {
        "adapter": "captions_table", "root": "photos", "table": "t.csv", "path_column": "path",
        "caption_column": "caption", "max_dropped_share": 1.0,
    }  # fmt: skip
    (row,) = built(tmp_path / "out", settings, data_root=tmp_path, lane="caption")
    assert row["problem"] == "no_file"


def test_half_a_character_in_json_becomes_one_that_says_so(tmp_path):
    text = '{"categories": [{"id": 1, "name": "x\\ud800"}, {"id": 2, "name": "\\ud83d\\ude00"}]}'
    (tmp_path / "i.json").write_text(text)
    found = coco_json.read(tmp_path / "i.json", "categories", named_by="test")
    assert [each["name"] for each in found["categories"]] == ["x\ufffd", "\U0001f600"]
