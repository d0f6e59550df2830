"""Make the page, one file: its policy lets listed scripts run and no request out; texts are escaped."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from dejavu import __version__
from dejavu.image.targets import Target
from dejavu.params.report import CaptionHeadline
from dejavu.report.caption.records import every
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.found import Found
from dejavu.report.guesses import Guesses
from dejavu.report.page import (
    answer,
    assets,
    caption_calibration,
    caption_figures,
    chart_library,
    formatting,
    image_calibration,
    image_figures,
    image_references,
    image_votes,
    key_figures,
    measures,
    next_steps,
    overview,
    sources,
)
from dejavu.report.page.elements import MOST_CARDS, MOST_FIGURES, Block, Figure, Grid
from dejavu.report.settings import ImageSettings, fingerprint
from dejavu.statistics import control_differs
from dejavu.statistics.verdict import ERROR


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the templates show."""

    cards: list[answer.Card]
    overview: Grid | None  # the cards as a table, for paper and for many models
    warnings: list[str]  # what weakens the headline
    steps: list[str]  # what to do next
    identity: list[tuple[str, str]]  # what tells this run from another
    behind: Grid | None  # what page one leaves out of each answer
    decided: list[Figure]
    key_figures: list[Figure]
    image_calibration: list[Figure]
    caption_calibration: list[Figure]
    precision: Grid | None
    alike_figures: list[Figure]
    alike_grids: list[Grid]
    more_grids: list[Grid]
    blocks: list[Block]
    needs: Grid | None
    dropped: list[Grid]
    crossed: list[str]  # limits that were raised and crossed
    data_sets: list[sources.Origin]
    models: list[sources.Origin]
    is_calibrated: bool
    is_decided: bool  # a word was given

    def figures(self) -> list[Figure]:
        """Return all figures, in reading order."""
        return [
            *self.decided, *self.key_figures, *self.image_calibration, *self.caption_calibration,
            *self.alike_figures, *(figure for block in self.blocks for figure in block.figures),
        ]  # fmt: skip


def page(
    found: Found,
    image: ImageSettings,
    captions: CaptionSettings,
    *,
    data: Path,
    data_sets: Mapping[str, str] | None = None,
    guesses: Sequence[Guesses] = (),
    has_names: bool = True,
) -> Page:
    """Collect what the page shows.

    Args:
        found: what was measured.
        image: parameters of the image lane's report.
        captions: parameters of the caption lane's report.
        data: folder of the run's data, for provenance.
        data_sets: by lane, how the parameters name the data set.
        guesses: those made elsewhere.
        has_names: False: no name of a file, folder or address is shown.
    """
    images, told, tables = found.images, found.captions, found.caption_tables
    heads = [target for target in image.heads if target.name in images]
    headline = captions.headline if captions.headline and captions.headline.target in told else None
    alike_figures, alike_grids = image_calibration.exchangeability(found.exchangeability)
    is_calibrated = any(each.excess for refs in images.values() for each in refs.values())
    told_figures = []
    if headline and tables:
        told_figures = caption_calibration.calibration(told, headline)
        alike = caption_calibration.exchangeability(tables.alike, headline)
        alike_grids += [alike] if alike else []
        is_calibrated = is_calibrated or any(each.excess for *_, each in every(told))
    cards = _cards(found, heads, image, headline)
    return Page(
        cards=cards,
        overview=overview.table(cards),
        behind=answer.behind(cards),
        warnings=found.caveats.warnings(),
        steps=next_steps.steps(found.calibration, image.report.tolerance),
        identity=sources.identity(
            data, fingerprint(image, captions), found.dropped,
            {"image": list(dict.fromkeys(head.model for head in heads)), "caption": list(told)},
            data_sets or {}, guesses, has_names=has_names,
        ),
        decided=key_figures.decided(found.calibration),
        key_figures=key_figures.key_figures(
            images, told, heads, image.report.headline.image, headline
        ),
        image_calibration=image_calibration.calibration(
            images, heads, image,
            {} if found.calibration.image is None else found.calibration.image.excess,
        ),
        caption_calibration=told_figures,
        precision=image_calibration.precision(images, heads, image) if heads and is_calibrated else None,
        alike_figures=alike_figures,
        alike_grids=alike_grids,
        more_grids=_more(found, heads, image.targets, headline),
        blocks=_blocks(found, heads, image, captions, headline),
        needs=sources.needs({"image": _references(images), "caption": _references(told)}),
        dropped=sources.dropped(found.dropped),
        crossed=[f"{lane} lane: {sentence}." for lane, sentence in found.caveats.crossed()],
        data_sets=sources.data_sets(data, found.dropped, data_sets or {}, has_names=has_names),
        models=[*sources.models(data, has_names=has_names), *sources.elsewhere(guesses)],
        is_calibrated=is_calibrated,
        is_decided=any(card.checks for card in cards),
    )  # fmt: skip


def _more(
    found: Found,
    heads: Sequence[Target],
    targets: Sequence[Target],
    headline: CaptionHeadline | None,
) -> list[Grid]:
    """Return planted duplicates, layers and metrics, other measures, and what approximate indices find."""
    lane, images, captions = found.calibration.image, found.image_tables, found.caption_tables
    grids = [
        image_votes.planted_by_votes(lane.excess, heads) if lane else None,
        image_calibration.planted(found.images, heads),
        image_calibration.layers(found.images, targets),
        image_votes.tied_votes(images.tied_votes, heads) if images else None,
        caption_calibration.planted(captions.planted, headline) if headline and captions else None,
        measures.grid(found.calibration, heads),
        sources.recalls(found.caveats),
    ]
    return [grid for grid in grids if grid is not None]


def _references(results: Mapping[str, Mapping[str, object]]) -> set[str]:
    return {name for references in results.values() for name in references}


def _cards(
    found: Found,
    heads: list[Target],
    image: ImageSettings,
    headline: CaptionHeadline | None,
) -> list[answer.Card]:
    """Return one card per model, that of the headline first, negative controls last."""
    images, told, calibration = found.images, found.captions, found.calibration
    lead, report = image.report.headline.image, image.report
    controls = calibration.negative_controls
    cards: list[answer.Card | None] = [
        answer.image_card(
            target, images[target.name], lead, calibration.of("image", target.name), report
        )
        for target in heads
        if ("image", target.name) not in controls
    ]
    if headline:
        cards += [
            answer.caption_card(name, told[name], headline, calibration.of("caption", name), report)
            for name in sorted(told, key=lambda name: name != headline.target)
        ]
    cards += [
        answer.control_card(target, controls["image", target.name])
        for target in heads
        if ("image", target.name) in controls
    ]
    return [card for card in cards if card is not None]


def _blocks(
    found: Found,
    heads: list[Target],
    image: ImageSettings,
    captions: CaptionSettings,
    headline: CaptionHeadline | None,
) -> list[Block]:
    """Return the paper's figures and tables in its order, of the lanes that were run."""
    images, told = found.images, found.captions
    of_images, of_captions = found.image_tables, found.caption_tables
    blocks: list[Block] = []
    if heads and of_images:
        blocks += [
            image_references.figure_2a(of_images.accuracy, image.targets),
            image_references.figure_2b(of_images.by_label, heads),
            image_references.figure_3a(of_images.agreement, heads),
        ]
    if headline and of_captions:
        blocks.append(caption_figures.figure_4(of_captions.agreement, headline))
    if heads and of_images:
        blocks += image_figures.figures_5_and_6(images, heads, image)
        blocks += [
            image_figures.naive_bayes(images, heads),
            image_figures.figure_7(
                of_images.confidence, images, heads, image.report.headline.image
            ),
        ]
    if headline and of_captions:
        blocks += [
            caption_figures.figure_8(told, captions),
            caption_figures.figure_9(of_captions.top_l, headline, told),
        ]
    if heads and of_images:
        blocks.append(image_figures.table_1(of_images.intersection))
    if headline and of_captions:
        blocks += caption_figures.tables_2_to_5(of_captions, told)
    return blocks


def render(
    shown: Page, image: ImageSettings, captions: CaptionSettings, galleries: Any = None
) -> str:
    """Return the page as HTML: identical inputs, identical text.

    Args:
        shown: what `page` collected.
        image: parameters of the image lane's report.
        captions: parameters of the caption lane's report.
        galleries: what the gallery template shows; None: the page has no galleries.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=True,
    )
    environment.filters["unbroken"] = formatting.unbroken
    scripts = [chart_library.bundle(), assets.read("page.js"), assets.read("export.js")]
    styles = [assets.read("page.css")]
    if galleries is not None:
        scripts.append(assets.read("gallery.js"))
        styles.append(assets.read("gallery.css"))
    return environment.get_template("page/index.html.j2").render(
        page=shown,
        image=image,
        captions=captions,
        galleries=galleries,
        terms=next_steps.TERMS,
        most_cards=MOST_CARDS,
        most_figures=MOST_FIGURES,
        limits=control_differs,
        error_percent=f"{100 * ERROR:g}",
        version=__version__,
        policy=assets.policy(scripts),
        specs=assets.script_json({figure.key: figure.spec for figure in shown.figures()}),
        styles=[Markup(style) for style in styles],  # noqa: S704 our own files
        scripts=[Markup(script) for script in scripts],  # noqa: S704 our own files
        svg=Markup,
    )
