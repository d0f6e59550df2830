import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dejavu.corpora import build
from dejavu.corpora.captions_table import CaptionsTable
from dejavu.corpora.coco import Coco
from dejavu.corpora.glyph_scenes import GlyphScenes, object_given_caption
from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.records import Box
from dejavu.corpora.webdataset import WebDataset
from dejavu.errors import DataError
from dejavu.params.caption_corpora import (
    CaptionsTableParams,
    CocoParams,
    GlyphScenesParams,
    NoCorpusParams,
    WebDatasetParams,
)
from dejavu.params.machine import MachineParams
from dejavu.run import seeds
from dejavu.tables.schemas import LABELS, SAMPLES
from tests.corpora.limits import NO_LIMITS


def image(value=0):
    encoded = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(encoded, format="JPEG")
    return encoded.getvalue()


def shard(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def webdataset(root, extensions=("txt", "json"), shards="*.tar"):
    settings = WebDatasetParams(
        adapter="webdataset", max_dropped_share=0.5, root=".", shards=shards,
        caption_extensions=extensions,
    )  # fmt: skip
    return list(WebDataset(settings, 0, str(root)).records())


def test_shards_as_img2dataset_writes_them(tmp_path, capsys):
    as_json = json.dumps({"caption": " from json "}).encode()
    shard(
        tmp_path / "00000.tar",
        [
            ("000000007.jpg", image(7)), ("000000007.txt", b" last \n"), ("000000007.json", b"{}"),
            ("000000002.txt", b""), ("000000002.JPG", image(2)), ("000000002.json", as_json),
            ("000000003.jpg", image(3)),  # no caption at all
            ("000000004.txt", b"no image"),
            ("000000005.jpg", image(5)), ("000000005.txt", b""), ("000000005.json", b"not json"),
            ("__meta__.txt", b"skipped"), ("sub.folder/a.b.jpg", image(1)), ("sub.folder/a.txt", b"x"),
        ],
    )  # fmt: skip
    shard(tmp_path / "00001.tar", [("000010000.jpg", image(9)), ("000010000.txt", b"other shard")])
    failed = {"key": ["1", "000000007"], "status": ["failed_to_download", "success"]}
    pq.write_table(pa.table(failed), tmp_path / "00000.parquet")
    listed = webdataset(tmp_path)
    # an image is missing, or named so that it is not the key's: a sample is lost, and counted
    assert {r.name: r.problem for r in listed if r.problem} == {
        "00000/000000004": "no_image", "00000/sub.folder/a": "no_image",
    }  # fmt: skip
    found = {record.name: (record.uri, record.caption) for record in listed if not record.problem}
    assert found == {
        "00000/000000002": ("00000.tar#000000002.JPG", "from json"),
        "00000/000000003": ("00000.tar#000000003.jpg", None),
        "00000/000000005": ("00000.tar#000000005.jpg", None),
        "00000/000000007": ("00000.tar#000000007.jpg", "last"),
        "00001/000010000": ("00001.tar#000010000.jpg", "other shard"),
    }
    assert list(found) == sorted(found)
    assert "1 rows failed to download, 0 keys without image and caption" in capsys.readouterr().err
    with ImageReader(tmp_path) as reader:
        for uri, _ in found.values():
            reader.read(uri)


def test_a_shard_cut_off_keeps_what_came_before(tmp_path):
    path = tmp_path / "00000.tar"
    shard(path, [("a.txt", b"first"), ("a.jpg", image()), ("b.txt", b"lost"), ("b.jpg", image())])
    whole = path.read_bytes()
    last = whole.rindex(image()[:4])
    path.write_bytes(whole[: last + 50])
    record, lost, end = webdataset(tmp_path)
    assert (lost.name, lost.problem) == ("00000/b", "no_image")  # its caption came before the cut
    assert (record.name, record.caption) == ("00000/a", "first")
    assert (end.name, end.problem) == ("00000.tar (end)", "shard_cut_off")


def test_a_key_with_two_images_is_a_problem(tmp_path):
    shard(tmp_path / "0.tar", [("a.jpg", image()), ("a.txt", b"x"), ("a.png", image())])
    (record,) = webdataset(tmp_path)
    assert record.problem == "repeated_key"


def test_no_shard_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no file fits caption\.corpus\.shards 'x-\*\.tar'"):
        webdataset(tmp_path, shards="x-*.tar")


def captions_table(root, name):
    settings = CaptionsTableParams(
        adapter="captions_table", max_dropped_share=0.5, root=".", table=name, path_column="path",
        caption_column="text",
    )  # fmt: skip
    return list(CaptionsTable(settings, 0, str(root)).records())


ROWS = [("a.jpg", "one, two"), ("b.jpg", ""), ("a.jpg", 'say "hi"')]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "jsonl"])
def test_a_table_of_captions(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        path.write_text('path,text\na.jpg,"one, two"\nb.jpg,\na.jpg,"say ""hi"""\n')
    elif suffix == "tsv":
        path.write_text("path\ttext\n" + "".join(f"{p}\t{t}\n" for p, t in ROWS))
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps({"path": p, "text": t}) + "\n" for p, t in ROWS))
    else:
        pq.write_table(pa.table({"path": [r[0] for r in ROWS], "text": [r[1] for r in ROWS]}), path)
    found = [
        (record.name, record.uri, record.caption) for record in captions_table(tmp_path, path.name)
    ]
    assert found == [
        ("a.jpg", "a.jpg", "one, two"), ("b.jpg", "b.jpg", None), ("a.jpg#1", "a.jpg", 'say "hi"'),
    ]  # fmt: skip


def test_a_table_without_the_column_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("path,caption\na.jpg,x\n")
    with pytest.raises(DataError, match="lacks column text; found path, caption"):
        captions_table(tmp_path, "t.csv")


@pytest.fixture
def coco(tmp_path):
    images = [
        {"id": 9, "file_name": "val/000000000009.jpg"},
        {"id": 3, "file_name": "val/000000000003.jpg"},
    ]
    captions = [
        {"id": 2, "image_id": 9, "caption": "longer caption "}, {"id": 1, "image_id": 9, "caption": "short"},
    ]  # fmt: skip
    categories = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}]
    boxes = [{"id": 5, "image_id": 9, "category_id": 90, "bbox": [1.4, 2, 3, 4.2]}]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": captions}))
    (tmp_path / "i.json").write_text(
        json.dumps({"images": images, "annotations": boxes, "categories": categories})
    )
    return tmp_path


@pytest.mark.parametrize(("choice", "caption"), [("first", "short"), ("longest", "longer caption")])
def test_coco(coco, choice, caption):
    settings = CocoParams(
        adapter="coco", max_dropped_share=0.5, root=".", captions="c.json", instances="i.json",
        caption_choice=choice,
    )  # fmt: skip
    corpus = Coco(settings, 0, str(coco))
    bare, full = corpus.records()
    assert corpus.labels == ("person", "toothbrush")
    assert (bare.name, bare.caption, bare.boxes) == ("000000000003", None, ())
    assert (full.name, full.uri, full.caption) == ("000000000009", "val/000000000009.jpg", caption)
    (box,) = full.boxes
    assert box == Box(1.4, 2, 4.4, 6.2, "toothbrush")


def glyph_scenes(n_images=64, **changed):
    values = {
        "adapter": "glyph_scenes", "max_dropped_share": 0.01, "n_images": n_images, "n_objects": 20,
        "n_scenes": 5, "n_frequent": 5, "frequent_share": 0.35, "rare_share": 0.06, "max_objects": 6,
        "size_px": 64, "planted_share": 0.1,
    }  # fmt: skip
    return GlyphScenes(GlyphScenesParams(**values | changed), 7, ".")


@pytest.mark.slow
def test_glyph_scenes_name_one_of_their_objects():
    corpus = glyph_scenes()
    records = list(corpus.records())
    assert len({record.caption for record in records}) == len(records)
    for record in records:
        shown = {box.label for box in record.boxes}
        main = record.truth.attributes[0].removeprefix("main:")
        assert main in shown
        assert f"{main} on a" in record.caption
        assert record.truth.scene in record.caption
        assert 1 <= len(shown) == len(record.boxes) <= 6
        chances = dict(zip(corpus.labels, record.truth.probabilities, strict=True))
        assert chances[main] == 1.0
        assert min(chances[name] for name in shown) > 0


@pytest.mark.slow
def test_more_glyph_scenes_change_no_earlier_one():
    few, many = (list(glyph_scenes(n).records()) for n in (300, 520))
    assert many[:300] == few


def test_object_given_caption_equals_a_count_over_all_sets():
    chances = np.array([[0.5, 0.2, 0.7, 0.1]])
    table = object_given_caption(chances, 2)
    for main in range(4):
        others = [o for o in range(4) if o != main]
        weights = {}
        for bits in range(8):
            shown = [o for place, o in enumerate(others) if bits >> place & 1]
            chance = np.prod([chances[0, o] if o in shown else 1 - chances[0, o] for o in others])
            if len(shown) <= 2:
                weights[tuple(shown)] = chance
        for o in others:
            expected = sum(w for shown, w in weights.items() if o in shown) / sum(weights.values())
            assert table[0, main, o] == pytest.approx(expected)


def test_drawn_company_follows_the_stated_probabilities():
    from dejavu.corpora.glyph_scenes import _draw_company

    corpus = glyph_scenes()
    n = 20_000
    for scene, main in ((0, 0), (3, 19)):
        shown = _draw_company(
            seeds.generator(0, "test"), np.repeat(corpus.company[[scene]], n, axis=0),
            np.full(n, main), 5,
        )  # fmt: skip
        assert shown.sum(axis=1).max() <= 6
        np.testing.assert_allclose(shown.mean(axis=0), corpus.truth[scene, main], atol=0.02)


def test_an_unused_lane_is_empty(tmp_path):
    machine = MachineParams(
        device="cpu",
        engine="local",
        workers=1,
        batch_images=8,
        block_rows=8,
        data_root=str(tmp_path),
    )
    build.build(
        settings=build.BuildSettings(
            lane="caption", corpus=NoCorpusParams(adapter="none"), limits=NO_LIMITS, seed=0,
            machine=machine,
        ),
        out=build.CorpusTables(
            samples=tmp_path / "samples.parquet", labels=tmp_path / "labels.parquet",
            images=tmp_path / "images",
        ),
    )  # fmt: skip
    assert SAMPLES.read(tmp_path / "samples.parquet").num_rows == 0
    assert LABELS.read(tmp_path / "labels.parquet").num_rows == 0
