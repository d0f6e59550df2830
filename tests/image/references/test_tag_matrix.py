"""Which tags of a crop count."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu.errors import ArtifactError
from dejavu.image.references.tag_matrix import read_tags, tag_matrix
from dejavu.tables.schemas import TAGS
from tests.image.tables_of import write_tags, write_world


def tags_table(lists):
    rows = {
        "sample_id": np.arange(len(lists), dtype=np.int64) * 2,
        "tag_ids": [[tag for tag, _ in pairs] for pairs in lists],
        "scores": [[score for _, score in pairs] for pairs in lists],
    }
    return pa.table(rows, schema=TAGS.schema)


def slow_top(pairs, top_k):
    best = {}
    for tag, score in pairs:
        best[tag] = max(score, best.get(tag, score))
    return set(sorted(best, key=lambda tag: (-best[tag], tag))[:top_k])


pairs = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0])), max_size=7)


@given(st.lists(pairs, max_size=6), st.one_of(st.none(), st.integers(1, 5)), st.data())
@pytest.mark.slow
def test_equals_its_definition(lists, top_k, data):
    kept = sorted(data.draw(st.sets(st.sampled_from(range(len(lists)))))) if lists else []
    ids = np.array(kept, dtype=np.int64) * 2
    found = tag_matrix(tags_table(lists), ids, n_tags=6, top_k=top_k).toarray()
    assert set(np.unique(found)) <= {0.0, 1.0}
    assert [set(np.flatnonzero(row)) for row in found] == [slow_top(lists[i], top_k) for i in kept]


def test_a_crop_without_a_row_is_refused():
    with pytest.raises(ArtifactError, match="1 of 2 kept crops have no row"):
        tag_matrix(tags_table([[]]), np.array([0, 1], dtype=np.int64), n_tags=1, top_k=1)


def test_a_tag_outside_the_vocabulary_is_refused(tmp_path):
    paths = write_world(tmp_path, [("target", 0, True)], n_labels=1)
    write_tags(tmp_path, paths["crops"], {10: {3: 1.0}}, n_tags=3)
    with pytest.raises(ArtifactError, match=r"e\.g\. 3"):
        read_tags(tmp_path / "tags", tmp_path / "vocabulary.parquet")
