"""Which samples the galleries show, and what they say about them."""

import collections

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.caption.object_sets import likeliest_objects
from dejavu.report.settings import reference_table
from dejavu.tables import catalog, queries, schemas
from tests.paths import ROOT
from tests.report.gallery import slow, world

QUERIES = [name for name in queries.names() if name.startswith("gallery_")]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return world.write(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def found(project):
    return world.galleries(project)


def lane(found, name):
    return found["data"]["lanes"][name]


def cards_of(found, name, *columns):
    prefix = name[0]
    assert all(card["sample"].startswith(prefix) for card in lane(found, name)["cards"])
    return [
        tuple(int(card["sample"][1:]) if column == "sample" else card[column] for column in columns)
        for card in lane(found, name)["cards"]
    ]


def put_on_the_list(lane):
    """List every third target sample, whatever its z; return the rows."""
    path = lane / "memorized_samples.parquet"
    rows = schemas.MEMORIZED_SAMPLES.read(path).to_pylist()
    for place, row in enumerate(rows):
        row["is_listed"] = row["role"] == "target" and place % 3 == 0
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.MEMORIZED_SAMPLES.schema), path)
    return rows


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [1, 3, 9])
@pytest.mark.slow
def test_image_cards_are_those_of_the_slow_twin(tmp_path, seed, n):
    project = world.gallery(
        world.write(tmp_path, seed, lanes=["image"]), n_samples=n, thumbnail_px=16
    )
    project = world.gallery(project, thumbnails=False)
    path = tmp_path / "image" / "scores.parquet"
    rows = schemas.IMAGE_SCORES.read(path).to_pylist()
    backwards = pa.Table.from_pylist(rows[::-1], schema=schemas.IMAGE_SCORES.schema)
    pq.write_table(backwards, path)  # ties must not go by the order of rows
    columns = ("kind", "target", "reference", "other", "place", "sample", "confidence")
    expected = slow.image_cards(rows, put_on_the_list(tmp_path / "image"), n)
    assert {card[0] for card in expected} >= {"listed", "memorized", "false_alarm", "disagreement"}
    assert cards_of(world.galleries(project), "image", *columns) == expected


@pytest.mark.parametrize("decimals", [1, 9], ids=["ties", "no ties"])
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("case", ["", "a guess without entropy", "every 61st is the surest"])
def test_image_cards_of_so_many_samples_that_a_bar_leaves_most_out(n, decimals, case):
    rng = np.random.default_rng(n)
    rows = []
    for reference in ("classifier", "naive_bayes@1", "naive_bayes@5", "consensus"):
        for sample_id in range(4_000):
            right, other = rng.random(2) < 0.6
            shift = 1 if case.startswith("every") and sample_id % 61 else 0
            entropies = [round(float(each), decimals) for each in shift + rng.gamma(2, size=2)]
            rows.append(
                {
                    "target": "vicreg",
                    "reference": reference,
                    "sample_id": sample_id,
                    "role": "target" if sample_id % 2 else "control",
                    "reference_correct": bool(right),
                    "is_memorized": bool(other and not right),
                    "reference_entropy": entropies[0],
                    "memorization_confidence": round(entropies[0] - entropies[1], decimals),
                }
            )
    if "without" in case:  # its sample is the surest disagreement by the other guess alone
        by = {(row["reference"], row["sample_id"]): row for row in rows}
        right, wrong = next(
            (by["classifier", i], by["naive_bayes@1", i])
            for i in range(1, 4_000, 2)
            if by["classifier", i]["reference_correct"]
            and not by["naive_bayes@1", i]["reference_correct"]
        )
        right["reference_entropy"] = wrong["reference_entropy"] = 0.0
    expected = slow.image_cards(rows, [], n)
    if "without" in case:
        right["reference_entropy"] = None
    with duckdb.connect() as connection:
        connection.register("image_scores", pa.Table.from_pylist(rows))
        connection.execute(f"CREATE TABLE settings AS SELECT {n} AS n_gallery_samples")
        connection.execute("CREATE TABLE targets AS SELECT 'vicreg' AS name, true AS is_headline")
        connection.execute(
            "CREATE TABLE memorized_samples "
            "(lane VARCHAR, target VARCHAR, sample_id BIGINT, z DOUBLE, is_listed BOOLEAN)"
        )
        found = connection.execute(queries.text("gallery_image_cards")).fetchall()
    assert [
        (kind, target, reference, other, place, sample_id, pytest.approx(confidence))
        for kind, target, reference, other, place, sample_id, confidence in found
    ] == expected


@pytest.mark.slow
def test_a_correlation_needs_every_reference(tmp_path):
    for seed in range(20):
        project = world.gallery(world.write(tmp_path, seed, lanes=["image"]), thumbnails=False)
        cards = cards_of(world.galleries(project), "image", "kind", "sample", "confidence")
        if any(kind == "correlation" for kind, *_ in cards):
            break
    rows = schemas.IMAGE_SCORES.read(tmp_path / "image" / "scores.parquet").to_pylist()
    for sample, confidence in [card[1:] for card in cards if card[0] == "correlation"]:
        own = [row for row in rows if row["sample_id"] == sample]
        assert all(row["reference_correct"] for row in own)
        assert confidence == -max(row["reference_entropy"] for row in own)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.slow
def test_caption_cards_are_those_of_the_slow_twin(tmp_path, seed, n):
    project = world.gallery(
        world.write(tmp_path, seed, lanes=["caption"]), n_samples=n, thumbnails=False
    )
    rows = schemas.CAPTION_SCORES.read(tmp_path / "caption" / "scores.parquet").to_pylist()
    columns = ("kind", "target", "mode", "reference", "other", "place", "sample", "confidence")
    listed = put_on_the_list(tmp_path / "caption")
    expected = slow.caption_cards(rows, listed, n, k=2)  # 10 is not scored: the middle of 1, 2, 3
    assert {card[0] for card in expected} == {
        "listed",
        "memorized",
        "false_alarm",
        "correlation",
        "disagreement",
    }
    assert cards_of(world.galleries(project), "caption", *columns) == expected


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("sandboxed", [True, False])
@pytest.mark.slow
def test_every_query_runs_alone(project, name, sandboxed):
    with world.opened(project, sandboxed=sandboxed, everything=True) as opened:
        references = reference_table(project.captions.models, project.captions.score)
        opened.connection.register("caption_references", references)
        rows = opened.rows(queries.text(name))
    assert rows
    if name == "gallery_image_neighbors":  # of the headline layer alone, though all are there
        places = [(row["predictor"], row["sample_id"], row["rank"]) for row in rows]
        assert len(places) == len(set(places))
    assert len(queries.about(name)) > 20
    assert "uses:" not in queries.about(name)


def test_queries_come_after_what_they_use():
    assert queries.uses("gallery_image_samples") == [
        "gallery_image_cards", "gallery_image_neighbors",
    ]  # fmt: skip
    assert queries.uses("image_score_counts") == []


@pytest.mark.slow
def test_neighbors_are_the_nearest_of_the_headline_layer_with_all_votes(project, found):
    labels = schemas.LABELS.read(project.data / "image" / "labels.parquet")["label"].to_pylist()
    for model in ("vicreg", "vicreg_second"):
        place = f"model={model}/layer=projector/metric=l2"
        path = project.data / "image" / "neighbors" / place / "part-00000.parquet"
        rows = {row["sample_id"]: row for row in schemas.NEIGHBORS.read(path).to_pylist()}
        searched = lane(found, "image")["neighbors"][model]
        assert {int(key[1:]) for key in searched} == {
            int(card["sample"][1:]) for card in lane(found, "image")["cards"]
        }
        for key, place in searched.items():
            row = rows[int(key[1:])]
            near = [
                [f"i{i}", round(s, 4)]
                for i, s in zip(row["neighbor_ids"], row["similarities"], strict=True)
            ]
            assert place["near"] == near[:2]
            votes = collections.Counter(labels[i % len(labels)] for i in row["neighbor_ids"])
            assert place["votes"] == {name: round(n / world.K, 4) for name, n in votes.items()}


@pytest.mark.slow
def test_every_guess_is_the_one_that_was_scored(project, found):
    rows = schemas.IMAGE_SCORES.read(project.data / "image" / "scores.parquet").to_pylist()
    scored = {(row["sample_id"], row["reference"]): row for row in rows}
    for key, guesses in lane(found, "image")["guesses"]["vicreg"].items():
        own, *others = guesses
        assert own["reference"] is None
        assert len(others) == len({row["reference"] for row in rows})
        for guess in others:
            row = scored[int(key[1:]), guess["reference"]]
            assert guess["right"] == row["reference_correct"]
            assert guess["entropy"] == row["reference_entropy"]
            assert (guess["label"] is None) == (guess["reference"] == "consensus")
            if guess["label"] is not None:
                truth = lane(found, "image")["samples"][key]["label"]
                assert (guess["label"] == truth) == guess["right"]
            assert own["entropy"] == row["target_entropy"]


@pytest.mark.slow
def test_naive_bayes_shows_the_tags_that_it_counts(project, found):
    evidence = lane(found, "image")["evidence"]
    assert evidence["counted"] == {
        "naive_bayes@1": ["corpus", 1], "naive_bayes@5": ["corpus", 5],
        "naive_bayes_words@5": ["words", 5],
    }  # fmt: skip
    seen = schemas.TAGS.read(project.data / "image" / "tags" / "words" / "tags").to_pylist()
    for row in seen:
        key = f"i{row['sample_id']}"
        if key in evidence["tags"]["words"]:
            assert evidence["tags"]["words"][key] == [f"words {i}" for i in row["tag_ids"]]


@pytest.mark.slow
def test_caption_objects_are_those_of_the_neighbors_that_count(project, found):
    folder = project.data / "caption"
    rows = schemas.OBJECTS.read(folder / "objects").to_pylist()
    objects = {row["sample_id"]: set(row["object_ids"]) for row in rows}
    scored = {
        (row["sample_id"], row["reference"]): row
        for row in schemas.CAPTION_SCORES.read(folder / "scores.parquet").to_pylist()
        if row["k"] == 2 and row["top"] is None
    }
    who = {"clip/t2i": None, "second/t2i": "second_model", "text/t2t": "text_model"}
    for searcher, reference in who.items():
        near = schemas.NEIGHBORS.read(
            folder
            / "neighbors"
            / "model={}/mode={}".format(*searcher.split("/"))
            / "part-00000.parquet"
        )
        ids = {row["sample_id"]: row["neighbor_ids"][:2] for row in near.to_pylist()}
        for key, place in lane(found, "caption")["neighbors"][searcher].items():
            sample = int(key[1:])
            shown = set().union(*(objects[i] for i in ids[sample]))
            truth = objects[sample]
            assert set(place["found"]) == {world.NAMES[i] for i in shown & truth}
            assert set(place["wrong"]) == {world.NAMES[i] for i in shown - truth}
            row = scored[sample, reference or "oracle"]
            who_hits = "reference_hits" if reference else "target_hits"
            assert len(place["found"]) == row[who_hits]


def test_the_oracle_shows_its_likeliest_objects(project, found):
    rows = schemas.SAMPLES.read(project.data / "caption" / "samples.parquet").to_pylist()
    known = {f"c{row['sample_id']}": row["truth"]["probabilities"] for row in rows}
    for key, place in lane(found, "caption")["neighbors"]["oracle"].items():
        ids = likeliest_objects(np.array([known[key]]), None)
        assert {*place["found"], *place["wrong"]} == {world.NAMES[i] for i in ids}


def test_lanes_start_with_the_headline(found):
    assert lane(found, "image")["start"] == {"by": "vicreg", "reference": "second_model"}
    assert lane(found, "caption")["start"] == {"by": "clip/t2i", "reference": "text_model"}
    assert lane(found, "image")["references"][0] == "second_model"


@pytest.mark.parametrize(
    "left_out",
    [
        {"second": False}, {"control": False}, {"neighbors": False}, {"tags": False},
        {"lanes": ["image"]}, {"lanes": ["caption"]},
    ],
    ids=lambda left_out: str(next(iter(left_out.items()))),
)  # fmt: skip
@pytest.mark.slow
def test_what_is_not_there_is_left_out(tmp_path, left_out):
    found = world.galleries(world.write(tmp_path, **left_out))
    assert set(found["data"]["lanes"]) == set(left_out.get("lanes", ["image", "caption"]))
    for name, own in found["data"]["lanes"].items():
        kinds = {card["kind"] for card in own["cards"]}
        assert "memorized" in kinds
        assert ("false_alarm" in kinds) == ("control" not in left_out or name == "caption")
        assert ("second_model" in own["references"]) == ("second" not in left_out)
    if "neighbors" in left_out:
        assert lane(found, "image")["neighbors"] == {}
    if "tags" in left_out:
        assert lane(found, "image")["evidence"] == {}
    assert "<h3>" in world.page(found)


@pytest.mark.slow
def test_a_project_without_scores_has_no_cards(tmp_path):
    project = world.write(tmp_path)
    for name in ("image", "caption"):
        (tmp_path / name / "scores.parquet").unlink()
    found = world.galleries(project)
    assert found == {
        "notes": [], "static": [],
        "data": {"lanes": {}, "images": {}, "missing": {}, "has_images": False},
    }  # fmt: skip
    assert "There are no samples to show" in world.page(found)


def test_the_command_line_runs_the_queries_of_the_galleries(project, tmp_path):
    default = (ROOT / "params.yaml").read_text()  # audits a clip model, as the project does
    params = tmp_path / "params.yaml"
    params.write_text(default.replace("mode: t2i, k: 10,", "mode: t2i, k: 2,"))
    command = ["sql", "--query", "gallery_caption_neighbors", "--format", "csv"]
    done = CliRunner().invoke(
        cli.app, [*command, "--data", str(project.data), "--params", str(params)]
    )
    assert done.exit_code == 0, done.output
    assert '\n"clip","t2i",' in done.output


def test_a_view_may_hold_a_part_of_the_files(project):
    with catalog.connect(project.data, only=["samples"], sandboxed=False) as opened:
        assert opened.add_views(["neighbors", "tags", "reference_agreement"], layer=["backbone"]) == {
            "neighbors", "tags", "reference_agreement",
        }  # fmt: skip
        rows = opened.rows("SELECT DISTINCT lane, layer FROM neighbors ORDER BY lane")
        assert rows == [{"lane": "caption", "layer": None}, {"lane": "image", "layer": "backbone"}]
        assert opened.add_views(["samples", "embeddings"]) == {"samples"}
