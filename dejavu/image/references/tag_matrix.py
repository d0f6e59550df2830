"""Tags of crops as a sparse matrix: which of its best K tags each crop shows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64
from scipy import sparse

from dejavu.corpora.plausibility import UNANNOTATED, notes_of
from dejavu.errors import ArtifactError
from dejavu.tables import by_sample
from dejavu.tables.schemas import TAG_VOCABULARY, TAGS


def read_tags(tags: Path, vocabulary: Path) -> tuple[pa.Table, int]:
    """Return the rows of table ``tags`` in sample_id order and the size of the vocabulary.

    Raises:
        ArtifactError: a tag_id is not in the vocabulary.
    """
    rows = TAGS.read(tags).sort_by("sample_id").combine_chunks()
    known = TAG_VOCABULARY.read(vocabulary)["tag_id"].to_numpy()
    n_tags = int(known.max()) + 1 if len(known) else 0
    unknown = np.setdiff1d(pc.list_flatten(rows["tag_ids"]).to_numpy(), known)
    if len(unknown):
        raise ArtifactError(
            f"{tags}: {len(unknown)} tag ids are not in {vocabulary}, e.g. {unknown[0]}. "
            "Run `dvc repro` to rebuild both."
        )
    return rows, n_tags


def known_crops(
    tags: Path, rows: pa.Table, learned_from: pa.Table, attacked: pa.Table
) -> tuple[pa.Table, Bool[np.ndarray, " n"]]:
    """Return the reference crops that are annotated, and which of the attacked ones are.

    Of the others nobody said that they show nothing. How many they are stands in the table's notes.

    Args:
        tags: table ``tags``.
        rows: its rows in sample_id order.
        learned_from: the kept crops of the reference role.
        attacked: the kept crops of the attacked roles.

    Raises:
        ArtifactError: another number of crops has no row.
    """
    ids = np.concatenate([each["sample_id"].to_numpy() for each in (learned_from, attacked)])
    _, exists = by_sample.positions(rows["sample_id"].to_numpy(), ids)
    n_noted = sum(int(count) for count in notes_of(tags, UNANNOTATED).values())
    if (n_missing := int((~exists).sum())) != n_noted:
        raise ArtifactError(
            f"{tags}: {n_missing} of {len(exists)} kept crops have no row of tags, expected {n_noted}. "
            "Run `dvc repro` to tag the crops anew."
        )
    n = learned_from.num_rows
    return learned_from.filter(pa.array(exists[:n])), exists[n:]


def tag_matrix(
    rows: pa.Table, sample_id: Int64[np.ndarray, " n"], *, n_tags: int, top_k: int | None
) -> sparse.csr_array:
    """Return which tags each sample shows: a 0/1 matrix of shape (n, n_tags), float64.

    Args:
        rows: rows of table ``tags`` in sample_id order.
        sample_id: the samples wanted, ascending.
        n_tags: columns.
        top_k: how many tags of a sample count: those of highest score, the smaller tag_id first
            among equals; a tag listed twice counts once, with its best score. None: all.

    Raises:
        ArtifactError: a sample has no row in `rows` (a crop without tags has one, with an empty list).
    """
    row_of, is_wanted = by_sample.positions(sample_id, rows["sample_id"].to_numpy())
    if int(is_wanted.sum()) != len(sample_id):
        raise ArtifactError(
            f"{len(sample_id) - int(is_wanted.sum())} of {len(sample_id)} kept crops have no row "
            "of tags, expected one each. Run `dvc repro` to tag the crops anew."
        )
    lists = rows["tag_ids"].combine_chunks()
    lengths = pc.list_value_length(lists).to_numpy()
    row = np.repeat(row_of, lengths)
    tag = pc.list_flatten(lists).to_numpy()
    score = pc.list_flatten(rows["scores"].combine_chunks()).to_numpy()
    if len(score) != len(tag):
        raise ArtifactError(
            f"Table 'tags' holds {len(tag)} tags but {len(score)} scores, expected one score per tag."
        )
    is_used = np.repeat(is_wanted, lengths)
    row, tag = _best(row[is_used], tag[is_used], score[is_used], top_k)
    ones = np.ones(len(row), dtype=np.float64)
    return sparse.csr_array((ones, (row, tag)), shape=(len(sample_id), n_tags))


def _best(
    row: np.ndarray, tag: np.ndarray, score: np.ndarray, top_k: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (row, tag) pairs without repeats, the `top_k` best of each row."""
    order = np.lexsort((-score, tag, row))
    row, tag, score = row[order], tag[order], score[order]
    is_first = np.ones(len(row), dtype=bool)
    is_first[1:] = (row[1:] != row[:-1]) | (tag[1:] != tag[:-1])
    row, tag, score = row[is_first], tag[is_first], score[is_first]
    order = np.lexsort((tag, -score, row))
    row, tag = row[order], tag[order]
    if top_k is None:
        return row, tag
    rank = np.arange(len(row)) - np.searchsorted(row, row)  # row is sorted: its first position
    return row[rank < top_k], tag[rank < top_k]
