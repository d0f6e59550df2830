"""A small caption lane as tables on disk, with everything chosen by the test."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from dejavu.caption.score import CaptionTables
from dejavu.params.caption import CaptionScoreParams, SentenceTransformerParams, TrainedClipParams
from dejavu.tables.schemas import NEIGHBORS, OBJECT_VOCABULARY, OBJECTS, SAMPLES, SPLITS

NAMES = ["apple", "bird", "cat", "dog", "egg", "fish"]
INPUTS = {"samples": "s", "split": "p"}


def models():
    def clip(role, second):
        return TrainedClipParams(
            source="trained", recipe="clip", trained_on=role, second_model=second, modes=("t2i",)
        )

    text = SentenceTransformerParams(
        source="sentence_transformers", recipe="released", weights="x", prompt="",
        second_model=None, modes=("t2t",),
    )  # fmt: skip
    return {"clip": clip("target", "second"), "second": clip("reference", None), "text": text}


def settings(k=(1, 2), top=(1,), references=("second_model", "text_model")):
    return CaptionScoreParams(k=k, top=top, references=references)


def write(
    folder: Path, objects, roles, neighbors, probabilities=None, inputs=INPUTS
) -> CaptionTables:
    """Write tables; `objects` and `roles` by sample id, `neighbors`: {(model, mode): {id: ids}}."""
    n = len(objects)
    truth = [
        None if probabilities is None
        else {"scene": "s", "attributes": [], "is_planted": i % 2 == 0, "probabilities": probabilities[i]}
        for i in range(n)
    ]  # fmt: skip
    samples = {name: [None] * n for name in SAMPLES.schema.names} | {
        "sample_id": range(n), "sample_name": [f"n{i}" for i in range(n)], "uri": ["u"] * n,
        "caption": [f"c{i}" for i in range(n)], "boxes": [[]] * n, "truth": truth,
    }  # fmt: skip
    SAMPLES.write(pa.table(samples, schema=SAMPLES.schema), folder / "samples.parquet", inputs={})
    splits = {"sample_id": range(n), "role": roles, "group_id": range(n), "reason": [None] * n}
    SPLITS.write(pa.table(splits, schema=SPLITS.schema), folder / "splits.parquet", inputs={})
    rows = {
        "sample_id": range(n), "object_ids": [sorted(each) for each in objects],
        "scores": [[1.0] * len(each) for each in objects], "detections": [[]] * n,
    }  # fmt: skip
    table = pa.table(rows, schema=OBJECTS.schema)
    OBJECTS.write(table, folder / "objects" / "part-00000.parquet", inputs=inputs)
    vocabulary = pa.table(
        {"object_id": range(len(NAMES)), "object": NAMES}, schema=OBJECT_VOCABULARY.schema
    )
    OBJECT_VOCABULARY.write(vocabulary, folder / "vocabulary.parquet", inputs=inputs)
    for (model, mode), found in neighbors.items():
        rows = {
            "sample_id": list(found), "neighbor_ids": list(found.values()),
            "similarities": [[0.0] * len(each) for each in found.values()],
        }  # fmt: skip
        path = folder / "neighbors" / f"model={model}/mode={mode}" / "part-00000.parquet"
        NEIGHBORS.write(pa.table(rows, schema=NEIGHBORS.schema), path, inputs=INPUTS)
    return CaptionTables(
        samples=folder / "samples.parquet", splits=folder / "splits.parquet",
        objects=folder / "objects", vocabulary=folder / "vocabulary.parquet",
        neighbors=folder / "neighbors",
    )  # fmt: skip


def random(folder: Path, seed: int, n_attacked=40, n_public=12, k=3):
    """Write a random world; return (tables, objects, roles, neighbors)."""
    rng = np.random.default_rng(seed)
    n = n_attacked + n_public
    objects = [set(np.flatnonzero(rng.random(len(NAMES)) < 0.35).tolist()) for _ in range(n)]
    roles = ["public"] * n_public + rng.choice(["target", "control"], n_attacked).tolist()
    attacked = range(n_public, n)
    neighbors = {
        key: {i: rng.permutation(n_public)[:k].tolist() for i in attacked}
        for key in (("clip", "t2i"), ("second", "t2i"), ("text", "t2t"))
    }
    return write(folder, objects, roles, neighbors), objects, roles, neighbors
