"""Write everything in the report folder: results.json, metrics.json, tables/, summary.md, index.html."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

from dejavu.report import (
    caveats,
    dropped,
    flat_tables,
    gallery,
    guesses,
    headline,
    opening,
    published,
    summary,
)
from dejavu.report.calibration import calibrate, calibration_node
from dejavu.report.caption import summary as caption_summary
from dejavu.report.caption import tables as caption_tables
from dejavu.report.caption.records import caption_node
from dejavu.report.caption.results import CaptionSettings, caption_results
from dejavu.report.found import Found
from dejavu.report.from_params import Settings
from dejavu.report.image import table_records
from dejavu.report.image.exchangeability import Exchangeability, exchangeability
from dejavu.report.image.records import image_node
from dejavu.report.image.results import image_results
from dejavu.report.image.ties import tied_votes
from dejavu.report.numbers import Node, Rows
from dejavu.report.page import charts
from dejavu.report.page import render as page
from dejavu.report.settings import ImageSettings
from dejavu.report.sharing import EVERYTHING, Sharing
from dejavu.statistics.resampling import LEVEL
from dejavu.tables import catalog, parquet
from dejavu.tables.catalog import Catalog

IMAGE_VIEWS = ("labels", "crops", "predictions", "image_scores")
CAPTION_VIEWS = ("objects", "object_vocabulary", "caption_scores", "reference_agreement")
COMMON_VIEWS = ("samples", "splits", "memorized_samples")
INTERVAL = (
    f"{LEVEL:.0%}: percentile bootstrap over groups of duplicates (scores of one role, their differences); "
    "Welch's t by group (adjusted, gap, excess_unadjusted, crossover); Wilson (shares); Clopper-Pearson "
    "(shares of target above a cut); Miettinen-Nurminen (precisions)"
)


def make(*, settings: Settings, inputs: Path, out: Path, sharing: Sharing = EVERYTHING) -> None:
    """Aggregate the scores below `inputs` and write the report to `out`.

    Identical inputs and parameters give identical bytes. A lane without scores is left out.

    Args:
        settings: what decides a report beside the data.
        inputs: folder of the run's data.
        out: folder of the report.
        sharing: what may be told of single samples.

    Raises:
        ArtifactError: tables are missing or were made from different splits or crops.
    """
    data, image, captions = inputs, settings.image, settings.captions
    with (
        tables_of(data, image, captions) as (opened, has_image, has_captions),
        threadpool_limits(1),  # sums have one order, and threads do not wait for each other
        ThreadPoolExecutor(1) as other_core,  # it estimates while this one resamples
    ):
        calibrating = other_core.submit(
            calibrate,
            opened,
            image,
            captions,
            has_image=has_image,
            has_captions=has_captions,
            data_root=settings.data_root,
        )
        images = image_results(opened, image) if has_image else {}
        told = caption_results(opened, captions) if has_captions else {}
        opening.require_measured(image.report.headline, images, told)
        heads = [target.name for target in image.heads]
        found = Found(
            images=images,
            captions=told,
            exchangeability=exchangeability(opened, images, heads) if images else Exchangeability(),
            dropped=dropped.read(opened, has_image=bool(images), has_captions=bool(told)),
            image_tables=(
                table_records.read(opened, tied_votes(data, image.targets)) if images else None
            ),
            caption_tables=caption_tables.read(opened, told, captions) if told else None,
            calibration=calibrating.result(),
            caveats=caveats.read(data),
        )
        galleries = None
        if sharing.has_names:
            galleries = gallery.build(
                opened, data, image, captions, data_root=settings.data_root,
                has_images=sharing.has_images,
            )  # fmt: skip
    _write(found, galleries, settings, inputs, out, sharing)


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
    settings: Settings,
    data: Path,
    out: Path,
    sharing: Sharing,
) -> None:
    image, captions = settings.image, settings.captions
    metrics = headline.metrics(
        found.images, found.captions, found.calibration, image, captions.headline
    )
    _write_json(metrics, out / "metrics.json")
    made = flat_tables.tables(found, image, captions)
    _write_json(_numbers(found, made, image), out / "results.json")
    flat_tables.write(sharing.written(made), out / "tables")
    shown = sharing.shown(found)
    made_elsewhere = guesses.read(data, settings.guesses, has_names=sharing.has_names)
    text = summary.render(
        shown,
        image,
        encoders=data / "image" / "encoders",
        guesses=made_elsewhere,
        captions=caption_summary.render(shown, captions, models=data / "caption" / "models"),
    )
    (out / "summary.md").write_text(text, encoding="utf-8")
    with charts.unchecked():
        told = page.page(
            shown, image, captions, data=data, data_sets=settings.data_sets,
            guesses=made_elsewhere, has_names=sharing.has_names,
        )  # fmt: skip
    html = page.render(told, image, captions, galleries)
    (out / "index.html").write_text(html, encoding="utf-8")


def _numbers(found: Found, made: Mapping[str, Rows], image: ImageSettings) -> Node:
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
        "image_tables": flat_tables.nested(made),
    }


def _has_rows(opened: Catalog, view: str) -> bool:
    return bool(opened.table(f"SELECT 1 FROM {view} LIMIT 1").num_rows)  # noqa: S608 our own name


def _write_json(node: Node, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(node, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
