"""Attacked samples whose label nobody in the bank has cannot be guessed: that is no score of 0."""

import pyarrow as pa
import pytest

from dejavu.corpora import plausibility
from dejavu.errors import DataError
from dejavu.tables.schemas import SPLITS
from tests.splits.test_assign import divide, numbered, samples, settings

FOLDERS = {"train": "target", "heldout": "control", "public": "public", "reference": "reference"}


def divided(tmp_path, labels_of, limit=0.0, folders=FOLDERS):
    """Divide three samples per folder, whose labels `labels_of` tells."""
    names = [f"{folder}/{i}" for folder in folders for i in range(3)]
    rows = samples(names, labels=[labels_of.get(n.split("/")[0], 0) for n in names])
    roles = {"source": "folders", "folders": folders}
    return divide(tmp_path, rows, settings(roles_from=roles), limit=limit)


def test_labels_that_the_bank_lacks_are_an_error_that_names_them(tmp_path):
    with pytest.raises(DataError) as caught:
        divided(tmp_path, {"heldout": 1})
    text = str(caught.value)
    assert "3 of 6 attacked samples have a label that no public or no reference sample" in text
    assert "heldout/0 (label 1), heldout/1 (label 1)" in text
    assert "limits.labels_without_bank = 0.0%" in text


def test_either_bank_must_have_the_label(tmp_path):
    with pytest.raises(DataError, match="6 of 6 attacked samples"):
        divided(tmp_path, {"public": 1})


def test_a_raised_limit_is_noted_for_the_report(tmp_path, capsys):
    path = divided(tmp_path, {"heldout": 1}, limit=0.5)
    (crossing,) = plausibility.crossings(path)
    assert (crossing.name, crossing.count, crossing.total) == ("labels_without_bank", 3, 6)
    assert "3 of 6 attacked samples have a label" in capsys.readouterr().err
    assert SPLITS.read(path).num_rows == 12


def test_a_role_that_nobody_has_guesses_nothing(tmp_path):
    """An audit against guesses made elsewhere has no reference role."""
    folders = {"train": "target", "heldout": "control", "public": "public"}
    path = divided(tmp_path, {}, folders=folders)
    assert plausibility.crossings(path) == []


def test_samples_without_a_label_lack_none(tmp_path):
    rows = samples(numbered(40))
    field = rows.schema.field("label_id")
    rows = rows.set_column(rows.schema.get_field_index("label_id"), field, pa.nulls(40, field.type))
    assert plausibility.crossings(divide(tmp_path, rows, settings())) == []


def test_attacked_samples_without_a_label_lack_none(tmp_path):
    """The bank has label 0 alone, so that any label of theirs would be missing."""
    path = divided(tmp_path, {"heldout": None})
    assert plausibility.crossings(path) == []
