"""Images of the galleries: read once and in order, small, within a budget, or replaced by a reason."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from dejavu.corpora.image_reader import ImageReader
from dejavu.report.gallery import make, thumbnails
from dejavu.report.gallery.thumbnails import LEFT_OUT, Thumbnails, Wanted
from tests.report.gallery import world


def wanted(key, row=0, *, importance=(0,), box=None):
    return Wanted(importance=importance, key=key, uri=f"part-00000.parquet#{row}", box=box)


def read(folder, images, asked, side_px=24):
    world.write_images(folder, [world.encoded(each) for each in images])
    with ImageReader.open(folder, ".") as reader:
        return thumbnails.read({"image": reader}, [("image", each) for each in asked], side_px)


def decoded(encoded):
    return Image.open(io.BytesIO(encoded)).convert("RGB")


def gradient(size):
    ramp = np.linspace(0, 255, size[0]).astype(np.uint8)
    return Image.fromarray(np.stack([np.tile(ramp, (size[1], 1))] * 3, axis=2))


def test_a_thumbnail_keeps_the_shape_of_its_image(tmp_path):
    found = read(tmp_path, [gradient((96, 48))], [wanted("i0")])
    small = np.asarray(decoded(found.encoded["i0"]), dtype=float)
    assert small.shape == (12, 24, 3)
    expected = np.asarray(
        gradient((96, 48)).resize((24, 12), Image.Resampling.LANCZOS), dtype=float
    )
    assert np.abs(small - expected).mean() < 4


def test_a_crop_is_cut_from_the_image_and_not_from_its_thumbnail(tmp_path):
    found = read(tmp_path, [gradient((96, 48))], [wanted("i0x", box=(48, 0, 72, 24))])
    cut = np.asarray(decoded(found.encoded["i0x"]), dtype=float)
    assert cut.shape == (24, 24, 3)
    expected = np.asarray(gradient((96, 48)).crop((48, 0, 72, 24)), dtype=float)
    assert np.abs(cut - expected).mean() < 4


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_large_jpeg_is_decoded_small_and_looks_the_same(tmp_path, mode):
    large = gradient((1600, 800)).convert(mode)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=95)
    world.write_images(tmp_path, [buffer.getvalue()])
    asked = [("image", wanted("i0"))]
    with ImageReader.open(tmp_path, ".") as reader:
        found = thumbnails.read({"image": reader}, asked, 24)
    small = np.asarray(decoded(found.encoded["i0"]), dtype=float)
    expected = gradient((1600, 800)).resize((24, 12), Image.Resampling.LANCZOS)
    assert np.abs(small - np.asarray(expected, dtype=float)).mean() < 5


def test_small_images_are_not_enlarged(tmp_path):
    found = read(tmp_path, [gradient((10, 6))], [wanted("i0")])
    assert decoded(found.encoded["i0"]).size == (10, 6)


def test_each_image_is_read_once_and_in_the_order_of_its_row(tmp_path, monkeypatch):
    order = []
    real = ImageReader.read_bytes
    monkeypatch.setattr(
        ImageReader, "read_bytes", lambda reader, uri: (order.append(uri), real(reader, uri))[1]
    )
    asked = [wanted(f"i{i}", i) for i in (10, 2, 9)] + [wanted("i10x", 10, box=(0, 0, 4, 4))]
    found = read(tmp_path, [gradient((10, 6))] * 11, asked)
    assert order == [f"part-00000.parquet#{i}" for i in (2, 9, 10)]
    assert sorted(found.encoded) == ["i10", "i10x", "i2", "i9"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"", "unreadable"),
        (b"GIF89a?", "unreadable"),
        ("cut", "truncated"),
        ("cut jpeg", "truncated"),
        ("row", "missing"),
    ],
)
def test_an_image_that_cannot_be_read_is_missing_with_its_reason(tmp_path, broken, reason):
    good = world.encoded(world.image_of(0, (64, 64)), "JPEG" if broken == "cut jpeg" else "PNG")
    images = [good, good[: len(good) // 2] if str(broken).startswith("cut") else broken]
    row = 5 if broken == "row" else 1
    world.write_images(tmp_path, [each if isinstance(each, bytes) else good for each in images])
    asked = [wanted("i0", 0), wanted("i1", row), wanted("i1x", row, box=(0, 0, 4, 4))]
    with ImageReader.open(tmp_path, ".") as reader:
        found = thumbnails.read({"image": reader}, [("image", each) for each in asked], 24)
    assert list(found.encoded) == ["i0"]
    assert found.missing == {"i1": reason, "i1x": reason}


def test_a_uri_that_is_no_uri_is_missing(tmp_path):
    world.write_images(tmp_path, [world.encoded(gradient((8, 8)))])
    asked = Wanted(importance=(0,), key="i0", uri="part-00000.parquet#one", box=None)
    with ImageReader.open(tmp_path, ".") as reader:
        found = thumbnails.read({"image": reader}, [("image", asked)], 24)
    assert found.missing == {"i0": "missing"}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    asked = [wanted(f"i{i}", i, importance=(i % 2, i)) for i in range(12)]
    return read(folder, [world.image_of(i, (96, 96)) for i in range(12)], asked, 96), asked


def test_nothing_changes_within_the_budget(many):
    found, asked = many
    assert thumbnails.fit(found, asked, found.n_bytes) == found
    assert found.n_bytes >= len(json.dumps(found.data_uris())) - 2


def test_images_become_smaller_before_any_is_left_out(many):
    found, asked = many
    fitting = thumbnails.fit(found, asked, found.n_bytes // 2)
    assert fitting.n_bytes <= found.n_bytes // 2
    assert len(fitting.encoded) == 12
    assert 40 <= fitting.side_px < 96
    assert {max(decoded(each).size) for each in fitting.encoded.values()} == {fitting.side_px}


def test_what_matters_least_is_left_out(many):
    found, asked = many
    fitting = thumbnails.fit(found, asked, found.n_bytes // 20)
    assert fitting.n_bytes <= found.n_bytes // 20
    assert fitting.side_px == thumbnails.SMALLEST_PX
    kept = [each.key for each in sorted(asked) if each.key in fitting.encoded]
    assert 0 < len(kept) < 12
    assert kept == [each.key for each in sorted(asked)][: len(kept)]  # a prefix: no gaps
    assert {fitting.missing[each.key] for each in sorted(asked)[len(kept) :]} == {LEFT_OUT}


@pytest.mark.slow
def test_the_galleries_embed_every_image_once(tmp_path):
    project = world.write(tmp_path)
    found = world.galleries(project)
    page = world.page(found)
    assert found["notes"] == []
    own = {
        f"{key}{part}"
        for lane in found["data"]["lanes"].values()
        for key, sample in lane["samples"].items()
        for part in ("", "x" if sample.get("crop") else "")
    }
    static = {
        card[part]["key"] for card in found["static"] for part in ("image", "crop") if card[part]
    }
    assert {*found["data"]["images"], *static} == own
    assert not static & {*found["data"]["images"]}
    assert page.count("data:image/webp;base64,") == len(own)
    key = next(key for key in found["data"]["images"] if key[0] == "i" and key[-1] != "x")
    encoded = base64.b64decode(found["data"]["images"][key].partition(",")[2])
    small = np.asarray(decoded(encoded), dtype=float)
    original = world.image_of(int(key[1:])).resize(small.shape[1::-1], Image.Resampling.LANCZOS)
    assert (
        np.corrcoef(small.ravel(), np.asarray(original, dtype=float).ravel())[0, 1] > 0.5
    )  # of noise


@pytest.mark.slow
def test_the_same_tables_give_the_same_galleries(tmp_path):
    first, second = (world.galleries(world.write(tmp_path / name)) for name in ("a", "b"))
    assert json.dumps(first) == json.dumps(second)
    assert str(tmp_path) not in json.dumps(first)


@pytest.mark.slow
def test_without_thumbnails_no_image_is_read(tmp_path, monkeypatch):
    project = world.gallery(world.write(tmp_path), thumbnails=False)
    monkeypatch.setattr(ImageReader, "open", lambda *_: pytest.fail("opened"))
    found = world.galleries(project)
    assert found["notes"] == ["Images are left out: report.thumbnails is false."]
    assert found["data"]["images"] == {}
    assert not found["data"]["has_images"]
    page = world.page(found)
    assert "data:image" not in page
    assert "gallery-missing" not in page.partition("<section")[2].partition("<script")[0]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (None, "data/image/images/source.json is not there."),
        ('{"kind": "none"}', "the embeddings were made elsewhere, and no images came with them."),
        ("{", "data/image/images/source.json does not say where they lie."),
        ("[]", "data/image/images/source.json does not say where they lie."),
        ('{"kind": "external"}', "data/image/images/source.json does not say where they lie."),
    ],
)
@pytest.mark.slow
def test_a_lane_without_a_source_of_images_is_text(tmp_path, source, told):
    project = world.write(tmp_path)
    place = tmp_path / "image" / "images" / "source.json"
    place.unlink() if source is None else place.write_text(source, encoding="utf-8")
    found = world.galleries(project)
    assert found["notes"] == [f"Images of the image lane are left out: {told}"]
    assert {key[0] for key in found["data"]["images"]} <= {"c"}
    assert "gallery-card" in world.page(found)


@pytest.mark.slow
def test_images_that_moved_away_are_counted(tmp_path, monkeypatch):
    project = world.write(tmp_path, lanes=["image"])
    place = tmp_path / "image" / "images" / "source.json"
    place.write_text('{"kind": "external", "root": "corpus"}', encoding="utf-8")
    monkeypatch.delenv("DEJAVU_DATA_ROOT", raising=False)
    found = world.galleries(project, data_root=str(tmp_path / "gone"))
    n = len(found["data"]["missing"])
    assert found["notes"] == [
        f"{n} of {n} images could not be read ({n} missing); a sign stands in their place. Is the "
        "corpus where machine.data_root says?"
    ]
    assert "no image: missing" in world.page(found)
    assert str(tmp_path) not in json.dumps(found)


@pytest.mark.slow
def test_images_outside_the_project_are_found_below_the_data_root(tmp_path, monkeypatch):
    project = world.write(tmp_path, lanes=["image"])
    folder = tmp_path / "image" / "images"
    (tmp_path / "elsewhere" / "corpus").mkdir(parents=True)
    (folder / "part-00000.parquet").rename(tmp_path / "elsewhere" / "corpus" / "part-00000.parquet")
    (folder / "source.json").write_text('{"kind": "external", "root": "corpus"}', encoding="utf-8")
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path / "elsewhere"))
    assert world.galleries(project)["notes"] == []


@pytest.mark.slow
def test_a_few_broken_images_are_counted(tmp_path):
    project = world.write(tmp_path, lanes=["image"])
    images = [world.encoded(world.image_of(i)) for i in range(len(world.ROLES))]
    shown = [int(card["image"]["key"][1:]) for card in world.galleries(project)["static"]]
    images[shown[0]] = b"not an image"
    world.write_images(tmp_path / "image" / "images", images)
    found = world.galleries(project)
    assert found["data"]["missing"] == dict.fromkeys(
        [f"i{shown[0]}", f"i{shown[0]}x"], "unreadable"
    )
    assert "could not be read (2 unreadable)" in found["notes"][0]
    assert "no image: unreadable" in world.page(found)


@pytest.mark.parametrize("for_images", [9_000, 0, -50_000])
@pytest.mark.slow
def test_a_page_over_its_budget_says_what_it_gave_up(tmp_path, monkeypatch, for_images):
    project = world.gallery(world.write(tmp_path), n_samples=9, n_neighbors=5)
    whole = world.galleries(project)
    budget = len(json.dumps(whole["data"]["lanes"])) + for_images
    monkeypatch.setattr(make, "MAX_BYTES", budget)
    found = world.galleries(project)
    assert (
        len(json.dumps(found)) < max(budget, budget - for_images) + 6_000 < len(json.dumps(whole))
    )
    assert any("left out to keep the page small" in note for note in found["notes"])
    assert found["data"]["has_images"]
    assert found["data"]["missing"] == {}
    assert bool(found["data"]["images"]) == (for_images > 0)
    page = world.page(found)
    assert f"no image: {LEFT_OUT}" in page
    assert ("data:image/webp" in page) == (for_images > 0)


@pytest.mark.slow
def test_text_over_its_budget_is_cut_and_said(tmp_path, monkeypatch):
    project = world.gallery(
        world.write(tmp_path, change_caption=lambda text: text + "x" * 30_000), thumbnails=False
    )
    monkeypatch.setattr(make, "MAX_TEXT_BYTES", 25_000)
    found = world.galleries(project)
    assert found["notes"][0] == "Captions are cut at 400 characters, to keep the page small."
    assert found["notes"][1].startswith("Lists hold 1 samples instead of 3")
    for lane in found["data"]["lanes"].values():
        assert {card["place"] for card in lane["cards"]} == {1}
        shown = {card["sample"] for card in lane["cards"]}
        near = {
            row[0]
            for own in lane["neighbors"].values()
            for each in own.values()
            for row in each["near"]
        }
        assert set(lane["samples"]) == shown | near
    assert "more characters are left out" in world.page(found)


def test_an_empty_set_of_thumbnails_fits():
    found = Thumbnails(encoded={}, missing={}, side_px=96)
    assert thumbnails.fit(found, [], 0) == found
