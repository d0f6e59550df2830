"""What the report, and queries of it, need to know from params.yaml."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
from pydantic_core import to_jsonable_python

from dejavu.caption.comparisons import plan, target_names
from dejavu.image.targets import Target
from dejavu.params.caption import CaptionModelParams, CaptionScoreParams
from dejavu.params.report import CaptionHeadline, ImageHeadline, ReportParams, ScoreParams
from dejavu.roles import ORACLE


def fingerprint(*settings: object) -> str:
    """Return 16 hexadecimal digits that change with any parameter of the report: models, scores, statistics.

    Corpora, roles, crops and trainings are not among them; the fingerprints of the tables tell those apart.
    """
    text = json.dumps(to_jsonable_python(settings), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Parameters that decide the image part of the report."""

    seed: int
    report: ReportParams
    score: ScoreParams
    targets: tuple[Target, ...]
    top_k: tuple[int, ...]  # tags that Naive Bayes counts, one reference each

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


def headline_table(headline: CaptionHeadline | None) -> pa.Table:
    """Return ``mode``, ``k`` and ``top`` (null: all) that the lane opens with; no row if it is not used."""
    return pa.table(
        {
            "mode": pa.array([headline.mode] if headline else [], pa.string()),
            "k": pa.array([headline.k] if headline else [], pa.int64()),
            "top": pa.array([headline.n_top] if headline else [], pa.int64()),
        }
    )


def lengths_table() -> pa.Table:
    """Return the values of L for which the L most memorized samples are reported."""
    lengths = [step * 10**power for power in range(13) for step in (1, 2, 5)]
    return pa.table({"length": pa.array(lengths, pa.int64())})


def reference_table(
    models: Mapping[str, CaptionModelParams], settings: CaptionScoreParams
) -> pa.Table:
    """Return table ``caption_references``: which model, searching how, answers for each reference.

    The model of the oracle, which searches nothing, is null.
    """
    found = plan(models, settings, knows_truth=True) if target_names(models) else []
    who = [None if each.reference == ORACLE else each.reference_predictor for each in found]
    columns = {
        "target": [each.target for each in found],
        "mode": [each.mode for each in found],
        "reference": [each.reference for each in found],
        "model": [predictor and predictor.model for predictor in who],
        "searched_mode": [predictor and predictor.mode for predictor in who],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _one_column(name: str, values: Sequence[int]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.int64())})
