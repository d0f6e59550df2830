"""Audit a model of images and captions: the caption lane's stages, in process."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.api.answer import in_order
from dejavu.api.pair_vectors import PairSubject
from dejavu.api.pairs import CAPTIONS, OBJECTS, write
from dejavu.api.result import Audit, Excess
from dejavu.api.settings import MODEL, Asked, editor
from dejavu.api.stages import Project
from dejavu.errors import DataError
from dejavu.report import calibration, from_params, make
from dejavu.report.calibration import Answer
from dejavu.roles import TARGET
from dejavu.run.pipeline import pipeline_folder
from dejavu.statistics.adjusted import MIN_GROUPS
from dejavu.tables.catalog import Catalog

TEXT_MODEL = "minilm"  # the name of the reference's model in every table
_PRESET = "coco-clip"
_MODES = ["t2i", "t2t"]  # the first leads
_SAMPLES = """
WITH shown AS (
    SELECT o.sample_id, list(v.object ORDER BY v.object) AS objects
    FROM (SELECT sample_id, unnest(object_ids) AS object_id FROM objects) o
    JOIN object_vocabulary v USING (object_id)
    GROUP BY o.sample_id
)
SELECT
    c.role, s.sample_name, s.caption, w.objects, c.target_hits AS n_found, c.target_predicted AS n_predicted,
    c.target_recall AS recall, c.reference_recall, m.z, m.p_value, m.is_listed
FROM caption_scores c
JOIN memorized_samples m ON m.lane = 'caption' AND m.target = c.target AND m.sample_id = c.sample_id
JOIN samples s ON s.lane = 'caption' AND s.sample_id = c.sample_id
JOIN shown w ON w.sample_id = c.sample_id
WHERE c.target = $target AND c.reference = 'text_model' AND c.mode = $mode AND c.k = $k AND c.top IS NULL
ORDER BY c.sample_id
"""
_COLUMNS = (
    "role", "row", "caption", "objects", "n_found", "n_predicted", "recall", "reference_recall", "z",
    "p_value", "is_listed",
)  # fmt: skip


def run(
    project: Project,
    subject: PairSubject,
    data: Mapping[str, Any],
    asked: Asked,
    *,
    limit: int | None,
    scratch: Any,
) -> Audit:
    """List, embed and attack pairs; the report is made, too.

    Raises:
        DataError: an item is no pair with objects, or a role has too few samples for an answer.
        ParamsError: there are fewer than k public samples.
        WeightsError: the model gives no finite vector per image or text.
    """
    with project.at_work():
        write(data, project.folder / "corpus", limit=limit, seed=asked.seed)
        _write_params(project, asked)
        project.list_samples()
        lane = project.tables
        subject.write(lane, lane / "images", project.folder / "vectors", modes=_MODES)
        project.score_captions()
        project.report()
        return _answer(project, asked.k, scratch)


def _write_params(project: Project, asked: Asked) -> None:
    """Write params.yaml; `dvc repro` with it makes the same numbers as the audit."""
    yaml = editor()
    values = yaml.load(pipeline_folder() / "presets" / f"{_PRESET}.yaml")
    defaults = yaml.load(pipeline_folder() / "params.yaml")
    values["seed"], caption = asked.seed, values["caption"]
    share = caption["corpus"]["max_dropped_share"]
    caption["corpus"] = {
        "adapter": "captions_table", "max_dropped_share": share, "root": str(asked.folder / "corpus"),
        "table": CAPTIONS, "path_column": "path", "caption_column": "caption",
    }  # fmt: skip
    caption["split"] |= {
        "roles_from": {"source": "folders", "folders": {role: role for role in asked.roles}}
    }
    caption["objects"] = {
        "source": "table", "path": str(asked.folder / "corpus" / OBJECTS), "min_score": 0.0,
        "allow_missing": False,
    }  # fmt: skip
    caption["models"] = {
        MODEL: {
            "source": "embeddings", "recipe": "released", "is_text_model": False,
            "trained_on": "target", "second_model": None, "modes": _MODES,
            "path": str(asked.folder / "vectors"),
        },
        TEXT_MODEL: defaults["caption"]["models"][TEXT_MODEL],
    }  # fmt: skip
    caption["retrieve"] |= {"k": asked.k}
    caption["score"] = {"k": [asked.k], "top": [1], "references": ["text_model"]}
    del values["recipes"]["clip"]
    values["report"]["headline"] = {
        "image": None, "caption": {"target": MODEL, "mode": _MODES[0], "k": asked.k, "top": "all"},
    }  # fmt: skip
    values["machine"] |= {"device": asked.device, "workers": defaults["machine"]["workers"]}
    with project.params.open("w", encoding="utf-8") as stream:
        yaml.dump(values, stream)


def _answer(project: Project, k: int, scratch: Any) -> Audit:
    settings = from_params.read(project.params)
    image, captions = settings.image, settings.captions
    with make.tables_of(project.data, image, captions) as (opened, has_image, has_captions):
        found = calibration.calibrate(
            opened, image, captions, has_image=has_image, has_captions=has_captions,
            data_root=settings.data_root,
        )  # fmt: skip
        answer = found.of("caption", MODEL)
        if answer is None or answer.excess.adjusted is None:
            raise DataError(
                f"target or control has fewer than {MIN_GROUPS} samples with objects left (equal captions "
                "count once), expected some hundreds."
            )
        samples = _samples(opened, k)
    return Audit(
        verdict=answer.verdict.text,
        excess=Excess.of(answer.excess.adjusted),
        scores=_scores(answer, samples),
        samples=samples,
        warnings=answer.gate.reasons,
        project=project.folder,
        scratch=scratch,
    )


def _scores(answer: Answer, samples: pa.Table) -> dict[str, Any]:
    excess = answer.excess
    is_target = np.array(samples["role"].to_pylist()) == TARGET
    recall = samples["recall"].to_numpy()
    gap, precision = excess.gap, excess.more.get("adjusted_precision")
    return {
        "covariates": list(excess.covariates),
        "recall_target": float(recall[is_target].mean()),
        "recall_control": float(recall[~is_target].mean()),
        "gap_points": None if gap is None else 100 * gap.value,
        "gap_half_width_points": None if gap is None else 100 * gap.half_width(),
        "precision_excess_points": None if precision is None else 100 * precision.value,
        "n_needed": answer.verdict.n_needed,
        "n_listed": int(np.sum(samples["is_listed"].to_numpy())),
        "control_needed": excess.listing and excess.listing.n_control_needed,
    }


def _samples(opened: Catalog, k: int) -> pa.Table:
    found = opened.table(_SAMPLES, {"target": MODEL, "mode": _MODES[0], "k": k})
    return in_order(found).select(list(_COLUMNS))
