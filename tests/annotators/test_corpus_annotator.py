"""Tags from the corpus' truth."""

import dataclasses

import numpy as np
import pytest

from dejavu.annotators import corpus, tag_crops
from dejavu.annotators.source import CropSource
from dejavu.errors import DataError
from dejavu.params.machine import MachineParams
from dejavu.params.references import CorpusAnnotatorParams
from dejavu.tables import parquet
from dejavu.tables.schemas import TAG_VOCABULARY, TAGS
from tests.image.tables_of import write_world

MACHINE = MachineParams(
    device="cpu", engine="local", workers=2, batch_images=7, block_rows=64, data_root="."
)
PEOPLE = [
    ("reference", 0, True), ("target", 0, True), ("control", 0, True), ("target", 0, False),
    ("public", 0, True),
]  # fmt: skip


def tag(folder, attributes):
    truth = [None if a is None else {"attributes": a} for a in attributes]
    paths = write_world(folder, PEOPLE, n_labels=1, truth=truth)
    tag_crops.tag_crops(
        settings=tag_crops.TagSettings(
            name="truth",
            entry=CorpusAnnotatorParams(source="corpus"),
            limit=0.0,
            seed=0,
            machine=MACHINE,
        ),
        inputs=CropSource(
            samples=paths["samples"], crops=paths["crops"], images=folder, data_root="."
        ),
        out=tag_crops.TagTables(tags=folder / "tags", vocabulary=folder / "vocabulary.parquet"),
    )
    return paths


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("per_shard", [1, 2, 100])
@pytest.mark.slow
def test_by_hand(in_tmp, monkeypatch, per_shard):
    made = corpus.prepare

    def small_shards(*args, **settings):
        return dataclasses.replace(made(*args, **settings), crops_per_shard=per_shard)

    monkeypatch.setattr(corpus, "prepare", small_shards)
    paths = tag(in_tmp, [["sea", "boat", "sea"], [], ["air"], ["dropped"], ["public"]])
    assert TAG_VOCABULARY.read(in_tmp / "vocabulary.parquet")["tag"].to_pylist() == [
        "air", "boat", "sea",
    ]  # fmt: skip
    rows = TAGS.read(in_tmp / "tags").to_pydict()
    assert rows["sample_id"] == [10, 13, 16]  # kept crops of the three roles
    assert rows["tag_ids"] == [[2, 1], [], [0]]
    assert rows["scores"] == [[1.0, 0.5], [], [1.0]]
    n_parts = -(-3 // per_shard)
    assert [p.name for p in sorted((in_tmp / "tags").iterdir())] == [
        f"part-{index:05d}.parquet" for index in range(n_parts)
    ]
    recorded = parquet.inputs_of(in_tmp / "tags")
    assert recorded["crops"] == parquet.fingerprint(paths["crops"])
    assert recorded["split"] == "s1"


def test_a_corpus_without_truth_is_refused(in_tmp):
    with pytest.raises(DataError, match="1 of 3 crops have no truth.attributes"):
        tag(in_tmp, [["sea"], None, ["air"], ["x"], ["x"]])


def test_long_crops_are_scaled_and_nothing_beyond_the_box_is_seen(in_tmp):
    from tests.image.images_of import write_images

    image = np.zeros((8, 40, 3), dtype=np.uint8)
    image[:, 8:] = 255  # the box is the left 8 x 8
    paths = write_world(in_tmp, PEOPLE[:1], n_labels=1)
    source = CropSource(
        samples=paths["samples"],
        crops=paths["crops"],
        images=write_images(in_tmp, [image]),
        data_root=".",
    )
    crops = source.kept(["reference"], columns=["uri"])
    for max_side_px, side in ((4, 4), (8, 8), (99, 8)):
        (pixels,) = source.pixels(crops, max_side_px=max_side_px, workers=1)
        assert pixels.shape == (side, side, 3)
        assert pixels.max() == 0
