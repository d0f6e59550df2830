"""Both lanes on disk with images, neighbors and tags, small and random, for the galleries."""

import dataclasses
import io
import json
from contextlib import contextmanager
from pathlib import Path

import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from dejavu.caption import memorized as caption_memorized
from dejavu.caption import score as caption_scores
from dejavu.image import memorized
from dejavu.image import score as scores
from dejavu.params.report import CaptionHeadline, GalleryParams
from dejavu.report.caption import tables
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.gallery import build
from dejavu.report.settings import ImageSettings
from dejavu.statistics.memorized_rows import ListInputs
from dejavu.tables import catalog, parquet, schemas
from tests.caption import world as captions
from tests.report.world import comparisons, file_of, prediction_rows, settings, target

N_PUBLIC, N_TARGET, N_CONTROL = 20, 30, 12
ROLES = ["public"] * N_PUBLIC + ["target"] * N_TARGET + ["control"] * N_CONTROL
ATTACKED = range(N_PUBLIC, len(ROLES))
NAMES = captions.NAMES  # of objects
K = 6  # neighbors stored
REFERENCES = ("classifier", "naive_bayes@1", "naive_bayes@5", "naive_bayes_words@5", "oracle")
BOX = {"x0": 20, "y0": 4, "x1": 40, "y1": 28}
SIZE = (48, 32)  # of every image, pixels


@dataclasses.dataclass(frozen=True)
class World:
    data: Path
    image: ImageSettings
    captions: CaptionSettings


def write(
    folder: Path, seed=0, *, lanes=("image", "caption"), second=True, control=True,
    neighbors=True, tags=True, **text,
) -> World:  # fmt: skip
    """Write a project; `text` replaces labels (a list) or changes captions (a function)."""
    image = settings([target(second="vicreg_second" if second else None)])
    score = image.score.model_copy(update={"consensus_of": ("classifier", "oracle")})
    known = caption_settings(second=second)
    headline = image.report.headline.model_copy(update={"caption": known.headline})
    report = image.report.model_copy(update={"headline": headline})
    image = dataclasses.replace(image, score=score, report=report)
    if "image" in lanes:
        rng = np.random.default_rng(seed)
        _write_image(folder / "image", rng, image, second, control, neighbors, tags, **text)
    if "caption" in lanes:
        _write_captions(folder / "caption", seed, known, **text)
    return World(folder, image, known)


def caption_settings(*, second=True) -> CaptionSettings:
    models = captions.models()
    if not second:
        models = {
            "clip": models["clip"].model_copy(update={"second_model": None}),
            "text": models["text"],
        }
    references = ("second_model", "text_model", "oracle") if second else ("text_model", "oracle")
    return CaptionSettings(
        seed=0, resamples=10, n_most_memorized=3, models=models,
        score=captions.settings(k=(1, 2, 3), references=references),
        headline=CaptionHeadline(target="clip", mode="t2i", k=2, top="all"),
    )  # fmt: skip


def gallery(world: World, **changed) -> World:
    """Return the world with other values of section ``report.gallery``, or ``thumbnails``."""
    report = world.image.report
    thumbnails = changed.pop("thumbnails", report.thumbnails)
    own = GalleryParams(**{**report.gallery.model_dump(), **changed})
    report = report.model_copy(update={"gallery": own, "thumbnails": thumbnails})
    return dataclasses.replace(world, image=dataclasses.replace(world.image, report=report))


@contextmanager
def opened(world: World, *, sandboxed=False, everything=False):
    queries = tables.query_tables(world.captions) | world.image.tables()
    only = None if everything else ("samples", "splits")
    with catalog.connect(world.data, only=only, settings=queries, sandboxed=sandboxed) as found:
        yield found


def galleries(world: World, data_root="."):
    with opened(world) as found:
        return build(found, world.data, world.image, world.captions, data_root=data_root)


def page(found, *, script=True) -> str:
    """Return a page that holds the galleries and nothing else."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dejavu"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    source = jinja2.PackageLoader("dejavu").get_source(environment, "page/gallery.js")[0]
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv='
        '"Content-Security-Policy" content="default-src \'none\'; img-src data:; style-src '
        "'unsafe-inline'; script-src 'unsafe-inline'\"><title>galleries</title>"
        '<style>{% include "page/gallery.css" %}</style></head><body>'
        '{% include "page/gallery.html.j2" %}{{ script | safe }}</body></html>'
    )
    scripts = f"<script>{source}</script>" if script else ""
    return environment.from_string(text).render(galleries=found, script=scripts)


def image_of(seed: int, size=SIZE) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind="PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def write_images(folder: Path, images: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.json").write_text(json.dumps({"kind": "embedded"}), encoding="utf-8")
    rows = pa.table({"image": pa.array(images, pa.binary())})
    pq.write_table(rows, folder / "part-00000.parquet", row_group_size=16)


def _write_image(
    folder, rng, image, second, control, neighbors, tags, *, labels=None, change_caption=None
) -> None:
    names = labels or [f"label {i}" for i in range(4)]
    roles = [role if control or role != "control" else "unused" for role in ROLES]
    n = len(roles)
    label_ids = np.arange(n) % len(names)
    rows = {
        "sample_id": range(n), "sample_name": [f"image-{i}" for i in range(n)],
        "uri": [f"part-00000.parquet#{i}" for i in range(n)],
        "width_px": [SIZE[0]] * n, "height_px": [SIZE[1]] * n, "label_id": label_ids,
        "boxes": [[BOX | {"label": names[i % len(names)]}] for i in range(n)],
        "truth": [{"is_planted": i % 3 == 0} for i in range(n)],
    }  # fmt: skip
    _write(schemas.SAMPLES, folder / "samples.parquet", rows, {})
    _write(
        schemas.LABELS,
        folder / "labels.parquet",
        {"label_id": range(len(names)), "label": names},
        {},
    )
    origin = {"samples": parquet.fingerprint(folder / "samples.parquet")}
    splits = {"sample_id": range(n), "role": roles, "group_id": range(n)}
    _write(schemas.SPLITS, folder / "splits.parquet", splits, origin)
    origin["split"] = parquet.fingerprint(folder / "splits.parquet")
    attacked = [i for i in ATTACKED if roles[i] != "unused"]
    crops = {
        "sample_id": attacked, "role": [roles[i] for i in attacked], "is_kept": [True] * len(attacked),
        "x0": [0] * len(attacked), "y0": [0] * len(attacked), "x1": [18] * len(attacked),
        "y1": [30] * len(attacked),
    }  # fmt: skip
    _write(schemas.CROPS, folder / "crops.parquet", crops, origin)
    origin["crops"] = parquet.fingerprint(folder / "crops.parquet")
    predictors = ["vicreg", *(["vicreg_second"] if second else []), *REFERENCES]
    files: dict[Path, list[pa.Table]] = {}
    for predictor in predictors:
        correct = rng.random(len(attacked)) < (0.8 if predictor == "vicreg" else 0.55)
        entropy = rng.integers(0, 8, len(attacked)) / 4  # few values: ties
        found = prediction_rows(
            predictor,
            [roles[i] for i in attacked],
            label_ids[attacked],
            correct,
            entropy,
            len(names),
        )
        found = found.set_column(
            1, schemas.PREDICTIONS.schema.field("sample_id"), pa.array(attacked)
        )
        files.setdefault(folder / "predictions" / file_of(predictor), []).append(found)
    for path, parts in files.items():
        schemas.PREDICTIONS.write(pa.concat_tables(parts), path, inputs=origin)
    scores.score(
        settings=comparisons(image), inputs=folder / "predictions", out=folder / "scores.parquet"
    )
    memorized.write(
        settings=memorized.ImageListSettings(share=0.1, storey=False, targets=image.targets),
        inputs=ListInputs(attacked=folder / "predictions"), out=folder / "memorized_samples.parquet",
    )  # fmt: skip
    if neighbors:
        for model in ("vicreg", "vicreg_second") if second else ("vicreg",):
            for place in ("layer=projector/metric=l2", "layer=backbone/metric=l2"):
                near = {
                    "sample_id": attacked,
                    "neighbor_ids": [rng.permutation(N_PUBLIC)[:K] for _ in attacked],
                    "similarities": [np.linspace(0.9, 0.1, K)] * len(attacked),
                }
                path = folder / "neighbors" / f"model={model}" / place / "part-00000.parquet"
                _write(schemas.NEIGHBORS, path, near, origin)
    if tags:
        for annotator in ("corpus", "words"):
            seen = {
                "sample_id": attacked, "tag_ids": [rng.permutation(5)[:3] for _ in attacked],
                "scores": [[3.0, 2.0, 1.0]] * len(attacked),
            }  # fmt: skip
            place = folder / "tags" / annotator
            _write(schemas.TAGS, place / "tags" / "part-00000.parquet", seen, origin)
            words = {"tag_id": range(5), "tag": [f"{annotator} {i}" for i in range(5)]}
            _write(schemas.TAG_VOCABULARY, place / "vocabulary.parquet", words, origin)
    write_images(folder / "images", [encoded(image_of(i)) for i in range(n)])


def _write_captions(folder, seed, known, *, labels=None, change_caption=None) -> None:
    rng = np.random.default_rng(seed)
    n_attacked, n_public, k = 40, 12, 4
    n = n_attacked + n_public
    objects = [set(np.flatnonzero(rng.random(len(NAMES)) < 0.35).tolist()) for _ in range(n)]
    roles = ["public"] * n_public + rng.choice(["target", "control"], n_attacked).tolist()
    near = {
        key: {i: rng.permutation(n_public)[:k].tolist() for i in range(n_public, n)}
        for key in (("clip", "t2i"), ("second", "t2i"), ("text", "t2t"))
    }
    probabilities = rng.random((n, len(NAMES))).tolist()
    found = captions.write(folder, objects, roles, near, probabilities)
    rows = schemas.SAMPLES.read(folder / "samples.parquet").to_pylist()
    for row in rows:
        row["uri"] = "part-00000.parquet#0"
        row["caption"] = (change_caption or str)(row["caption"])
    rows = pa.Table.from_pylist(rows, schema=schemas.SAMPLES.schema)
    schemas.SAMPLES.write(rows, folder / "samples.parquet", inputs={})
    write_images(folder / "images", [encoded(image_of(7))])
    caption_scores.score(
        settings=caption_scores.CaptionScoreSettings(models=known.models, score=known.score),
        inputs=found,
        out=caption_scores.CaptionScoreFiles(
            scores=folder / "scores.parquet", agreement=folder / "agreement.parquet"
        ),
    )
    caption_memorized.write(
        settings=caption_memorized.CaptionListSettings(
            share=0.1, storey=False, models=known.models, headline=known.headline
        ),
        inputs=ListInputs(attacked=folder / "scores.parquet"), out=folder / "memorized_samples.parquet",
    )  # fmt: skip


def _write(table, path, columns, inputs) -> None:
    n = len(next(iter(columns.values())))
    arrays = [
        pa.array([_plain(value) for value in columns[field.name]], field.type)
        if field.name in columns
        else pa.nulls(n, field.type)
        for field in table.schema
    ]
    table.write(pa.table(arrays, schema=table.schema), path, inputs=inputs)


def _plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else value
