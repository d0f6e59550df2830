"""Splits by numbers equal those by texts, and hold few bytes of each sample."""

import json
import resource
import subprocess
import sys
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from dejavu.splits import assign, groups, listing, outcome
from dejavu.tables.schemas import LABELS, SAMPLES
from tests.corpora.limits import limits
from tests.paths import ROOT
from tests.splits import twin
from tests.splits.test_assign import settings

BOX = {"x0": 0, "y0": 0, "x1": 4, "y1": 4, "label": None}
FOLDERS = {"source": "folders", "folders": {"val": "control"}}
TABLE = {"source": "table", "path": "roles.csv"}
CAPS = {"target": 1, "reference": None, "public": 2, "control": 3}
BYTES_A_SAMPLE = 100
SIZES = (100_000, 300_000)


@st.composite
def rows_of_samples(draw):
    """Samples of few files, hashes and captions, in any order of ids and names."""
    names = draw(st.lists(st.text("abé/", min_size=1, max_size=3), unique=True, max_size=14))
    ids = draw(st.permutations(range(len(names))))
    few = st.integers(0, 3)
    return [
        {
            "sample_id": sample_id, "sample_name": name, "uri": name, "width_px": 8, "height_px": 8,
            "label_id": draw(st.none() | few), "boxes": draw(st.sampled_from([[], [BOX]])),
            "caption": draw(st.none() | st.sampled_from(["a", " a", "a\n", "b", ""])),
            "content_hash": draw(st.none() | few.map(str)),
            "perceptual_hash": draw(st.none() | st.integers(0, 40).map(lambda x: x - 20)),
            "problem": draw(st.none() | st.sampled_from([None, None, "corrupt", "missing"])),
        }
        for sample_id, name in zip(ids, names, strict=True)
    ]  # fmt: skip


@settings_of_hypothesis(max_examples=150, deadline=None)
@given(
    rows=rows_of_samples(),
    bits=st.sampled_from([None, 0, 1]),
    cap=st.sampled_from([None, 1, CAPS]),
    without_box=st.sampled_from([None, "public"]),
    roles_from=st.sampled_from([None, FOLDERS, TABLE]),
    data=st.data(),
)
@pytest.mark.slow
def test_splits_equal_those_of_the_slow_twin(rows, bits, cap, without_box, roles_from, data):
    split = settings(
        near_duplicate_bits=bits, max_per_label=cap, without_box=without_box, roles_from=roles_from
    )
    roles = st.sampled_from([None, *outcome.CODED])
    given_roles = roles_from and [data.draw(roles) for _ in rows]
    table = pa.Table.from_pylist(rows, schema=SAMPLES.schema)
    with (
        mock.patch.object(listing, "PART_ROWS", 3),
        mock.patch.object(outcome, "PART_ROWS", 5),
        mock.patch.object(groups, "NAMES_AT_ONCE", 2),
    ):
        codes = None if given_roles is None else outcome.coded(given_roles)
        found = assign.assign(table, split, seed=3, given=codes)
    columns = (found[name].to_pylist() for name in ("sample_id", "role", "group_id", "reason"))
    expected = twin.divided(rows, split, seed=3, given=given_roles)
    assert list(zip(*columns, strict=True)) == expected


def put(folder, n):
    """Write a lane of `n` captioned images, of which every twentieth repeats another."""

    def parts():
        for start in range(0, n, 50_000):
            ids = np.arange(start, min(start + 50_000, n))
            kinds = np.where(ids % 20 == 0, ids // 2, ids).astype(np.uint64)
            hashes = kinds * np.uint64(0x9E3779B97F4A7C15)
            columns = {
                "sample_id": ids, "sample_name": [f"sample {i:09d}" for i in ids.tolist()],
                "uri": [f"train/{i:09d}.jpg" for i in ids.tolist()],
                "label_id": (ids % 50).astype(np.int32),
                "caption": [f"a scene with the number {kind}" for kind in kinds.tolist()],
                "boxes": pa.array([[BOX]] * len(ids), SAMPLES.schema.field("boxes").type),
                "content_hash": [f"{each:016x}" for each in hashes.tolist()],
                "perceptual_hash": hashes.view(np.int64),
            }  # fmt: skip
            columns |= {
                field.name: pa.nulls(len(ids), field.type)
                for field in SAMPLES.schema
                if field.name not in columns
            }
            yield pa.table(columns, schema=SAMPLES.schema)

    (folder / "images").mkdir(parents=True)
    (folder / "images/source.json").write_text('{"kind": "none"}')
    SAMPLES.write_stream(parts(), folder / "samples.parquet", inputs={})
    labels = {"label_id": range(50), "label": [f"label {i}" for i in range(50)]}
    LABELS.write(pa.table(labels, schema=LABELS.schema), folder / "labels.parquet", inputs={})


def peaks(folders):
    """Divide the lanes in each folder, one after the other, and print the peak of memory so far, in KiB."""
    for folder in folders:
        assign.build(
            settings=assign.SplitSettings(
                split=settings(max_per_label=1_000_000, without_box="public"),
                seed=0, data_root=str(folder), limits=limits(labels_without_bank=1.0),
            ),
            inputs=assign.SplitInputs(
                samples=folder / "samples.parquet", labels=folder / "labels.parquet",
                images=folder / "images",
            ),
            out=folder / "splits.parquet",
        )  # fmt: skip
        print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


@pytest.mark.slow
def test_few_bytes_of_each_sample_are_held(tmp_path):
    for n in SIZES:
        put(tmp_path / str(n), n)
    # In a process of its own: the peak of this one may lie behind. The first lane pays for what is
    # compiled and for buffers.
    code = (
        "from pathlib import Path\n"
        "from tests.splits.test_against_twin import peaks\n"
        f"peaks([Path({str(tmp_path)!r}) / str(n) for n in {SIZES}])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    small, large = (1024 * int(line) for line in run.stdout.split())
    assert (large - small) / (SIZES[1] - SIZES[0]) < BYTES_A_SAMPLE
