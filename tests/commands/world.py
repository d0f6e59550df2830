"""A project on disk with everything that `dejavu show` reads, small enough to know by heart."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from dejavu.corpora.image_reader import IMAGE_COLUMN, SOURCE
from dejavu.tables import schemas
from tests.report.world import build

N = 4  # two target samples, two control samples; neighbors are each other


def write(folder: Path) -> Path:
    """Write both lanes below `folder`; sample 0 is right where the classifier is wrong."""
    answers = {
        "vicreg": ([True, False, True, False], [0.5] * N),
        "vicreg_l2": ([False] * N, [0.5] * N),
        "classifier": ([False, False, False, True], [2.0] * N),
    }
    build(folder, n_target=2, n_control=2, answers=answers)
    image = folder / "image"
    _images(image / "images")
    for metric in ("cosine", "l2"):
        place = f"model=vicreg/layer=projector/metric={metric}"
        _neighbors(image / "neighbors" / place / "part-00000.parquet")
    tags = {"sample_id": [0, 1], "tag_ids": [[1, 0], []], "scores": [[0.9, 0.5], []]}
    _write(schemas.TAGS, tags, image / "tags" / "corpus" / "tags" / "part-00000.parquet")
    words = {"tag_id": [0, 1], "tag": ["sand", "[red]sea[/red]"]}
    _write(schemas.TAG_VOCABULARY, words, image / "tags" / "corpus" / "vocabulary.parquet")
    _captions(folder / "caption")
    return folder


def _captions(lane: Path) -> None:
    none = [None] * N
    samples = {
        "sample_id": range(N), "sample_name": [*(f"scene {i}" for i in range(N - 1)), "0"],
        "uri": [f"part-00000.parquet#{i}" for i in range(N)], "boxes": [[]] * N,
        "caption": [f"caption {i}" for i in range(N)],
    }  # fmt: skip
    columns = {name: samples.get(name, none) for name in schemas.SAMPLES.schema.names}
    _write(schemas.SAMPLES, columns, lane / "samples.parquet")
    _write(schemas.LABELS, {"label_id": [], "label": []}, lane / "labels.parquet")
    roles = {"sample_id": range(N), "role": ["target"] * 2 + ["public"] * 2,
             "group_id": [0, 0, 2, 3], "reason": none}  # fmt: skip
    _write(schemas.SPLITS, roles, lane / "splits.parquet")
    objects = {"sample_id": [0], "object_ids": [[0, 1]], "scores": [[1.0, 0.5]], "detections": [[]]}
    _write(schemas.OBJECTS, objects, lane / "objects" / "part-00000.parquet")
    names = {"object_id": [0, 1], "object": ["gull", "boat"]}
    _write(schemas.OBJECT_VOCABULARY, names, lane / "vocabulary.parquet")
    score = {
        "target": "clip", "reference": "text_model", "mode": "t2i", "k": 10, "role": "target",
        "sample_id": 0, "n_objects": 2, "target_hits": 2, "target_predicted": 4,
        "reference_hits": 1, "reference_predicted": 4, "target_precision": 0.5,
        "reference_precision": 0.25, "target_recall": 1.0, "reference_recall": 0.5,
    }  # fmt: skip
    rows = [score | {"top": top} for top in (None, 1)]
    columns = {name: [row[name] for row in rows] for name in schemas.CAPTION_SCORES.schema.names}
    _write(schemas.CAPTION_SCORES, columns, lane / "scores.parquet")
    _neighbors(lane / "neighbors" / "model=clip/mode=t2i" / "part-00000.parquet")


def _neighbors(path: Path) -> None:
    ids = [[3, 2, 1], [3, 2, 0], [0, 1, 3], [0, 1, 2]]
    rows = {"sample_id": range(N), "neighbor_ids": ids, "similarities": [[0.9, 0.8, 0.1]] * N}
    _write(schemas.NEIGHBORS, rows, path)


def _images(folder: Path) -> None:
    folder.mkdir(parents=True)
    stream = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(stream, "PNG")
    schema = pa.schema([pa.field(IMAGE_COLUMN, pa.binary(), nullable=False)])
    rows = pa.table({IMAGE_COLUMN: [stream.getvalue()] * N}, schema=schema)
    pq.write_table(rows, folder / "part-00000.parquet")
    (folder / SOURCE).write_text(json.dumps({"kind": "embedded"}))


def _write(table, columns, path: Path) -> None:
    arrays = [pa.array(columns[f.name], f.type) for f in table.schema]
    table.write(pa.table(arrays, schema=table.schema), path, inputs={})
