"""Roles from folders, tables and the authors' partitions, by hand and against a slow twin."""

import collections
import os
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from dejavu.errors import DataError
from dejavu.splits import given_roles, outcome
from dejavu.splits.duplicates import firsts
from dejavu.splits.outcome import NO_ROLE, Reasons
from dejavu.tables import parquet
from dejavu.tables.schemas import SAMPLES, SPLITS
from tests.splits.test_assign import divide, samples, settings

BOX = {"x0": 0, "y0": 0, "x1": 4, "y1": 4, "label": "n01"}
FOLDERS = {"source": "folders", "folders": {"val": "control"}}
# Two classes of five images, the first three of each annotated, as in the authors' recipe with m = 1.
TRAIN = [f"n0{c}_{i}" for c in (1, 2) for i in range(5)]
PARTITIONS = {"bbox_A": [0, 5], "bbox_B": [1, 6], "shared": [3, 8], "public": [2, 4, 7, 9]}


def imagenet(n_val=3, contents=None):
    """Samples of a train and a val folder; images 0, 1, 2 of each class, and all of val, have a box."""
    names = [*TRAIN, *(f"val_{i}" for i in range(n_val))]
    rows = samples(names, contents=contents)
    uris = [f"{'val' if name.startswith('val') else 'train'}/{name}.JPEG" for name in names]
    boxes = [[BOX] if name.startswith("val") or int(name[-1]) < 3 else [] for name in names]
    for column, values in (("uri", uris), ("boxes", boxes)):
        field = SAMPLES.schema.field(column)
        place = rows.schema.get_field_index(column)
        rows = rows.set_column(place, field, pa.array(values, field.type))
    return rows


def divided(tmp_path, roles_from, rows=None, **changes):
    """Return {sample_name: (role, reason)} and the inputs that the table records."""
    given = settings(roles_from=roles_from, near_duplicate_bits=None, **changes)
    out = divide(tmp_path, imagenet() if rows is None else rows, given)
    names = SAMPLES.read(tmp_path / "samples.parquet")["sample_name"].to_pylist()
    table = SPLITS.read(out)
    pairs = zip(table["role"].to_pylist(), table["reason"].to_pylist(), strict=True)
    return dict(zip(names, pairs, strict=True)), parquet.inputs_of(out)


def put_partitions(folder, partitions=None):
    folder.mkdir(exist_ok=True)
    for name, places in (partitions or PARTITIONS).items():
        np.save(folder / f"{name}.npy", np.array(places, dtype=np.int64))


def partitions(**roles):
    chosen = roles or {"bbox_A": "target", "bbox_B": "reference", "public": "public"}
    return {
        "source": "partitions", "folder": "300_per_class", "partitions": chosen,
        "folders": {"val": "control"},
    }  # fmt: skip


def test_the_authors_partitions_are_positions_in_the_listing_and_val_is_control(tmp_path):
    put_partitions(tmp_path / "300_per_class")
    roles, inputs = divided(tmp_path, partitions())
    unused = ("unused", "not_listed")
    assert roles == {
        "n01_0": ("target", None), "n01_1": ("reference", None), "n01_2": ("public", None),
        "n01_3": unused, "n01_4": ("public", None),
        "n02_0": ("target", None), "n02_1": ("reference", None), "n02_2": ("public", None),
        "n02_3": unused, "n02_4": ("public", None),
        "val_0": ("control", None), "val_1": ("control", None), "val_2": ("control", None),
    }  # fmt: skip
    before = inputs["roles"]
    put_partitions(tmp_path / "300_per_class", {"public": [2, 4]})
    assert divided(tmp_path, partitions())[1]["roles"] != before


def test_partitions_of_another_listing_are_refused(tmp_path):
    folder = tmp_path / "300_per_class"
    put_partitions(folder, PARTITIONS | {"bbox_A": [3, 5]})
    with pytest.raises(DataError, match=r"bbox_A\.npy: 1 of its 2 images have no box"):
        divided(tmp_path, partitions())
    put_partitions(folder, PARTITIONS | {"public": [2, 13]})
    with pytest.raises(DataError, match="from 2 to 13, but the corpus lists 13 samples"):
        divided(tmp_path, partitions())
    put_partitions(folder, PARTITIONS | {"public": [-1, 2]})
    with pytest.raises(DataError, match="from -1 to 2"):
        divided(tmp_path, partitions())


def test_a_position_cannot_have_two_roles(tmp_path):
    put_partitions(tmp_path / "300_per_class", PARTITIONS | {"train_A": [0, 3], "train_B": [1, 3]})
    with pytest.raises(DataError, match=r"train_B\.npy: 1 of its 2 positions already have another"):
        divided(tmp_path, partitions(train_A="target", train_B="reference"))
    same, _ = divided(tmp_path, partitions(bbox_A="target", train_A="target"))
    assert [name for name, (role, _) in same.items() if role == "target"] == [
        "n01_0", "n01_3", "n02_0",
    ]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("shape", ["pipe", "huge", "no number"])
def test_positions_that_never_end_are_a_named_error(tmp_path, shape):
    folder = tmp_path / "300_per_class"
    put_partitions(folder)
    raw = (folder / "public.npy").read_bytes()
    (folder / "public.npy").unlink()
    if shape == "pipe":
        os.mkfifo(folder / "public.npy")
    else:
        n = b"9" * (15 if shape == "huge" else 30)
        (folder / "public.npy").write_bytes(re.sub(rb"\(\d+,\)", b"(" + n + b",)", raw))
    with pytest.raises(DataError, match=r"public\.npy: (is no regular file|not a \.npy file)"):
        divided(tmp_path, partitions())


def test_nothing_is_unpickled(tmp_path):
    folder = tmp_path / "300_per_class"
    put_partitions(folder)
    np.save(folder / "public.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"public\.npy: not a \.npy file of plain numbers"):
        divided(tmp_path, partitions())
    np.save(folder / "public.npy", np.array([1.0, 2.0]))
    with pytest.raises(DataError, match="expected a list of integers, found float64"):
        divided(tmp_path, partitions())
    (folder / "public.npy").unlink()
    with pytest.raises(DataError, match=r"public\.npy: no such file"):
        divided(tmp_path, partitions())


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_a_table_says_all_roles(tmp_path, suffix):
    table = pa.table(
        {
            "sample_name": ["val_0", "n01_0", "n02_4", "n02_3", "stranger"],
            "role": ["control", "target", "public", "unused", "target"],
            "note": ["", "", "", "", ""],
        }
    )
    path = tmp_path / f"roles{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, path)
    else:
        options = pyarrow.csv.WriteOptions(delimiter="\t" if suffix == ".tsv" else ",")
        pyarrow.csv.write_csv(table, path, options)
    roles, inputs = divided(tmp_path, {"source": "table", "path": path.name})
    assert {name: role for name, (role, _) in roles.items() if role != "unused"} == {
        "val_0": "control", "n01_0": "target", "n02_4": "public",
    }  # fmt: skip
    assert roles["n02_3"] == ("unused", "given")
    assert roles["n01_1"] == ("unused", "not_listed")
    assert inputs["roles"] == parquet.fingerprint(path)


def test_names_that_look_like_numbers_keep_their_zeros(tmp_path):
    (tmp_path / "roles.csv").write_text("sample_name,role\n007,target\n7,public\n")
    rows = samples(["007", "7", "0007"])
    roles, _ = divided(tmp_path, {"source": "table", "path": "roles.csv"}, rows)
    assert [role for role, _ in roles.values()] == ["target", "public", "unused"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample_name,role\nn01_0,attacked\n", "role 'attacked' is none of target"),
        ("sample_name,role\nn01_0,\n", "role None is none of target"),
        (
            "sample_name,role\nn01_0,target\nn01_0,public\n",
            "1 values of sample_name occur in more than one row",
        ),
        ("sample_name,role\nother,target\n", "names none of the samples. Its first is other"),
        ("name,role\nn01_0,target\n", "has a column 'name', and none called 'sample_name'"),
        ("sample_name,role\nn01_0\n", "not a readable table"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, text, message):
    (tmp_path / "roles.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        divided(tmp_path, {"source": "table", "path": "roles.csv"})


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"roles\.csv: no such file; split.roles_from.path"):
        divided(tmp_path, {"source": "table", "path": "roles.csv"})


def test_folders_give_roles_and_the_rest_is_drawn(tmp_path):
    shares = {"target": 0.5, "reference": 0.0, "public": 0.5, "control": 0.0}
    fixed, inputs = divided(tmp_path, FOLDERS, shares=shares)
    drawn, _ = divided(tmp_path, None, shares=shares)
    assert {fixed[f"val_{i}"] for i in range(3)} == {("control", None)}
    assert {name: fixed[name] for name in TRAIN} == {name: drawn[name] for name in TRAIN}
    assert set(inputs) == {"samples"}
    nested = {"source": "folders", "folders": {"val/val_1.JPEG": "target", "val/": "control"}}
    with pytest.raises(DataError, match=r"no image lies below 'val/val_1\.JPEG'"):
        divided(tmp_path, nested)


def test_drawn_duplicates_of_a_given_sample_are_unused(tmp_path):
    contents = [f"content {i}" for i in range(10)] + ["content 0", "content 11", "content 12"]
    shares = {"target": 0.5, "reference": 0.0, "public": 0.5, "control": 0.0}
    roles, _ = divided(tmp_path, FOLDERS, imagenet(contents=contents), shares=shares)
    assert roles["n01_0"] == ("unused", "duplicate_of_given")
    assert roles["val_0"] == ("control", None)


def test_duplicates_that_a_file_tears_apart_keep_their_roles_and_are_reported(tmp_path, capsys):
    put_partitions(tmp_path / "300_per_class")
    #           n01: target reference public unused public
    contents = ["a", "b", "a", "a", "c", "b", "d", "e", "f", "a", "g", "h", "b"]
    roles, _ = divided(tmp_path, partitions(), imagenet(contents=contents))
    assert roles["n01_0"] == ("target", "also_in: public")
    assert roles["n01_2"] == ("public", "also_in: target")
    assert roles["n01_3"] == ("unused", "not_listed")
    assert roles["n01_1"] == ("reference", "also_in: target, control")
    assert roles["n02_0"] == ("target", "also_in: reference, control")
    assert roles["val_2"] == ("control", "also_in: target, reference")
    assert roles["n02_2"] == ("public", None)
    told = capsys.readouterr().err
    assert "duplicates lie in several of the given roles" in told
    assert "2 public also_in: target; 1 reference also_in: target, control" in told


@settings_of_hypothesis(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20))
def test_leaks_are_those_of_all_pairs(pairs):
    groups = firsts(np.array([group for group, _ in pairs]))
    codes = np.array([kind for _, kind in pairs], dtype=np.int8)
    said = Reasons(len(pairs))
    said.put(codes == NO_ROLE, "why")
    given_roles.mark_leaks(groups, codes, said)
    roles, reasons = outcome.named(codes), said.texts(slice(None), groups.astype(np.int64))
    for i, (group, role) in enumerate(zip(groups, roles, strict=True)):
        others = {roles[j] for j in range(len(roles)) if groups[j] == group} - {role, "unused"}
        named = ", ".join(other for other in given_roles.ROLES if other in others)
        expected = "why" if role == "unused" else f"also_in: {named}" if named else None
        assert reasons[i] == expected


def test_images_without_a_box_only_serve_as_public_ones(tmp_path):
    shares = {"target": 0.4, "reference": 0.4, "public": 0.0, "control": 0.1}
    kept, _ = divided(tmp_path, None, shares=shares)
    moved, _ = divided(tmp_path, None, shares=shares, without_box="public")
    for name, (role, _) in moved.items():
        has_box = name.startswith("val") or int(name[-1]) < 3
        before = kept[name][0]
        assert role == (before if has_box or before == "unused" else "public")
    assert collections.Counter(role for role, _ in moved.values())["public"] > 0


def test_samples_without_hashes_are_said_to_be_unchecked(tmp_path, capsys):
    rows = imagenet()
    for column in ("content_hash", "perceptual_hash"):
        place = rows.schema.get_field_index(column)
        field = SAMPLES.schema.field(column)
        rows = rows.set_column(place, field, pa.nulls(rows.num_rows, field.type))
    divided(tmp_path, None, rows)
    assert "13 samples have no hash: duplicates of them were not looked for" in (
        capsys.readouterr().err
    )
