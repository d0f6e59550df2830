"""Everything of a report that is a flat table: a CSV each, some of them in results.json too."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from dejavu.report import csv_files, plots
from dejavu.report.caption import tables as caption_tables
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.found import Found
from dejavu.report.image import tables as image_tables
from dejavu.report.numbers import Line, Node, Rows, line, nest, rounded
from dejavu.report.settings import ImageSettings

# Which columns name a row of a table in results.json.
KEYS = {
    "image_accuracy": ("predictor", "role"),
    "image_correlations_by_class": ("reference", "place"),
    "image_agreement": ("first", "second"),
    "image_intersection": ("reference", "scope"),
    "image_dropped": ("step", "role", "reason"),
    "image_exchangeability": ("check", "name"),
    "image_tied_votes": ("target", "role"),
}
# Headers of tables that may have no rows.
EMPTY = {
    "image_planted": ("test", "target", "model", "layer", "metric", "reference", "planted_auroc"),
    "image_naive_bayes": ("target", "model", "layer", "metric", "reference", "annotator", "top_k"),
    "image_tied_votes": ("target", "model", "layer", "metric", "role", "n", "n_tied", "share_tied"),
    "image_agreement": ("first", "second", "n", "n_both_right", "n_either_right", "overlap"),
    "image_intersection": ("reference", "scope", "n_intersection", "n_recovered", "share", "paper"),
    "image_most_memorized": ("target", "reference", "place", "sample_id", "sample_name", "label"),
    "image_correlations_by_class": ("reference", "place", "label_id", "label", "n", "n_correct"),
}


def tables(found: Found, image: ImageSettings, captions: CaptionSettings) -> dict[str, Rows]:
    """Return the lines of every table by file name; lanes that were not run have none."""
    made: dict[str, Rows] = {}
    if found.image_tables is not None:
        made |= image_tables.lines(found.images, found.image_tables, image.targets)
        made["image_exchangeability"] = found.exchangeability.lines()
    if found.caption_tables is not None:
        made |= caption_tables.lines(found.captions, found.caption_tables)
    if found.dropped.images:
        made["image_dropped"] = [line(each) for each in found.dropped.images]
    if found.dropped.captions:
        made["caption_dropped"] = [line(each) for each in found.dropped.captions]
    return made | plots.lines(found, image, captions)


def write(made: Mapping[str, Rows], folder: Path) -> None:
    """Write one CSV per table; what lay in the folder goes."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, rows in made.items():
        columns = csv_files.columns_of(rows, EMPTY.get(name, ()))
        csv_files.write(rows, folder / f"{name}.csv", columns)


def nested(made: Mapping[str, Rows]) -> Node:
    """Return the tables of results.json, each nested by what names its rows."""
    return {
        name: nest([_rounded(row) for row in made[name]], keys)
        for name, keys in KEYS.items()
        if name in made
    }


def _rounded(row: Line) -> Line:
    return {
        name: rounded(value) if isinstance(value, float) and abs(value) >= 1e-4 else value
        for name, value in row.items()
    }
