"""What a search found is read back as it was measured."""

import pytest

from dejavu.errors import ArtifactError
from dejavu.search import recalls
from dejavu.search.recalls import Recall


def recall_of(model, n_queries=0):
    return Recall(
        model=model, names={"layer": "backbone", "metric": "l2"}, k=20, index="Flat",
        n_queries=n_queries, recall=1.0,
    )  # fmt: skip


def test_an_exact_index_has_no_measured_recall():
    assert not recall_of("a", n_queries=0).is_measured
    assert recall_of("a", n_queries=1).is_measured


def test_what_is_written_is_read_models_by_name(tmp_path):
    for name in ("b", "a"):
        recalls.write(tmp_path / f"{name}.json", [recall_of(name), recall_of(name, n_queries=3)])
    found = recalls.read(tmp_path)
    assert found == [recall_of("a"), recall_of("a", 3), recall_of("b"), recall_of("b", 3)]


def test_no_file_and_a_file_of_another_kind_are_refused(tmp_path):
    with pytest.raises(ArtifactError, match="no recall of any search here"):
        recalls.read(tmp_path)
    (tmp_path / "a.json").write_text('[{"model": "a"}]')
    with pytest.raises(ArtifactError, match=r"a\.json: not a list of recalls"):
        recalls.read(tmp_path)
