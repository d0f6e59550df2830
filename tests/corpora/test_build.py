"""`build` opens every listed image once and leaves out none of them silently."""

import json

import pytest

from dejavu.corpora import build
from dejavu.corpora.boxes import repair
from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.records import Box, Record
from dejavu.corpora.tallies import Tally
from dejavu.errors import DataError, ParamsError
from dejavu.params import section
from dejavu.params.corpora import CorpusParams
from dejavu.params.machine import MachineParams
from dejavu.tables.parquet import fingerprint
from dejavu.tables.schemas import LABELS, SAMPLES
from tests.corpora.image_files import BAD, GOOD, photo
from tests.corpora.limits import NO_LIMITS


def machine(data_root=".", workers=2):
    return MachineParams(
        device="cpu", engine="local", workers=workers, batch_images=8, block_rows=8,
        data_root=str(data_root),
    )  # fmt: skip


def files(folder):
    return build.CorpusTables(
        samples=folder / "samples.parquet", labels=folder / "labels.parquet", images=folder / "images"
    )  # fmt: skip


def built(out, settings, *, data_root=".", lane="image", seed=0, workers=2, limits=NO_LIMITS):
    """Build a corpus and return its samples as a list of rows."""
    build.build(
        settings=build.BuildSettings(
            lane=lane, corpus=CorpusParams.model_validate(settings).root, limits=limits, seed=seed,
            machine=machine(data_root, workers),
        ),
        out=files(out),
    )  # fmt: skip
    return SAMPLES.read(out / "samples.parquet").to_pylist()


def folder_settings(max_dropped_share=0.5, boxes=None, use=None):
    return {
        "adapter": "image_folder", "root": "photos", "use": use, "boxes": boxes,
        "max_dropped_share": max_dropped_share,
    }  # fmt: skip


@pytest.fixture
def photos(tmp_path):
    files = {**GOOD, **{name: content for name, (content, _) in BAD.items()}}
    for number, (name, content) in enumerate(files.items()):
        path = tmp_path / "photos" / ("bird" if number % 2 else "Cat") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "photos/bird/notes.txt").write_text("not an image")
    return tmp_path


def test_every_image_has_a_row_and_the_bad_ones_a_reason(photos):
    rows = built(photos / "out", folder_settings(), data_root=photos)
    names = [row["sample_name"] for row in rows]
    assert names == sorted(names)
    assert [row["sample_id"] for row in rows] == list(range(len(GOOD) + len(BAD)))
    problems = {row["sample_name"].split("/")[1]: row["problem"] for row in rows}
    assert problems == {
        **dict.fromkeys(GOOD, None),
        **{name: reason for name, (_, reason) in BAD.items()},
    }
    for row in rows:
        content = (photos / "photos" / row["uri"]).read_bytes()
        assert row["n_bytes"] == len(content)
        if row["problem"] is None:
            assert (row["width_px"], row["height_px"]) == (24, 16)
            assert len(row["content_hash"]) == 16
            assert row["perceptual_hash"] is not None
    labels = LABELS.read(photos / "out/labels.parquet").to_pylist()
    assert labels == [{"label_id": 0, "label": "Cat"}, {"label_id": 1, "label": "bird"}]
    with ImageReader.open(photos / "out/images", str(photos)) as reader:
        assert reader.read(rows[0]["uri"]).mode == "RGB"


def test_too_many_bad_images_are_an_error_that_counts_them(photos):
    with pytest.raises(DataError, match=r"7 of 21 samples \(33.3%\) are unusable") as caught:
        built(photos / "out", folder_settings(0.3), data_root=photos)
    assert "2 too_small, 2 truncated, 3 unreadable" in str(caught.value)
    assert "bird/" in str(caught.value)
    assert "corpus.max_dropped_share" in str(caught.value)
    assert not (photos / "out/samples.parquet").exists()


def test_threads_do_not_change_a_byte(photos):
    for workers in (1, 5):
        built(photos / f"out{workers}", folder_settings(), data_root=photos, workers=workers)
    assert fingerprint(photos / "out1") == fingerprint(photos / "out5")


def test_equal_content_has_equal_hashes_and_a_copy_in_another_format_a_close_one(tmp_path):
    folder = tmp_path / "photos/a"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(photo(1, size=(64, 64), kind="PNG"))
    (folder / "2.png").write_bytes(photo(1, size=(64, 64), kind="PNG"))
    (folder / "3.jpg").write_bytes(photo(1, size=(64, 64), quality=90))
    (folder / "4.jpg").write_bytes(photo(2, size=(64, 64)))
    one, two, three, four = built(tmp_path / "out", folder_settings(), data_root=tmp_path)
    assert one["content_hash"] == two["content_hash"] != three["content_hash"]

    def distance(a, b):
        return ((a["perceptual_hash"] ^ b["perceptual_hash"]) % 2**64).bit_count()

    assert distance(one, two) == 0
    assert distance(one, three) <= 3
    assert distance(one, four) > 8


def test_no_sample_at_all_is_an_error(tmp_path):
    (tmp_path / "photos/empty").mkdir(parents=True)
    with pytest.raises(DataError, match="lists no sample"):
        built(tmp_path / "out", folder_settings(), data_root=tmp_path)


class Listed:
    """A corpus that lists what a test gives it."""

    labels: tuple[str, ...] = ()
    root = None
    given: tuple[Record, ...] = ()

    def __init__(self, settings, seed, data_root):
        pass

    def records(self):
        return iter(self.given)


@pytest.fixture
def listed(monkeypatch):
    monkeypatch.setitem(build._ADAPTERS, "image_folder", f"{__name__}:Listed")
    return Listed


def test_a_repeated_name_is_an_error(tmp_path, listed, monkeypatch):
    records = tuple(Record(name="twin", image=photo(i)) for i in range(2))
    monkeypatch.setattr(listed, "given", records)
    with pytest.raises(DataError, match="'twin'"):
        built(tmp_path, folder_settings())


def test_captioned_images_without_a_caption_are_unusable(tmp_path, listed, monkeypatch):
    captions = ("a cat", " ", None)
    records = [Record(name=str(i), image=photo(i), caption=c) for i, c in enumerate(captions)]
    records.append(Record(name="gone", image=b"", problem="failed_to_download"))
    monkeypatch.setattr(listed, "given", tuple(records))
    rows = built(tmp_path, folder_settings(0.8), lane="caption")
    assert [row["problem"] for row in rows] == [
        None, "no_caption", "no_caption", "failed_to_download",
    ]  # fmt: skip
    assert [row["n_bytes"] is None for row in rows] == [False, False, False, True]


def test_boxes_are_repaired_and_repairs_counted(tmp_path, listed, monkeypatch):
    boxes = (
        Box(1, 2, 10, 12, "fine"), Box(10, 12, 1, 2, "swapped"), Box(-5, 0, 99, 8, "beyond"),
        Box(30, 0, 40, 8, "outside"), Box(4, 4, 4, 9, "empty"),
    )  # fmt: skip
    monkeypatch.setattr(listed, "given", (Record(name="a", image=photo(1), boxes=boxes),))
    (row,) = built(tmp_path, folder_settings())
    corners = [[box[key] for key in ("x0", "y0", "x1", "y1", "label")] for box in row["boxes"]]
    assert corners == [[1, 2, 10, 12, "fine"], [1, 2, 10, 12, "swapped"], [0, 0, 24, 8, "beyond"]]
    source = json.loads((tmp_path / "images/source.json").read_text())
    assert source["box_repairs"] == {"clamped": 1, "dropped": 2, "rescaled": 0, "swapped": 1}


def test_a_box_swapped_in_one_direction_only_is_repaired():
    tally = Tally()
    boxes = repair([Box(9, 1, 3, 5)], width_px=20, height_px=20, tally=tally)
    assert boxes == [Box(3, 1, 9, 5)]
    assert tally.counts["swapped_boxes"] == 1


def test_an_unknown_adapter_is_an_error_with_a_guess():
    with pytest.raises(ParamsError, match="Did you mean 'glyphs'"):
        build.adapter("glyph")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{adapter: glyph}", "'glyph' found using 'adapter' does not match any .*'glyphs'"),
        ("{adapter: image_folder, root: x, boxs: null}", "Did you mean 'boxes'"),
        ("{root: x}", "adapter"),
    ],
)
def test_a_wrong_corpus_section_says_what_is_wrong(tmp_path, text, message):
    (tmp_path / "params.yaml").write_text(f"image: {{corpus: {text}}}\n")
    with pytest.raises(ParamsError, match=message):
        section(tmp_path / "params.yaml", "image.corpus", CorpusParams)
