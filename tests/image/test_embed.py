import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dejavu.errors import DataError, ParamsError
from dejavu.image import embed
from dejavu.image.embed import EmbedInputs, EmbedSettings
from dejavu.models import encoders
from dejavu.run import shards
from dejavu.search.stored_vectors import vectors_of
from dejavu.tables.parquet import fingerprint, inputs_of
from dejavu.tables.schemas import CROPS, EMBEDDINGS, SAMPLES, SPLITS
from tests.models.training.world import MACHINE, trained_model


def sources(trained, **changes):
    world, encoder = trained
    files = {
        "samples": world.samples, "images": world.images, "splits": world.splits,
        "crops": world.crops, "encoder": encoder,
    }  # fmt: skip
    entry = changes.pop("entry", trained_model())
    return {
        "settings": EmbedSettings(model="m", entry=entry, machine=MACHINE),
        "inputs": EmbedInputs(**files | changes),
    }


def test_views_hold_public_images_and_kept_crops_of_attacked_roles(trained, tmp_path):
    embed.embed(**sources(trained), out=tmp_path / "out")
    world, _ = trained
    roles = SPLITS.read(world.splits).to_pylist()
    public = [row["sample_id"] for row in roles if row["role"] == "public"]
    crops = [
        row["sample_id"]
        for row in CROPS.read(world.crops).to_pylist()
        if row["is_kept"] and row["role"] in ("target", "control")
    ]
    for layer, dim in (("projector", 16), ("backbone", 32)):
        for view, ids in (("public_image", public), ("crop", crops)):
            rows = EMBEDDINGS.read(tmp_path / "out" / f"layer={layer}/view={view}")
            assert rows["sample_id"].to_pylist() == sorted(ids)
            assert rows["embedding"].type.list_size == dim
    assert not list(tmp_path.glob("out.*"))


def test_a_crop_is_embedded_from_its_own_pixels(trained, tmp_path):
    embed.embed(**sources(trained), out=tmp_path / "out")
    world, folder = trained
    rows = EMBEDDINGS.read(tmp_path / "out" / "layer=backbone/view=crop")
    cut = {i: image.copy() for i, image in world.arrays.items()}
    for image in cut.values():
        image[:, 6:] = 0  # what the crops do not show
        image[:2] = 255
    encoder = encoders.load(folder)
    from PIL import Image

    class Painted:
        def read(self, uri):
            return Image.fromarray(cut[int(uri)])

    ids = rows["sample_id"].to_pylist()
    boxes = np.array([[0, 2, 6, 14]] * len(ids))
    pixels = encoder.preprocessing.load(Painted(), [str(i) for i in ids], boxes)
    assert np.allclose(vectors_of(rows), encoder.embed(pixels)["backbone"], atol=1e-4)


@pytest.mark.parametrize("rows_per_part", [5, 7])
def test_parts_and_a_kill_change_nothing(trained, tmp_path, monkeypatch, rows_per_part):
    embed.embed(**sources(trained), out=tmp_path / "whole")
    monkeypatch.setattr(embed, "ROWS_PER_PART", rows_per_part)
    real, calls = embed._EmbedPart.__call__, []

    def killed(part, index, folder):
        calls.append(index)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(part, index, folder)

    with monkeypatch.context() as patch:
        patch.setattr(embed._EmbedPart, "__call__", killed)
        with pytest.raises(KeyboardInterrupt):
            embed.embed(**sources(trained), out=tmp_path / "parts")
    calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(embed._EmbedPart, "__call__", lambda *a: (calls.append(a[1]), real(*a)))
        embed.embed(**sources(trained), out=tmp_path / "parts")
    assert calls[0] == 2  # of the public images; 0 and 1 were done
    for layer in ("projector", "backbone"):
        for view in ("public_image", "crop"):
            parts = tmp_path / "parts" / f"layer={layer}/view={view}"
            assert len(list(parts.glob("part-*.parquet"))) > 3
            whole = EMBEDDINGS.read(tmp_path / "whole" / f"layer={layer}/view={view}")
            found = EMBEDDINGS.read(parts)
            assert found["sample_id"].equals(whole["sample_id"])
            assert np.allclose(vectors_of(found), vectors_of(whole), atol=1e-4)
    assert not any(shards.WORK.glob("embed*/**/*.parquet"))


def test_an_image_that_is_not_the_listed_one_is_refused(trained, tmp_path):
    world, _ = trained
    rows = SAMPLES.read(world.samples)
    place = rows.schema.get_field_index("content_hash")
    hashes = pa.array(["0" * 16] * len(rows))
    changed = tmp_path / "samples.parquet"
    SAMPLES.write(rows.set_column(place, rows.schema.field(place), hashes), changed, inputs={})
    with pytest.raises(DataError, match="is not the image that stage corpus listed"):
        embed.embed(**sources(trained, samples=changed), out=tmp_path / "out")


def test_equal_inputs_give_equal_bytes(trained, tmp_path):
    for name in ("first", "again"):
        embed.embed(**sources(trained), out=tmp_path / name)
    assert fingerprint(tmp_path / "first") == fingerprint(tmp_path / "again")


def test_origin_is_recorded(trained, tmp_path):
    embed.embed(**sources(trained), out=tmp_path / "out")
    world, folder = trained
    recorded = inputs_of(tmp_path / "out" / "layer=projector/view=crop")
    assert set(recorded) == {"samples", "split", "crops", "weights", "preprocessing"}
    assert recorded["split"] == fingerprint(world.splits)
    assert recorded["crops"] == fingerprint(world.crops)
    weights = encoders.load(folder).provenance.weights_sha256
    assert recorded["weights"] == weights[:16]
    schema = pq.read_schema(tmp_path / "out" / "layer=projector/view=crop" / "part-00000.parquet")
    assert schema.field("embedding").type.list_size == 16


def test_a_layer_the_network_lacks_is_a_parameter_error(trained, tmp_path):
    asked = sources(trained, entry=trained_model(layers=["projecter"]))
    with pytest.raises(ParamsError, match="no layer 'projecter'. Did you mean 'projector'"):
        embed.embed(**asked, out=tmp_path / "out")


def test_a_precision_that_is_asked_for_changes_the_vectors_and_is_recorded(trained, tmp_path):
    embed.embed(**sources(trained), out=tmp_path / "usual")
    entry = trained_model(precision="bfloat16")
    embed.embed(**sources(trained, entry=entry), out=tmp_path / "half")
    place = "layer=projector/view=crop"
    assert inputs_of(tmp_path / "half" / place)["precision"] == "bfloat16"
    usual, half = (
        vectors_of(EMBEDDINGS.read(tmp_path / each / place)) for each in ("usual", "half")
    )
    assert not np.array_equal(usual, half)
    assert np.allclose(usual, half, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("workers", [1, 3, 20])
def test_how_many_threads_decode_changes_no_byte(trained, tmp_path, workers):
    asked = sources(trained)
    machine = asked["settings"].machine.model_copy(update={"workers": workers})
    asked["settings"] = EmbedSettings(model="m", entry=trained_model(), machine=machine)
    embed.embed(**asked, out=tmp_path / "out")
    embed.embed(**sources(trained), out=tmp_path / "usual")
    assert fingerprint(tmp_path / "out") == fingerprint(tmp_path / "usual")
