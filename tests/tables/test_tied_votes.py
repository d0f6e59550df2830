"""The query that counts tied votes, by hand."""

import pyarrow as pa

from dejavu.report.image import ties
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


def test_the_report_tells_the_share_of_each_target(tmp_path):
    answers = {name: ([True] * 8, [0.5] * 8) for name in ("vicreg", "classifier")}
    world = build(tmp_path, n_target=4, n_control=4, answers=answers)
    # guesses that came from elsewhere
    assert ties.tied_votes(tmp_path, world.settings.targets) == []
    rows = pa.table(
        {
            "sample_id": range(8),
            "neighbor_ids": [[1, 2]] * 4 + [[0, 4]] * 4,
            "similarities": [[0.9, 0.8]] * 8,
        },
        schema=schemas.NEIGHBORS.schema,
    )
    for model in ("vicreg", "nobody"):
        place = tmp_path / f"image/neighbors/model={model}/layer=projector/metric=l2/part-0.parquet"
        schemas.NEIGHBORS.write(rows, place, inputs={})
    found = ties.tied_votes(tmp_path, world.settings.targets)
    told = [(each.target, each.counts.role, each.counts.n, each.counts.n_tied) for each in found]
    assert told == [("vicreg", "control", 4, 0), ("vicreg", "target", 4, 4)]
    assert found[0].share.low == 0
    assert 0.4 < found[0].share.high < 0.6  # Wilson of 0 of 4
