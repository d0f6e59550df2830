"""A tiny project on disk: samples, splits, crops and predictions that say what a test wants."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from dejavu.image import memorized, score
from dejavu.image.targets import Target
from dejavu.params.caption import CaptionScoreParams
from dejavu.params.report import (
    GalleryParams,
    HeadlineParams,
    ImageHeadline,
    ReportParams,
    ScoreParams,
)
from dejavu.report.caption.results import CaptionSettings
from dejavu.report.from_params import Settings
from dejavu.report.make import make
from dejavu.report.settings import ImageSettings
from dejavu.roles import SECOND_MODEL
from dejavu.statistics.memorized_rows import ListInputs
from dejavu.tables import parquet, schemas

NO_CAPTIONS = CaptionSettings(
    seed=0, resamples=10, n_most_memorized=3, models={},
    score=CaptionScoreParams(k=(1,), top=(1,), references=("second_model",)),
    headline=None,
)  # fmt: skip
Answers = tuple[np.ndarray, np.ndarray]  # is_correct, entropy; target samples first, then control


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    data: Path
    settings: ImageSettings


def report(world: World, out: Path) -> Path:
    make(settings=Settings(image=world.settings, captions=NO_CAPTIONS), inputs=world.data, out=out)
    return out


def target(name="vicreg", second="vicreg_second", *, layer="projector", is_headline=True):
    model = name.removesuffix(f"_{layer}")
    return Target(
        name=name,
        model=model,
        layer=layer,
        metric="l2",
        votes=20,
        second_model=second,
        is_headline=is_headline,
    )


def settings(
    targets, *, headline=None, resamples=200, at_percent=(20, 5), references=None,
    consensus_of=("classifier",),
):  # fmt: skip
    references = references or ("second_model", "classifier", "naive_bayes", "oracle", "consensus")
    headline = headline or (SECOND_MODEL if targets[0].second_model else "classifier")
    return ImageSettings(
        seed=0,
        report=ReportParams(
            resamples=resamples,
            false_positive_percent=(1, 5),
            n_most_memorized=3,
            covariates=("classifier", "naive_bayes@5"),
            tolerance=5.0,
            false_discovery_percent=10,
            storey=False,
            headline=HeadlineParams(
                image=ImageHeadline(target=targets[0].name, reference=headline), caption=None
            ),
            thumbnails=True,
            gallery=GalleryParams(n_samples=3, n_neighbors=2, thumbnail_px=32),
        ),
        score=ScoreParams(
            references=tuple(references), at_percent=at_percent, consensus_of=tuple(consensus_of)
        ),
        targets=tuple(targets),
        top_k=(1, 5),
    )


def build(
    folder: Path,
    *,
    n_target: int,
    n_control: int,
    answers: Mapping[str, Answers],
    targets=None,
    label_ids=None,
    planted=None,
    n_labels=4,
    knows_truth=True,
    with_scores=True,
    groups=None,
    n_bytes=None,
    **options,
) -> World:
    """Write a project; each predictor of `answers` goes to the file its name calls for."""
    groups = np.arange(n_target + n_control) if groups is None else groups
    n = n_target + n_control
    image = folder / "image"
    label_ids = np.arange(n) % n_labels if label_ids is None else np.asarray(label_ids)
    n_labels = max(n_labels, int(label_ids.max(initial=0)) + 1)
    roles = ["target"] * n_target + ["control"] * n_control
    planted = np.zeros(n, dtype=bool) if planted is None else np.asarray(planted)
    origin = _write_corpus(image, roles, label_ids, planted, n_labels, knows_truth, groups, n_bytes)
    files: dict[Path, list[pa.Table]] = {}
    for predictor, (correct, entropy) in answers.items():
        rows = prediction_rows(predictor, roles, label_ids, correct, entropy, n_labels)
        files.setdefault(image / "predictions" / file_of(predictor), []).append(rows)
    for path, parts in files.items():
        schemas.PREDICTIONS.write(pa.concat_tables(parts), path, inputs=origin)
    targets = targets or [target(second="vicreg_second" if "vicreg_second" in answers else None)]
    members = set(options.get("consensus_of", ["classifier"])) - {"second_model"}
    if "references" not in options and not members <= set(answers):
        options["references"] = ["second_model", "classifier", "naive_bayes", "oracle"]
    world = World(data=folder, settings=settings(targets, **options))
    if with_scores:
        score.score(
            settings=comparisons(world.settings), inputs=image / "predictions",
            out=image / "scores.parquet",
        )  # fmt: skip
        write_list(world)
    return world


def write_list(world: World) -> None:
    """Write the list of memorized samples, as its stage does."""
    image, report = world.data / "image", world.settings.report
    memorized.write(
        settings=memorized.ImageListSettings(
            share=report.false_discovery_percent / 100, storey=report.storey,
            targets=world.settings.targets,
        ),
        inputs=ListInputs(attacked=image / "predictions"), out=image / "memorized_samples.parquet",
    )  # fmt: skip


def comparisons(settings: ImageSettings) -> score.ScoreSettings:
    return score.ScoreSettings(targets=settings.targets, references=settings.score)


def file_of(predictor: str) -> str:
    if predictor.startswith("classifier"):
        return f"classifiers/{predictor}.parquet"
    if predictor.startswith("naive_bayes"):
        return "naive_bayes.parquet"
    if predictor.startswith("elsewhere"):
        return "elsewhere.parquet"
    if predictor == "oracle":
        return "oracle.parquet"
    return f"knn/model={predictor}/layer=projector/metric=l2/part-00000.parquet"


def prediction_rows(predictor, roles, label_ids, correct, entropy, n_labels) -> pa.Table:
    label_ids = np.asarray(label_ids, dtype=np.int32)
    correct = np.asarray(correct, dtype=bool)
    entropy = np.asarray(entropy, dtype=np.float64)
    return pa.table(
        {
            "predictor": [predictor] * len(roles),
            "sample_id": np.arange(len(roles)),
            "role": roles,
            "label_id": label_ids,
            "predicted_id": np.where(correct, label_ids, (label_ids + 1) % n_labels).astype(
                np.int32
            ),
            "is_correct": correct,
            "confidence": pa.array(-entropy, from_pandas=True),  # NaN: nobody knows
            "entropy": pa.array(entropy, from_pandas=True),
            "p_truth": np.where(correct, 0.9, 0.1),
        },
        schema=schemas.PREDICTIONS.schema,
    )


def _write_corpus(
    image: Path, roles, label_ids, planted, n_labels, knows_truth, groups, n_bytes
) -> dict[str, str]:
    n = len(roles)
    truth = [
        {"scene": "sea", "attributes": [], "is_planted": bool(flag), "probabilities": None}
        if knows_truth
        else None
        for flag in planted
    ]
    rows = {
        "sample_id": np.arange(n),
        "sample_name": [f"image-{i:05d}" for i in range(n)],
        "uri": [f"part-00000.parquet#{i}" for i in range(n)],
        "width_px": np.full(n, 64, np.int32),
        "height_px": np.full(n, 64, np.int32),
        "label_id": label_ids.astype(np.int32),
        "boxes": [[]] * n,
        "truth": truth,
    } | ({} if n_bytes is None else {"n_bytes": n_bytes})
    schema = schemas.SAMPLES.schema
    columns = [
        pa.array(rows[f.name], f.type) if f.name in rows else pa.nulls(n, f.type) for f in schema
    ]
    schemas.SAMPLES.write(pa.table(columns, schema=schema), image / "samples.parquet", inputs={})
    labels = {
        "label_id": np.arange(n_labels, dtype=np.int32),
        "label": [f"label {i}" for i in range(n_labels)],
    }
    schemas.LABELS.write(
        pa.table(labels, schema=schemas.LABELS.schema), image / "labels.parquet", inputs={}
    )
    inputs = {"samples": parquet.fingerprint(image / "samples.parquet")}
    splits = {
        "sample_id": np.arange(n),
        "role": roles,
        "group_id": groups,
        "reason": pa.nulls(n, pa.string()),
    }
    schemas.SPLITS.write(
        pa.table(splits, schema=schemas.SPLITS.schema), image / "splits.parquet", inputs=inputs
    )
    inputs["split"] = parquet.fingerprint(image / "splits.parquet")
    crops = {
        "sample_id": np.arange(n), "role": roles, "is_kept": np.ones(n, dtype=bool),
        "drop_reason": pa.nulls(n, pa.string()),
        "x0": np.zeros(n, np.int32), "y0": np.zeros(n, np.int32),
        "x1": (20 + np.arange(n) % 7).astype(np.int32), "y1": np.full(n, 20, np.int32),
    }  # fmt: skip
    schemas.CROPS.write(
        pa.table(crops, schema=schemas.CROPS.schema), image / "crops.parquet", inputs=inputs
    )
    return inputs | {"crops": parquet.fingerprint(image / "crops.parquet")}
