"""The best proof: with a list of samples, roles and vectors alone, every guess is that of the whole run."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from dejavu.run import shards
from dejavu.tables.schemas import (
    CROPS,
    EMBEDDINGS,
    IMAGE_SCORES,
    LABELS,
    PREDICTIONS,
    SAMPLES,
    SPLITS,
)
from stages import (
    corpus,
    crop,
    embed,
    encoder,
    inputs,
    neighbors,
    predictions,
    score_labels,
    split,
    vote,
)  # fmt: skip
from tests.paths import ROOT

GUESSES = "guesses.csv"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "WORK", tmp_path / ".work")
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def settings():
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    image = values["image"]
    image["corpus"] |= {"n_images": 160, "n_labels": 4}
    image["split"]["shares"] = {"target": 0.25, "reference": 0.25, "public": 0.25, "control": 0.25}
    image["models"] = {
        name: model for name, model in image["models"].items() if name.startswith("vicreg")
    }
    image["neighbors"] |= {"k": 5, "candidate_margin": 5}
    image["predictions"] = {"theirs": {"path": GUESSES}}
    image["score"] = {
        "references": ["second_model", "theirs"],
        "at_percent": [20],
        "consensus_of": [],
    }
    values["recipes"]["vicreg"] |= {"epochs": 4, "batch_size": 16, "projector_dim": 32, "width": 4}
    return values


def run(folder, values, guess):
    """Run the stages from the corpus to the scores; `guess` writes what somebody else knows."""
    folder.mkdir()
    values["machine"] |= {"data_root": str(folder), "device": "cpu", "workers": 1}
    params = folder / "params.yaml"
    with params.open("w", encoding="utf-8") as stream:
        YAML().dump(values, stream)
    place = {name: folder / f"{name}.parquet" for name in ("samples", "labels", "splits", "crops")}
    samples, splits, crops = place["samples"], place["splits"], place["crops"]
    images = folder / "images"
    inputs.main(params=params, graph=ROOT / "dvc.yaml", out=folder / "inputs", code=folder / "code")
    corpus.main(lane="image", params=params, samples=samples, labels=place["labels"], images=images)
    split.main(
        lane="image", params=params, samples=samples, labels=place["labels"], images=images,
        out=splits,
    )  # fmt: skip
    crop.main(params=params, samples=samples, splits=splits, out=crops)
    guess(folder)
    for name, model in values["image"]["models"].items():
        made = {"samples": samples, "images": images, "splits": splits}
        out = {
            kind: folder / kind / f"model={name}"
            for kind in ("encoders", "embeddings", "neighbors")
        }
        encoder.main(model=name, recipe=model["recipe"], params=params, out=out["encoders"], **made)
        embed.main(
            model=name, params=params, crops=crops, encoder=out["encoders"],
            out=out["embeddings"], **made,
        )  # fmt: skip
        neighbors.main(
            model=name,
            params=params,
            embeddings=out["embeddings"],
            out=out["neighbors"],
            recall=folder / "recall.json",
            reference=folder / "reference_neighbors" / f"model={name}",
        )
    answers = folder / "predictions"
    vote.main(
        params=params, samples=samples, splits=splits, labels=place["labels"],
        neighbors=folder / "neighbors", reference_neighbors=folder / "reference_neighbors",
        out=answers / "knn", reference_role=folder / "reference_role",
    )  # fmt: skip
    predictions.main(
        params=params, samples=samples, labels=place["labels"], crops=crops,
        out=answers / "elsewhere.parquet", reference_role=folder / "reference_role.parquet",
    )  # fmt: skip
    score_labels.main(params=params, predictions=answers, out=folder / "scores.parquet")
    return folder


def export(whole, out):
    """Write what the owner of images and networks would send, and nothing else."""
    rows = SAMPLES.read(whole / "samples.parquet")
    labels = LABELS.read(whole / "labels.parquet")["label"]
    names = rows["sample_name"]
    listed = rows.select(["sample_name", "width_px", "height_px", "boxes"])
    pq.write_table(
        listed.append_column("label", labels.take(rows["label_id"])), out / "samples.parquet"
    )
    roles = SPLITS.read(whole / "splits.parquet")["role"]
    pq.write_table(pa.table({"sample_name": names, "role": roles}), out / "roles.parquet")
    for name in ("vicreg", "vicreg_second"):
        for layer in ("projector", "backbone"):
            for view in ("public_image", "crop"):
                vectors = EMBEDDINGS.read(
                    whole / "embeddings" / f"model={name}/layer={layer}/view={view}"
                )
                place = out / name / layer / f"{view}.parquet"
                place.parent.mkdir(parents=True, exist_ok=True)
                named = pa.table(
                    {
                        "sample_name": names.take(vectors["sample_id"]),
                        "embedding": vectors["embedding"],
                    }
                )
                pq.write_table(named.take(list(reversed(range(len(named))))), place)


def write_guesses(folder):
    """Guess one and the same label for every crop."""
    rows = SAMPLES.read(folder / "samples.parquet")["sample_name"]
    crops = CROPS.read(folder / "crops.parquet")["sample_id"]
    first = min(LABELS.read(folder / "labels.parquet")["label"].to_pylist())
    lines = [f"{name},{first}" for name in rows.take(crops).to_pylist()]
    (folder / GUESSES).write_text("\n".join(["sample_name,predicted", *lines]) + "\n")


@pytest.mark.slow
def test_lists_roles_and_vectors_give_the_scores_of_the_run_with_the_networks(tmp_path):
    whole = run(tmp_path / "whole", settings(), write_guesses)
    values = settings()
    image = values["image"]
    image["corpus"] = {
        "adapter": "samples_table", "path": "../sent/samples.parquet", "max_dropped_share": 0.0,
    }  # fmt: skip
    image["split"]["roles_from"] = {"source": "table", "path": "../sent/roles.parquet"}
    for name, model in image["models"].items():
        image["models"][name] = {
            key: model[key] for key in ("trained_on", "second_model", "layers")
        } | {"source": "embeddings", "recipe": "released", "path": f"../sent/{name}"}  # fmt: skip
    (tmp_path / "sent").mkdir()
    export(whole, tmp_path / "sent")
    bare = run(tmp_path / "bare", values, write_guesses)
    ours, theirs = (IMAGE_SCORES.read(folder / "scores.parquet") for folder in (whole, bare))
    assert ours.num_rows > 100
    assert theirs.replace_schema_metadata(None).equals(ours.replace_schema_metadata(None))
    numbered = ["label_id", "predicted_id"]  # labels of a list are numbered by their names
    for path in sorted((whole / "predictions").rglob("*.parquet")):
        other = bare / path.relative_to(whole)
        mine, yours = (PREDICTIONS.read(p).drop_columns(numbered) for p in (path, other))
        assert yours.replace_schema_metadata(None).equals(mine.replace_schema_metadata(None))
    theirs = theirs.filter(pc.equal(theirs["reference"], "theirs"))
    assert theirs["reference_entropy"].null_count == theirs.num_rows
