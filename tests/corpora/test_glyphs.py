"""The embedded corpus draws from the distribution that it states, and shows nothing else."""

import numpy as np
import pytest

from dejavu.corpora import glyphs
from dejavu.corpora.glyph_shapes import GLYPHS, coverage
from dejavu.corpora.image_reader import ImageReader, decode
from dejavu.corpora.textures import SCENES
from dejavu.image import crop
from dejavu.params.corpora import CropParams, GlyphsParams
from dejavu.tables.parquet import fingerprint
from tests.corpora.test_build import built

SETTINGS = {
    "adapter": "glyphs", "n_images": 300, "n_labels": 20, "n_scenes": 5, "favorite_share": 0.3,
    "size_px": 64, "planted_share": 0.1, "max_dropped_share": 0.0,
}  # fmt: skip


def drawn(n_blocks=40, **changes):
    """Return the draws of many images, joined, without painting them."""
    settings = GlyphsParams.model_validate({**SETTINGS, **changes})
    table = glyphs.label_given_scene(5, 20, settings.favorite_share)
    return [glyphs._draw(np.random.default_rng(i), settings, table) for i in range(n_blocks)], table


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("glyphs")
    return folder, built(folder, SETTINGS)


def test_label_given_scene_by_hand():
    table = glyphs.label_given_scene(5, 20, 0.3)
    assert table.shape == (5, 20)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert table[1, 4] == pytest.approx(0.3 + 0.7 / 20)
    assert table[1, 5] == pytest.approx(0.7 / 20)
    assert len(set(table.argmax(axis=1))) == 5


def test_labels_follow_the_stated_distribution():
    blocks, table = drawn()
    scenes = np.concatenate([block.scene_ids for block in blocks])
    labels = np.concatenate([block.label_ids for block in blocks])
    for scene in range(5):
        found = np.bincount(labels[scenes == scene], minlength=20)
        expected = table[scene] * found.sum()
        chi_squared = ((found - expected) ** 2 / expected).sum()
        assert chi_squared < 43.8  # 99.9 % of chi-squared with 19 degrees of freedom


@pytest.mark.parametrize(
    "name", ["cycles", "angles", "tints", "brightness", "contrasts", "grains", "boxes", "salience"]
)
def test_nothing_else_depends_on_the_label(name):
    blocks, _ = drawn()
    labels = np.concatenate([block.label_ids for block in blocks])
    values = np.concatenate([getattr(block, name).reshape(256, -1) for block in blocks])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    for label in range(20):
        chosen = values[labels == label]
        assert np.abs(chosen.mean(axis=0) * np.sqrt(len(chosen))).max() < 4.5


@pytest.mark.slow
def test_truth_states_the_distribution_given_the_scene(world):
    _, rows = world
    table = glyphs.label_given_scene(5, 20, 0.3)
    for row in rows:
        assert row["truth"]["probabilities"] == table[SCENES.index(row["truth"]["scene"])].tolist()


@pytest.mark.slow
def test_attributes_name_each_kind_once_and_the_scene_among_them(world):
    _, rows = world
    first = 0
    for row in rows:
        attributes = row["truth"]["attributes"]
        kinds = [tag.split(":")[0] for tag in attributes]
        assert len(set(kinds)) == len(kinds) == glyphs.N_KINDS
        assert f"scene:{row['truth']['scene']}" in attributes
        first += kinds[0] == "scene"
    assert first / len(rows) == pytest.approx(0.4 + 0.6 / 8, abs=0.1)


@pytest.mark.slow
def test_planted_samples_have_the_stated_share(world):
    _, rows = world
    assert np.mean([row["truth"]["is_planted"] for row in rows]) == pytest.approx(0.1, abs=0.05)


@pytest.mark.slow
def test_the_glyph_fills_its_box_and_nothing_outside(world, monkeypatch):
    folder, rows = world
    monkeypatch.setattr(glyphs, "coverage", lambda _, width, height: np.zeros((height, width)))
    bare = glyphs.Glyphs(GlyphsParams.model_validate(SETTINGS), 0, ".").records()
    with ImageReader.open(folder / "images", ".") as reader:
        for row, record in zip(rows[:100], bare, strict=False):
            shown = np.asarray(reader.read(row["uri"])).astype(int)
            difference = np.abs(shown - np.asarray(decode(record.image))).sum(axis=2) > 8
            ys, xs = np.nonzero(difference)
            (box,) = row["boxes"]
            inside = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            stated = (box["x0"], box["y0"], box["x1"], box["y1"])
            assert all(abs(a - b) <= 2 for a, b in zip(inside, stated, strict=True))
            assert xs.min() >= box["x0"]
            assert ys.min() >= box["y0"]
            assert xs.max() < box["x1"]
            assert ys.max() < box["y1"]


@pytest.mark.parametrize("name", GLYPHS)
def test_every_glyph_reaches_all_four_sides(name):
    mask = coverage(name, 40, 37)
    assert mask.shape == (37, 40)
    assert min(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) > 0
    assert 0.25 < mask.mean() < 0.98
    assert len({coverage(other, 40, 37).tobytes() for other in GLYPHS}) == len(GLYPHS)


@pytest.mark.slow
def test_every_image_leaves_a_crop(world):
    _, rows = world
    import pyarrow as pa

    from dejavu.tables.schemas import SAMPLES

    table = pa.Table.from_pylist(rows, schema=SAMPLES.schema)
    table = table.append_column("role", pa.array(["target"] * len(rows)))
    settings = CropParams(rule="largest", min_side_px=15, corner="lower_left", corner_fraction=0.3)
    assert all(crop.find(table, settings)["is_kept"].to_pylist())


@pytest.mark.slow
def test_more_images_leave_the_first_ones_as_they_were(world, tmp_path):
    _, rows = world
    assert built(tmp_path, {**SETTINGS, "n_images": 400})[:300] == rows


@pytest.mark.slow
def test_the_seed_decides_every_byte(world, tmp_path):
    folder, rows = world
    assert built(tmp_path / "again", SETTINGS) == rows
    assert fingerprint(tmp_path / "again") == fingerprint(folder)
    other = built(tmp_path / "other", SETTINGS, seed=1)
    assert not {row["content_hash"] for row in other} & {row["content_hash"] for row in rows}


def test_images_are_as_large_as_stated(tmp_path):
    rows = built(tmp_path, {**SETTINGS, "n_images": 3, "size_px": 48})
    assert {(row["width_px"], row["height_px"]) for row in rows} == {(48, 48)}
