"""What the report of the image lane needs to know from params.yaml."""

import dataclasses

import pyarrow as pa

from dejavu.params.report import ReportParams, ScoreParams
from dejavu.targets import Target


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Parameters that decide the image part of the report."""

    seed: int
    report: ReportParams
    score: ScoreParams
    targets: tuple[Target, ...]

    def tables(self) -> dict[str, pa.Table]:
        """Return the parameters as small tables, for the queries that need them."""
        return {
            "targets": _targets_table(self.targets),
            "at_percents": pa.table({"percent": pa.array(self.score.at_percent, pa.int64())}),
            "false_positive_percents": pa.table(
                {"percent": pa.array(self.report.false_positive_percent, pa.int64())}
            ),
            "settings": pa.table(
                {"n_most_memorized": pa.array([self.report.n_most_memorized], pa.int64())}
            ),
        }


def _targets_table(targets: tuple[Target, ...]) -> pa.Table:
    texts = ("name", "model", "layer", "metric", "second_model")
    columns = {
        field: pa.array([getattr(target, field) for target in targets], pa.string())
        for field in texts
    }
    return pa.table(
        columns | {"is_headline": pa.array([t.is_headline for t in targets], pa.bool_())}
    )
