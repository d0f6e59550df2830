"""Which crops references see, and what is refused."""

import pytest

from dejavu.errors import ArtifactError, DataError
from dejavu.image.kept_crops import kept_crops, origin, read_labels
from dejavu.tables import parquet
from tests.image.tables_of import write_world

PEOPLE = [("target", 1, True), ("reference", 0, True), ("target", 0, False), ("control", 2, True)]


def test_kept_crops_of_the_roles_wanted(tmp_path):
    paths = write_world(tmp_path, PEOPLE, n_labels=3)
    rows = kept_crops(
        paths["samples"], paths["crops"], roles=["target", "control"], columns=["uri"]
    )
    assert rows["sample_id"].to_pylist() == [10, 19]
    assert rows["label_id"].to_pylist() == [1, 2]
    assert rows["uri"].to_pylist() == ["part-00000.parquet#0", "part-00000.parquet#3"]


def test_a_crop_without_a_label_is_refused(tmp_path):
    paths = write_world(tmp_path, [("target", None, True)], n_labels=1)
    with pytest.raises(DataError, match="1 kept crops have no label_id, e.g. sample 10"):
        kept_crops(paths["samples"], paths["crops"], roles=["target"])


def test_a_crop_of_an_unknown_sample_is_refused(tmp_path):
    paths = write_world(tmp_path, PEOPLE, n_labels=3)
    (tmp_path / "other").mkdir()
    other = write_world(tmp_path / "other", PEOPLE[:1], n_labels=3)
    with pytest.raises(ArtifactError, match="names 1 samples.*sample_id 19"):
        kept_crops(other["samples"], paths["crops"], roles=["target", "control"])
    with pytest.raises(ArtifactError, match="do not belong together"):
        origin(other["samples"], paths["crops"])


def test_origin_names_what_a_table_was_made_from(tmp_path):
    paths = write_world(tmp_path, PEOPLE, n_labels=3)
    assert origin(paths["samples"], paths["crops"]) == {
        "samples": parquet.fingerprint(paths["samples"]),
        "split": "s1",
        "crops": parquet.fingerprint(paths["crops"]),
    }


def test_no_label_is_refused(tmp_path):
    paths = write_world(tmp_path, PEOPLE, n_labels=0)
    with pytest.raises(DataError, match="no label"):
        read_labels(paths["labels"])
