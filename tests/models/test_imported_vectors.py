"""Vectors that were made elsewhere: the same tables and neighbors as with the network, or a clear error."""

import dataclasses
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from dejavu.errors import ArtifactError, DataError, DejavuError, WeightsError
from dejavu.image import embed
from dejavu.image.embed import EmbedInputs, EmbedSettings
from dejavu.models import encoders, folder, vector_files
from dejavu.params.encoders import Models
from dejavu.params.search import NeighborsParams
from dejavu.run import shards
from dejavu.search import neighbors, searches
from dejavu.tables.parquet import fingerprint
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import CROPS, EMBEDDINGS, SAMPLES
from tests.models.training.world import MACHINE, trained_model

LAYERS = ("projector", "backbone")
VIEWS = ("public_image", "crop")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    monkeypatch.delenv("DEJAVU_DATA_ROOT", raising=False)


def entry(**changes):
    return {
        "source": "embeddings", "recipe": "released", "trained_on": "target", "second_model": None,
        "layers": list(LAYERS), "path": "theirs", **changes,
    }  # fmt: skip


def settings(**changes):
    models = TypeAdapter(Models).validate_python({"m": entry(**changes)})
    return models["m"]


def sources(trained, tmp_path, of, encoder):
    world, _ = trained
    machine = MACHINE.model_copy(update={"data_root": str(tmp_path)})
    return {
        "settings": EmbedSettings(model="m", entry=of, machine=machine),
        "inputs": EmbedInputs(
            samples=world.samples, images=world.images, splits=world.splits, crops=world.crops,
            encoder=encoder,
        ),
    }  # fmt: skip


@pytest.fixture
def ours(trained, tmp_path):
    """What the pipeline's own network embeds."""
    embed.embed(**sources(trained, tmp_path, trained_model(), trained[1]), out=tmp_path / "ours")
    return tmp_path / "ours"


def shuffled(rows, seed=0):
    return rows.take(np.random.default_rng(seed).permutation(len(rows)))


def named(trained, rows):
    """Replace sample_id by sample_name, as somebody else would state it."""
    names = SAMPLES.read(trained[0].samples, columns=["sample_id", "sample_name"])
    joined = rows.append_column("place", pa.array(range(len(rows)))).drop_columns("embedding")
    joined = joined.join(names, "sample_id").sort_by("place")
    return pa.table({"sample_name": joined["sample_name"], "embedding": rows["embedding"]})


def strangers(rows, n):
    """Add `n` rows of samples that nobody asks for."""
    first = rows.slice(0, 1).combine_chunks()
    extra = [
        pa.table({"sample_name": [f"stranger {i}"], "embedding": first["embedding"]})
        for i in range(n)
    ]
    return pa.concat_tables([*extra, rows])


def each_view(ours):
    for layer in LAYERS:
        for view in VIEWS:
            yield (
                layer,
                view,
                EMBEDDINGS.read(ours / partition(layer=layer, view=view)).replace_schema_metadata(
                    None
                ),
            )


def as_named_table(trained, ours, theirs):
    for layer, view, rows in each_view(ours):
        table = strangers(shuffled(named(trained, rows)), 3)
        (theirs / layer).mkdir(parents=True, exist_ok=True)
        pq.write_table(table, theirs / layer / f"{view}.parquet", row_group_size=5)


def as_lists_of_doubles(trained, ours, theirs):
    for layer, view, rows in each_view(ours):
        lists = rows["embedding"].cast(pa.list_(pa.float64()))
        table = pa.table({"sample_id": rows["sample_id"], "embedding": lists})
        (theirs / layer).mkdir(parents=True, exist_ok=True)
        pq.write_table(shuffled(table), theirs / layer / f"{view}.parquet")


def as_matrix(trained, ours, theirs):
    for layer, view, rows in each_view(ours):
        table = shuffled(named(trained, rows))
        (theirs / layer).mkdir(parents=True, exist_ok=True)
        np.save(theirs / layer / f"{view}.npy", np.array(table["embedding"].to_pylist()))
        names = "\n".join(table["sample_name"].to_pylist())
        (theirs / layer / f"{view}.txt").write_text(names + "\n")


def as_parts_of_this_pipeline(trained, ours, theirs):
    shutil.copytree(ours, theirs)


LAYOUTS = (as_named_table, as_lists_of_doubles, as_matrix, as_parts_of_this_pipeline)


def take_over(trained, tmp_path, **changes):
    of = settings(**changes)
    asked = trained[0].asked()
    asked["settings"] = dataclasses.replace(
        asked["settings"], entry=of, machine=MACHINE.model_copy(update={"data_root": str(tmp_path)})
    )  # fmt: skip
    encoders.make(**asked, out=tmp_path / "encoder")
    embed.embed(**sources(trained, tmp_path, of, tmp_path / "encoder"), out=tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_vectors_and_neighbors_of_the_network(
    trained, ours, tmp_path, layout, capsys
):
    layout(trained, ours, tmp_path / "theirs")
    out = take_over(trained, tmp_path)
    how = NeighborsParams(k=3, metrics=("cosine", "l2"), index="Flat", candidate_margin=2)
    for place in (ours, out):
        neighbors.find(
            settings=neighbors.NeighborSettings(
                section="image.neighbors", model="m", search=how, machine=MACHINE
            ),
            inputs=searches.of_images(place, LAYERS, how.metrics),
            out=neighbors.NeighborFiles(neighbors=place / "nn", recall=place / "recall.json"),
        )
    for layer, view, rows in each_view(ours):
        assert (
            EMBEDDINGS.read(out / partition(layer=layer, view=view))
            .replace_schema_metadata(None)
            .equals(rows)
        )
    for metric in how.metrics:
        ids, found = (
            neighbors.NEIGHBORS.read(place / "nn" / f"layer=projector/metric={metric}")[
                "neighbor_ids"
            ]
            for place in (ours, out)
        )
        assert found.equals(ids)
    text = capsys.readouterr().err
    assert ("3 rows of crop are of other samples" in text) == (layout is as_named_table)


def test_provenance_names_the_files_and_the_length_of_the_vectors(trained, ours, tmp_path):
    as_named_table(trained, ours, tmp_path / "theirs")
    take_over(trained, tmp_path)
    facts = folder.read_facts(tmp_path / "encoder")
    assert facts["file"]["kind"] == "precomputed embeddings"
    assert facts["layers"] == {"projector": 16, "backbone": 32}
    assert [file["name"] for file in facts["files"]] == [
        f"{layer}/{view}.parquet" for layer in LAYERS for view in VIEWS
    ]
    with pytest.raises(WeightsError, match="come without a network"):
        encoders.load(tmp_path / "encoder")


def changed(table, **columns):
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table


def nan_in_first(table):
    lists = table["embedding"].to_pylist()
    lists[0][1] = float("nan")
    return changed(table, embedding=pa.array(lists, pa.list_(pa.float32())))


def too_large_for_float32(table):
    lists = table["embedding"].to_pylist()
    lists[0][1] = 1e60
    return changed(table, embedding=pa.array(lists, pa.list_(pa.float64())))


def one_shorter(table):
    lists = table["embedding"].to_pylist()
    lists[1] = lists[1][:-1]
    return changed(table, embedding=pa.array(lists, pa.list_(pa.float32())))


def one_absent(table):
    lists = table["embedding"].to_pylist()
    lists[1] = None
    return changed(table, embedding=pa.array(lists, pa.list_(pa.float32())))


BROKEN = {
    "a sample without a vector": (
        lambda t: t.slice(2), DataError, r"no vector of view crop for 2 of \d+ samples that need one: 's"
    ),
    "a sample twice": (
        lambda t: pa.concat_tables([t, t.slice(4, 1)]), DataError, r"1 samples occur more than once"
    ),
    "not a number": (nan_in_first, DataError, "1 vectors are not finite: 's"),
    "infinite in float32": (too_large_for_float32, DataError, "1 vectors are not finite: 's"),
    "two lengths": (one_shorter, DataError, "of several lengths, expected 16"),
    "an empty cell": (one_absent, DataError, "of several lengths, expected 16"),
    "no names": (lambda t: t.drop_columns("sample_name"), DataError, "no column sample_name or sample_id"),
    "no vectors": (lambda t: t.drop_columns("embedding"), DataError, "lacks column embedding; found"),
    "text for vectors": (
        lambda t: changed(t, embedding=pa.array(["1,2"] * len(t))), DataError,
        "column 'embedding', row 1: found str '1,2', expected a list of numbers",
    ),
    "nothing": (lambda t: t.slice(0, 0), DejavuError, "no rows|no vector"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_table_ends_in_an_error_that_says_what_is_wrong(trained, ours, tmp_path, case):
    how, kind, message = BROKEN[case]
    as_named_table(trained, ours, tmp_path / "theirs")
    path = tmp_path / "theirs/projector/crop.parquet"
    rows = EMBEDDINGS.read(ours / "layer=projector/view=crop").replace_schema_metadata(None)
    pq.write_table(how(named(trained, rows)), path)
    with pytest.raises(kind, match=message) as caught:
        take_over(trained, tmp_path)
    assert str(path) in str(caught.value)


def test_crops_that_are_not_those_of_this_run_are_refused(trained, ours, tmp_path):
    as_named_table(trained, ours, tmp_path / "theirs")
    path = tmp_path / "theirs/projector/crop.parquet"
    rows = EMBEDDINGS.read(ours / "layer=projector/view=crop").replace_schema_metadata(None)
    crops = CROPS.read(trained[0].crops)
    crops = crops.filter(pc.is_in(crops["sample_id"], rows["sample_id"].combine_chunks()))
    table = named(trained, rows)
    for name in vector_files.CORNERS:
        table = table.append_column(name, crops[name])
    pq.write_table(shuffled(table), path)
    take_over(trained, tmp_path)
    wrong = table["x1"].to_numpy().copy()
    wrong[2] += 1
    pq.write_table(shuffled(changed(table, x1=pa.array(wrong))), path)
    with pytest.raises(DataError, match="1 of .* crops are not those of this run"):
        take_over(trained, tmp_path)


def test_vectors_of_another_split_are_refused_where_the_files_say_so(trained, ours, tmp_path):
    as_parts_of_this_pipeline(trained, ours, tmp_path / "theirs")
    for path in (tmp_path / "theirs").rglob("*.parquet"):
        rows = EMBEDDINGS.read(path)
        facts = {"samples": fingerprint(trained[0].samples), "split": "another"}
        EMBEDDINGS.write(rows, path, inputs=facts)
    with pytest.raises(ArtifactError, match="was made from split another, but here split is"):
        take_over(trained, tmp_path)


def test_files_that_change_between_the_two_stages_are_noticed(trained, ours, tmp_path):
    as_named_table(trained, ours, tmp_path / "theirs")
    take_over(trained, tmp_path)
    rows = pq.read_table(tmp_path / "theirs/backbone/crop.parquet")
    pq.write_table(shuffled(rows, seed=1), tmp_path / "theirs/backbone/crop.parquet")
    with pytest.raises(WeightsError, match="changed since stage encoder read it"):
        embed.embed(
            **sources(trained, tmp_path, settings(), tmp_path / "encoder"), out=tmp_path / "out"
        )


def test_views_of_one_layer_have_one_length(trained, ours, tmp_path):
    as_named_table(trained, ours, tmp_path / "theirs")
    shutil.copy(
        tmp_path / "theirs/backbone/crop.parquet", tmp_path / "theirs/projector/crop.parquet"
    )
    with pytest.raises(DataError, match="public_image: 16, crop: 32"):
        take_over(trained, tmp_path)


def test_a_second_model_made_elsewhere_belongs_to_a_target_made_elsewhere():
    check = TypeAdapter(Models).validate_python
    second = entry(trained_on="reference")
    assert check({"m": entry(second_model="s"), "s": second})["m"].second_model == "s"
    ours = {
        "source": "trained", "recipe": "released", "trained_on": "target", "second_model": "s",
        "layers": ["projector"],
    }  # fmt: skip
    with pytest.raises(ValidationError, match="a second model made elsewhere"):
        check({"m": ours, "s": second})
    with pytest.raises(ValidationError, match="expected target and reference"):
        check({"m": entry(second_model="s"), "s": entry()})
