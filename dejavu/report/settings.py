"""What the report of the image lane needs to know from params.yaml."""

import dataclasses
from collections.abc import Sequence

import pyarrow as pa

from dejavu.image.targets import Target
from dejavu.params.report import ImageHeadline, ReportParams, ScoreParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Parameters that decide the image part of the report."""

    seed: int
    report: ReportParams
    score: ScoreParams
    targets: tuple[Target, ...]
    top_k: tuple[int, ...]  # tags that Naive Bayes counts, one reference each
    k: int  # public images that vote

    @property
    def heads(self) -> tuple[Target, ...]:
        """Return one predictor per model, that of ``report.headline`` first."""
        lead = self.report.headline.image
        heads = (target for target in self.targets if target.is_headline)
        return tuple(sorted(heads, key=lambda each: lead is None or each.name != lead.target))

    def tables(self) -> dict[str, pa.Table]:
        """Return the parameters as small tables, for the queries that need them."""
        return query_tables(self.targets, self.score, self.report)


def leading(targets: Sequence[Target], headline: ImageHeadline | None) -> tuple[Target, ...]:
    """Return the targets; the one that the report opens with stands for its model."""
    lead = next((each for each in targets if headline and each.name == headline.target), None)
    if lead is None:
        return tuple(targets)
    return tuple(
        dataclasses.replace(each, is_headline=each == lead) if each.model == lead.model else each
        for each in targets
    )


def query_tables(
    targets: Sequence[Target], score: ScoreParams, report: ReportParams
) -> dict[str, pa.Table]:
    """Return the tables ``targets``, ``at_percents``, ``false_positive_percents``, ``settings``."""
    texts = ("name", "model", "layer", "metric", "second_model")
    columns = {
        field: pa.array([getattr(target, field) for target in targets], pa.string())
        for field in texts
    }
    flags = pa.array([target.is_headline for target in targets], pa.bool_())
    return {
        "targets": pa.table(columns | {"is_headline": flags}),
        "at_percents": _one_column("percent", score.at_percent),
        "false_positive_percents": _one_column("percent", report.false_positive_percent),
        "settings": pa.table(
            {
                name: pa.array([value], pa.int64())
                for name, value in (
                    ("n_most_memorized", report.n_most_memorized),
                    ("n_gallery_samples", report.gallery.n_samples),
                    ("n_gallery_neighbors", report.gallery.n_neighbors),
                )
            }
        ),
    }


def _one_column(name: str, values: Sequence[int]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.int64())})
