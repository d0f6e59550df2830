"""Small tables on disk, as the stages before the references write them."""

import numpy as np
import pyarrow as pa

from dejavu.tables import parquet
from dejavu.tables.schemas import CROPS, LABELS, SAMPLES, TAG_VOCABULARY, TAGS


def write_world(folder, people, *, n_labels, truth=None, side=8):
    """Write samples, labels and crops; `people` lists (role, label_id, is_kept), one per sample."""
    n = len(people)
    samples, labels, crops = (folder / f"{name}.parquet" for name in ("samples", "labels", "crops"))
    columns = {
        "sample_id": np.arange(n) * 3 + 10,
        "sample_name": [f"s{i}" for i in range(n)],
        "uri": [f"part-00000.parquet#{i}" for i in range(n)],
        "label_id": pa.array([label for _, label, _ in people], pa.int32()),
        "boxes": [[]] * n,
        "truth": [None] * n if truth is None else truth,
    }
    SAMPLES.write(_filled(SAMPLES.schema, columns, n), samples, inputs={})
    LABELS.write(
        pa.table(
            {"label_id": range(n_labels), "label": [chr(97 + i) for i in range(n_labels)]},
            schema=LABELS.schema,
        ),
        labels,
        inputs={},
    )
    columns = {
        "sample_id": columns["sample_id"],
        "role": [role for role, _, _ in people],
        "is_kept": [is_kept for _, _, is_kept in people],
        "drop_reason": [None if is_kept else "too_small" for _, _, is_kept in people],
        **{edge: [0] * n for edge in ("x0", "y0")},
        **{edge: [side] * n for edge in ("x1", "y1")},
    }
    inputs = {"samples": parquet.fingerprint(samples), "split": "s1"}
    CROPS.write(_filled(CROPS.schema, columns, n), crops, inputs=inputs)
    return {"samples": samples, "labels": labels, "crops": crops}


def write_tags(folder, crops, tags_of, *, n_tags, notes=None):
    """Write the tags of some samples ({sample_id: {tag_id: score}}) as an annotator would."""
    rows = {
        "sample_id": list(tags_of),
        "tag_ids": [list(tags) for tags in tags_of.values()],
        "scores": [list(tags.values()) for tags in tags_of.values()],
    }
    inputs = {"crops": parquet.fingerprint(crops)}
    TAGS.write(
        pa.table(rows, schema=TAGS.schema), folder / "tags" / "part-00000.parquet", inputs=inputs,
        notes=notes,
    )  # fmt: skip
    TAG_VOCABULARY.write(
        pa.table(
            {"tag_id": range(n_tags), "tag": [f"t{i}" for i in range(n_tags)]},
            schema=TAG_VOCABULARY.schema,
        ),
        folder / "vocabulary.parquet",
        inputs=inputs,
    )


def _filled(schema, columns, n):
    return pa.table(
        {f.name: columns.get(f.name, pa.nulls(n, f.type)) for f in schema}, schema=schema
    )
