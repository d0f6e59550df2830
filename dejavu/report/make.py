"""Write everything in the report folder: results.json, metrics.json, tables/, summary.md, index.html."""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from dejavu.report import caveats, dropped, gallery, headline, opening, plots, published, summary
from dejavu.report.calibration import calibrate, calibration_node
from dejavu.report.caption import summary as caption_summary
from dejavu.report.caption import tables as caption_tables
from dejavu.report.caption.records import caption_node
from dejavu.report.caption.results import CaptionSettings, caption_results
from dejavu.report.found import Found
from dejavu.report.image import reference_tables, tables
from dejavu.report.image.exchangeability import Exchangeability, exchangeability
from dejavu.report.image.records import ImageResults, image_node
from dejavu.report.image.results import image_results
from dejavu.report.image.ties import tied_rows
from dejavu.report.numbers import Node, Rows, nest, rounded
from dejavu.report.page import render as page
from dejavu.report.settings import ImageSettings
from dejavu.report.sharing import EVERYTHING, Sharing
from dejavu.statistics.resampling import LEVEL
from dejavu.tables import catalog, parquet
from dejavu.tables import queries as named_queries
from dejavu.tables.catalog import Catalog

IMAGE_VIEWS = ("labels", "crops", "predictions", "image_scores")
CAPTION_VIEWS = ("objects", "object_vocabulary", "caption_scores", "reference_agreement")
COMMON_VIEWS = ("samples", "splits", "memorized_samples")
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
INTERVAL = (
    f"{LEVEL:.0%}: percentile bootstrap over groups of duplicates (scores of one role, their differences); "
    "Welch's t by group (adjusted, gap, excess_unadjusted, crossover); Wilson (shares); Clopper-Pearson "
    "(shares of target above a cut); Miettinen-Nurminen (precisions)"
)
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


def make(
    data: Path,
    out: Path,
    image: ImageSettings,
    captions: CaptionSettings,
    *,
    data_root: str = ".",
    sharing: Sharing = EVERYTHING,
) -> None:
    """Aggregate the scores below `data` and write the report to `out`.

    Identical inputs and parameters give identical bytes. A lane without scores is left out.

    Args:
        data: folder of the run's data.
        out: folder of the report.
        image: parameters of the image lane.
        captions: parameters of the caption lane.
        data_root: ``machine.data_root``, where images outside the run lie.
        sharing: what may be told of single samples.

    Raises:
        ArtifactError: tables are missing or were made from different splits or crops.
    """
    with tables_of(data, image, captions) as (opened, has_image, has_captions):
        images = image_results(opened, image) if has_image else {}
        told = caption_results(opened, captions) if has_captions else {}
        opening.require_measured(image.report.headline, images, told)
        alike = Exchangeability()
        if images:
            alike = exchangeability(opened, images, [target.name for target in image.heads])
        samples = dropped.read(opened, has_image=bool(images), has_captions=bool(told))
        found = Found(
            images=images,
            captions=told,
            exchangeability=alike,
            dropped=samples,
            tables=(image_tables(opened, images, image, data) if images else {})
            | ({"image_exchangeability": alike.rows()} if images else {})
            | samples.tables()
            | (caption_tables.caption_tables(opened, told, captions) if told else {}),
            calibration=calibrate(
                opened,
                image,
                captions,
                has_image=has_image,
                has_captions=has_captions,
                data_root=data_root,
            ),
            caveats=caveats.read(data),
        )
        galleries = None
        if sharing.has_names:
            galleries = gallery.build(
                opened, data, image, captions, data_root=data_root, has_images=sharing.has_images
            )
    _write(found, galleries, data, out, image, captions, sharing)


@contextlib.contextmanager
def tables_of(
    data: Path, image: ImageSettings, captions: CaptionSettings
) -> Iterator[tuple[Catalog, bool, bool]]:
    """Open the views of a report; yield them, and whether the image and the caption lane have scores.

    Raises:
        ArtifactError: tables are missing or were made from different splits or crops.
    """
    has_image, has_captions = _lanes(data)
    views = [*COMMON_VIEWS, *(IMAGE_VIEWS if has_image else ())]
    views += CAPTION_VIEWS if has_captions else ()
    queries = caption_tables.query_tables(captions) | image.tables()
    with catalog.connect(data, only=views, settings=queries, sandboxed=False) as opened:
        yield opened, has_image and _has_rows(opened, "image_scores"), has_captions


def _lanes(data: Path) -> tuple[bool, bool]:
    """Return whether the image and the caption lane have scores; those of images must be of one origin."""
    folder = data / "image"
    if has_image := (folder / "scores.parquet").is_file():
        scored = [folder / "scores.parquet", *sorted((folder / "predictions").rglob("*.parquet"))]
        parquet.require_common_origin(scored, "samples", "split", "crops")
    return has_image, (data / "caption" / "scores.parquet").is_file()


def _write(
    found: Found,
    galleries: gallery.Galleries | None,
    data: Path,
    out: Path,
    image: ImageSettings,
    captions: CaptionSettings,
    sharing: Sharing,
) -> None:
    _write_json(_numbers(found, image), out / "results.json")
    metrics = headline.metrics(
        found.images, found.captions, found.calibration, image, captions.headline
    )
    _write_json(metrics, out / "metrics.json")
    drawn = plots.plot_tables(found, image, captions)
    _write_tables(sharing.written({**found.tables, **drawn}), out / "tables")
    shown = dataclasses.replace(found, tables=sharing.shown({**found.tables, **drawn}))
    text = summary.render(
        shown,
        image,
        encoders=data / "image" / "encoders",
        captions=caption_summary.render(
            shown.captions, shown.tables, captions, models=data / "caption" / "models"
        ),
    )
    (out / "summary.md").write_text(text, encoding="utf-8")
    made = page.page(shown, image, captions, data=data, has_names=sharing.has_names)
    html = page.render(made, image, captions, galleries)
    (out / "index.html").write_text(html, encoding="utf-8")


def _numbers(found: Found, image: ImageSettings) -> Node:
    """Return results.json."""
    return {
        "about": {
            "schema_version": published.SCHEMA_VERSION,
            "units": dict(published.UNITS),
            "seed": image.seed,
            "resamples": image.report.resamples,
            "interval": INTERVAL,
        },
        "image": image_node(found.images),
        "caption": caption_node(found.captions),
        "calibrated": calibration_node(found.calibration),
        "image_tables": {
            name: nest(_json_rows(list(found.tables[name])), keys)
            for name, keys in KEYS.items()
            if name in found.tables
        },
    }


def _write_tables(made: Mapping[str, Rows], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, rows in made.items():
        columns = tables.columns_of(rows, EMPTY.get(name, ()))
        tables.write_csv(rows, folder / f"{name}.csv", columns)


def _has_rows(opened: Catalog, view: str) -> bool:
    return bool(opened.table(f"SELECT 1 FROM {view} LIMIT 1").num_rows)  # noqa: S608 our own name


def image_tables(
    opened: Catalog, results: ImageResults, settings: ImageSettings, data: Path
) -> dict[str, Rows]:
    """Return the rows of every table of the image lane, by file name."""
    targets = settings.targets
    references = reference_tables.reference_tables(opened)
    counts = opened.rows(named_queries.text("image_accuracy"))
    return {
        "image_scores": tables.score_rows(results, targets),
        "image_calibration": tables.calibration_rows(results, targets),
        "image_layers": tables.layer_rows(results, targets),
        "image_naive_bayes": tables.naive_bayes_rows(results, targets),
        "image_planted": tables.planted_rows(results, targets),
        "image_accuracy": tables.accuracy_rows(counts),
        "image_tied_votes": tied_rows(data, targets),
        "image_correlations_by_class": references.by_class,
        "image_agreement": references.agreement,
        "image_intersection": references.intersection,
        "image_most_memorized": opened.rows(named_queries.text("image_most_memorized")),
        "image_confidence": opened.rows(named_queries.text("image_confidence")),
    }


def _json_rows(rows: Rows) -> Rows:
    return [
        {
            name: rounded(value) if isinstance(value, float) and abs(value) >= 1e-4 else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _write_json(node: Node, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(node, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
