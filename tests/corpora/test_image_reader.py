"""Images come from files, tar shards and Parquet parts, whatever their mode and name."""

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dejavu.corpora.image_reader import ImageError, ImageReader, decode
from dejavu.errors import ArtifactError
from tests.corpora.image_files import BAD, GOOD, grey_16_bit, photo


def opened(folder, source, data_root="."):
    (folder / "source.json").write_text(json.dumps(source))
    return ImageReader.open(folder, str(data_root))


@pytest.mark.parametrize("name", GOOD)
def test_any_mode_becomes_rgb(name):
    image = decode(GOOD[name])
    assert (image.mode, image.size) == ("RGB", (24, 16))
    assert np.asarray(image).std() > 1


def test_sixteen_bits_are_scaled_not_clipped():
    grey = np.asarray(decode(grey_16_bit()))[..., 0]
    np.testing.assert_array_equal(
        grey, np.linspace(0, 65_535, 384).astype(int).reshape(16, 24) // 256
    )


@pytest.mark.parametrize(
    "name", [name for name, (_, reason) in BAD.items() if reason != "too_small"]
)
def test_bad_images_say_what_is_wrong(name):
    encoded, reason = BAD[name]
    with pytest.raises(ImageError, match=name) as caught:
        decode(encoded, name=name)
    assert caught.value.reason == reason


def test_a_damaged_image_is_corrupt_or_truncated_but_never_a_crash():
    good = bytearray(photo(1, size=(64, 64), kind="PNG"))
    rng = np.random.default_rng(0)
    reasons = set()
    for _ in range(200):
        damaged = good.copy()
        for place in rng.integers(8, len(good), size=4):
            damaged[place] = rng.integers(256)
        try:
            decode(bytes(damaged))
        except ImageError as error:
            reasons.add(error.reason)
    assert "corrupt" in reasons
    assert reasons <= {"unreadable", "truncated", "corrupt", "too_large"}


def test_more_pixels_than_safe_is_a_reason(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="too_large"):
        decode(GOOD["plain.jpg"])


def test_orientation_in_the_file_is_ignored():
    image = decode(photo(1))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", exif=exif)
    assert decode(encoded.getvalue()).size == (24, 16)


def test_embedded_images(tmp_path):
    encoded = [photo(seed, kind="PNG") for seed in range(10)]
    pq.write_table(pa.table({"image": encoded}), tmp_path / "part-00000.parquet", row_group_size=3)
    with opened(tmp_path, {"kind": "embedded"}) as reader:
        assert [reader.read_bytes(f"part-00000.parquet#{row}") for row in range(10)] == encoded
        with ThreadPoolExecutor(4) as pool:
            rows = list(np.random.default_rng(0).integers(0, 10, 200))
            found = pool.map(lambda row: reader.read_bytes(f"part-00000.parquet#{row}"), rows)
            assert list(found) == [encoded[row] for row in rows]
        with pytest.raises(ImageError, match="no row 10"):
            reader.read("part-00000.parquet#10")


def test_files_below_the_data_root(tmp_path, monkeypatch):
    (tmp_path / "data/photos/a#b.tar").mkdir(parents=True)
    (tmp_path / "data/photos/a#b.tar/x.jpg").write_bytes(GOOD["plain.jpg"])
    source = {"kind": "external", "root": "photos"}
    with opened(tmp_path, source, tmp_path / "data") as reader:
        assert reader.read("a#b.tar/x.jpg").size == (24, 16)
        with pytest.raises(ImageError, match="missing") as caught:
            reader.read("y.jpg")
        assert caught.value.reason == "missing"
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path / "data"))
    with opened(tmp_path, source, "/nowhere") as reader:
        assert reader.read("a#b.tar/x.jpg").size == (24, 16)


def write_tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def test_tar_shards(tmp_path):
    members = {"b.jpg": photo(1), "b.txt": b"two", "a.jpg": photo(2)}
    write_tar(tmp_path / "00000.tar", members)
    with ImageReader(tmp_path) as reader:
        assert reader.read_bytes("00000.tar#a.jpg") == members["a.jpg"]
        assert reader.read_bytes("00000.tar#b.jpg") == members["b.jpg"]
        with pytest.raises(ImageError, match="no member c.jpg"):
            reader.read("00000.tar#c.jpg")
        with pytest.raises(ImageError, match="missing"):
            reader.read("00001.tar#a.jpg")


def test_a_tar_that_was_cut_off_still_gives_its_first_members(tmp_path):
    write_tar(tmp_path / "whole.tar", {"a.jpg": photo(1), "b.jpg": photo(2, size=(64, 64))})
    content = (tmp_path / "whole.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(content[: 512 + 1024 + 512 + 300])
    with ImageReader(tmp_path) as reader:
        assert reader.read("cut.tar#a.jpg").size == (24, 16)
        with pytest.raises(ImageError):
            reader.read("cut.tar#b.jpg")


def test_what_is_no_tar_is_an_image_error(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"no tar" * 200)
    with ImageReader(tmp_path) as reader, pytest.raises(ImageError, match="unreadable"):
        reader.read("x.tar#a.jpg")


def test_a_folder_that_no_stage_made_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="dvc repro"):
        ImageReader.open(tmp_path, ".")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"kind": "external"}'])
def test_a_damaged_description_is_named(tmp_path, text):
    (tmp_path / "source.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"source.json: .*dvc repro"):
        ImageReader.open(tmp_path, ".")
