"""The query that counts tied votes, by hand."""

import pyarrow as pa

from dejavu.tables import catalog, queries, schemas
from tests.report.world import build


def test_tied_votes_by_hand(tmp_path):
    """Labels of samples 0 to 7 are 0, 1, 2, 3, 0, 1, 2, 3."""
    answers = {name: ([True] * 8, [0.5] * 8) for name in ("vicreg", "classifier")}
    build(tmp_path, n_target=4, n_control=4, answers=answers)
    near = [[1, 2], [0, 4], [0, 4], [0, 1], [5, 1], [3, 7], [3, 7], [3, 7]]
    rows = pa.table(
        {"sample_id": range(8), "neighbor_ids": near, "similarities": [[0.9, 0.8]] * 8},
        schema=schemas.NEIGHBORS.schema,
    )
    place = tmp_path / "image/neighbors/model=vicreg/layer=projector/metric=l2/part-00000.parquet"
    schemas.NEIGHBORS.write(rows, place, inputs={})
    with catalog.connect(tmp_path) as opened:
        found = opened.rows(queries.text("tied_votes"))
    assert [(row["role"], row["n"], row["n_tied"], row["share_tied"]) for row in found] == [
        ("control", 4, 0, 0.0),
        ("target", 4, 2, 0.5),
    ]
