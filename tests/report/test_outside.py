"""What the blind baseline looks at: tables, images, tags and texts; what is not there is said."""

import numpy as np
import pyarrow as pa
import pytest

from dejavu.report import outside
from dejavu.report.outside import Attacked, Pixels
from dejavu.roles import CONTROL, TARGET
from dejavu.statistics.control_differs import blind_baseline
from dejavu.tables import schemas
from tests.report.gallery import world

HERE = Pixels(data_root=".", are_read=True)


def attacked(lane, opened):
    rows = opened.table(
        "SELECT sample_id, role, group_id FROM splits "
        "WHERE lane = $lane AND role IN ('target', 'control') ORDER BY sample_id",
        {"lane": lane},
    )
    role = np.array(rows["role"].to_pylist())
    assert {TARGET, CONTROL} == set(role)
    return Attacked(
        sample_id=rows["sample_id"].to_numpy(),
        is_target=role == TARGET,
        group=rows["group_id"].to_numpy(),
    )


def look(made, lane, pixels=HERE, text_models=(), stated=None):
    with world.opened(made) as opened:
        who = attacked(lane, opened)
        return outside.look(
            opened, lane, who, stated or {}, {"label": np.zeros(len(who.sample_id), np.int64)},
            pixels=pixels, text_models=text_models, seed=0, purpose="test",
        )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return world.write(tmp_path_factory.mktemp("world"))


def test_colors_and_tags_are_looked_at_where_they_are(made):
    found = look(made, "image")
    assert {"label", "mean color", "tags"} <= set(found.looked_at)
    assert found.left_out == {}
    assert found.known.x.shape[1] > 3
    assert int(found.known.is_target.sum()) == world.N_TARGET


@pytest.mark.slow
def test_what_is_not_there_is_left_out_and_said(made, tmp_path):
    found = look(made, "image", Pixels(data_root=".", are_read=False))
    assert "thumbnails is false" in found.left_out["mean color"]
    bare = world.write(tmp_path, tags=False)
    (tmp_path / "image/images/source.json").unlink()
    n = world.N_TARGET + world.N_CONTROL
    found = look(bare, "image", stated={"bytes": np.full(n, np.nan)})
    assert found.left_out == {
        "bytes": "not known of every sample",
        "mean color": "the images are not here",
        "tags": "no annotator",
    }
    assert found.looked_at == ("label",)


@pytest.mark.slow
def test_control_images_of_another_light_are_told_apart(tmp_path):
    made = world.write(tmp_path, tags=False)
    rng = np.random.default_rng(0)
    images = [
        world.encoded(
            world.image_of(i).point(lambda v, d=d: v // 2 + d)
        )
        for i, role in enumerate(world.ROLES)
        for d in [int(rng.integers(0, 20)) + (60 if role == "control" else 0)]
    ]  # fmt: skip
    world.write_images(tmp_path / "image" / "images", images)
    blind = blind_baseline(look(made, "image").known, seed=0, purpose="test")
    assert blind is not None
    assert blind.low > 0.9


@pytest.mark.slow
def test_embeddings_of_texts_and_objects_are_looked_at(made, tmp_path):
    assert look(made, "caption").left_out["text embedding"] == "no text model"
    made = world.write(tmp_path)
    with world.opened(made) as opened:
        who = attacked("caption", opened)
    vectors = np.random.default_rng(0).normal(size=(len(who.sample_id), 40)).astype(np.float32)
    vectors[~who.is_target, 0] += 8
    rows = pa.table(
        {
            "sample_id": who.sample_id,
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 40),
        }
    )
    place = tmp_path / "caption/embeddings/model=text/view=caption/part-00000.parquet"
    schemas.EMBEDDINGS.write(rows, place, inputs={})
    found = look(made, "caption", text_models=("text",))
    assert {"objects", "text embedding"} <= set(found.looked_at)
    blind = blind_baseline(found.known, seed=0, purpose="test")
    assert blind is not None
    assert blind.low > 0.6


@pytest.mark.slow
def test_a_text_model_that_lacks_captions_is_left_out(tmp_path):
    made = world.write(tmp_path)
    rows = pa.table(
        {
            "sample_id": np.array([0]),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(np.ones(4, np.float32)), 4),
        }
    )
    place = tmp_path / "caption/embeddings/model=text/view=caption/part-00000.parquet"
    schemas.EMBEDDINGS.write(rows, place, inputs={})
    found = look(made, "caption", text_models=("text",))
    assert found.left_out["text embedding"] == "text has not embedded every caption"
