"""One CSV per table and figure of the caption lane, with the paper's numbers beside ours."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from dejavu.caption.object_sets import jaccard
from dejavu.report import paper
from dejavu.report.caption.counts import AgreementCell, AgreementPair
from dejavu.report.caption.records import (
    NO_GAPS,
    CaptionResults,
    Comparison,
    Gaps,
    Setting,
    every,
    two_model_gaps,
)
from dejavu.report.caption.results import STATISTICS, CaptionSettings
from dejavu.report.caption.table_records import (
    Agreement,
    BesidePaper,
    CaptionTables,
    MostMemorized,
    PlantedGap,
    RoleMeans,
    TopL,
)
from dejavu.report.numbers import Estimate, Line, Rows, line
from dejavu.report.settings import headline_table, lengths_table
from dejavu.run import seeds
from dejavu.statistics import resampling
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog
from dejavu.tables.records import Record, rows_as


def read(catalog: Catalog, results: CaptionResults, settings: CaptionSettings) -> CaptionTables:
    """Return the tables of the caption lane.

    Args:
        catalog: views ``caption_scores``, ``reference_agreement``, ``samples`` and those of `query_tables`.
        results: what the lane measured.
        settings: parameters of the caption part of the report.
    """

    def rows(record: type[Record], query: str) -> tuple[Record, ...]:
        return tuple(rows_as(record, catalog.table(queries.text(query))))

    return CaptionTables(
        by_neighbors=tuple(_beside_paper(results, by="k")),
        by_objects=tuple(_beside_paper(results, by="top")),
        agreement=tuple(_agreement(rows(AgreementCell, "caption_agreement_cells"), settings)),
        top_l=rows(TopL, "caption_top_l"),
        planted=rows(PlantedGap, "caption_planted"),
        alike=rows(RoleMeans, "caption_exchangeability"),
        most_memorized=rows(MostMemorized, "caption_most_memorized"),
    )


def lines(results: CaptionResults, found: CaptionTables) -> dict[str, Rows]:
    """Return the lines of every table of the caption lane, by file name."""
    return {
        "caption_scores": score_rows(results),
        "caption_calibration": calibration_rows(results),
        "caption_by_neighbors": [_paper_line(each) for each in found.by_neighbors],
        "caption_by_objects": [_paper_line(each) for each in found.by_objects],
        "caption_agreement": [each.line() for each in found.agreement],
        "caption_top_l": [line(each) for each in found.top_l],
        "caption_planted": [each.line() for each in found.planted],
        "caption_exchangeability": [line(each) for each in found.alike],
        "caption_most_memorized": [line(each) for each in found.most_memorized],
    }


def query_tables(settings: CaptionSettings) -> dict[str, pa.Table]:
    """Return the parameters as small tables, for the queries that need them."""
    return {
        "caption_headline": headline_table(settings.headline),
        "lengths": lengths_table(),
        "settings": pa.table(
            {"n_most_memorized": pa.array([settings.n_most_memorized], pa.int64())}
        ),
    }


def _who(target: str, reference: str, setting: Setting) -> Line:
    return {
        "target": target, "reference": reference, "mode": setting.mode, "k": setting.k,
        "top": setting.top_text,
    }  # fmt: skip


def score_rows(results: CaptionResults) -> Rows:
    """Figure 8 and Tables 2 to 5: the gaps of every comparison, by role."""
    return [
        {
            "test": f"{target} / {reference} / {setting.mode} / {role}",
            **_who(target, reference, setting),
            "role": role,
            "n": found.n,
            **found.gaps.cells(),
            "ppg_sign_p": found.ppg_sign_p,
            "prg_sign_p": found.prg_sign_p,
            "target_recall": found.target_recall,
            "reference_recall": found.reference_recall,
        }
        for target, reference, setting, each in every(results)
        for role, found in (("target", each.target), ("control", each.control))
        if found is not None
    ]


def parts(results: CaptionResults, target: str, at: Setting, found: Comparison) -> dict[str, Gaps]:
    """Return the gaps on target and on control, the excess, and the two-model gaps beside them."""
    made = {
        "target": found.target and found.target.gaps,
        "control": found.control and found.control.gaps,
        "excess": found.excess and found.excess.gaps,
        "two_model": two_model_gaps(results[target], at),
    }
    return {name: each or NO_GAPS for name, each in made.items()}


def calibration_rows(results: CaptionResults) -> Rows:
    """Every test calibrated: gap on target, on control, excess, and the two-model gap beside them."""
    rows: Rows = []
    for target, reference, setting, each in every(results):
        row = _who(target, reference, setting)
        for name, found in parts(results, target, setting, each).items():
            row |= found.cells(f"{name}_")
        p_values = each.excess.p_one_sided if each.excess else dict.fromkeys(STATISTICS)
        row |= {f"excess_{name}_p_one_sided": p for name, p in p_values.items()}
        rows.append(row)
    return rows


def _beside_paper(results: CaptionResults, *, by: str) -> Iterator[BesidePaper]:
    """Yield Tables 2 and 4 (`by` = ``k``, all objects) or 3 and 5 (``top``, 10 neighbors), target role."""
    for target, reference, setting, each in every(results):
        is_row = setting.top is None if by == "k" else setting.k == paper.TABLES_K
        if is_row and each.target is not None:
            yield BesidePaper(
                target=target, reference=reference, setting=setting, n=each.target.n,
                gaps=each.target.gaps, excess=each.excess.gaps if each.excess else NO_GAPS,
                paper=paper.caption_gaps(
                    by, reference, setting.mode, setting.k if by == "k" else setting.top
                ),
            )  # fmt: skip


def _paper_line(found: BesidePaper) -> Line:
    row = _who(found.target, found.reference, found.setting)
    row |= {"n": found.n} | found.gaps.cells() | found.excess.cells("excess_")
    for table, (ppg, prg) in found.paper.items():
        row |= {f"paper_table_{table}_ppg": ppg, f"paper_table_{table}_prg": prg}
    return row


def _agreement(cells: Iterable[AgreementCell], settings: CaptionSettings) -> Iterator[Agreement]:
    """Yield Figure 4: mean Jaccard similarity of what two references predict correctly, with intervals."""
    grouped: dict[AgreementPair, list[AgreementCell]] = {}
    for cell in cells:
        grouped.setdefault(cell.pair, []).append(cell)
    for pair, own in grouped.items():
        counts, first, second, common, group = np.array(
            [
                (each.n, each.first_hits, each.second_hits, each.common_hits,
                 -1 if each.group_id is None else each.group_id)
                for each in own
            ],
            dtype=np.int64,
        ).T  # fmt: skip
        values, n = jaccard(first, second, common), int(counts.sum())
        purpose = ("report.bootstrap.caption.agreement", *dataclasses.astuple(pair))
        generator = seeds.generator(settings.seed, ".".join(str(part) for part in purpose))
        found = resampling.kinds(counts, group, values[:, np.newaxis])
        drawn = found.resampled(settings.resamples, generator)
        low, high = resampling.interval(drawn[:, 0]) or (None, None)
        mean = float((counts * values).sum() / n)
        yield Agreement(pair, n, Estimate(value=mean, low=low, high=high))
