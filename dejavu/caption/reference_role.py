"""Score what both models of each pair that is trained here bring back for captions of the reference role."""

import shutil
from pathlib import Path

from dejavu.caption import score
from dejavu.caption.comparisons import trained_pairs
from dejavu.caption.score import CaptionScoreFiles, CaptionScoreSettings, CaptionTables
from dejavu.roles import REFERENCE, SECOND_MODEL
from dejavu.tables import by_sample
from dejavu.tables.schemas import CAPTION_SCORES


def score_pairs(*, settings: CaptionScoreSettings, inputs: CaptionTables, out: Path) -> None:
    """Write ``part-00000.parquet`` (table ``caption_scores``): both models of each pair, on the role.

    The reference is ``second_model``, in every mode and at every setting. Samples whose objects nobody
    stated have no row; without a pair, or without samples of the role, the table is empty.

    Args:
        settings: all models, and section ``caption.score``.
        inputs: the artifacts to read; the neighbors are those of the reference role.
        out: the folder to make.

    Raises:
        ArtifactError: the tables come from different runs.
    """
    shutil.rmtree(out, ignore_errors=True)
    place, scratch = out / "part-00000.parquet", out.with_name(f"{out.name}.part")
    pairs = trained_pairs(settings.models)
    if not pairs or not len(by_sample.ids_of_roles(inputs.splits, REFERENCE)):
        CAPTION_SCORES.write(CAPTION_SCORES.schema.empty_table(), place, inputs={})
        return
    only = settings.score.model_copy(update={"references": (SECOND_MODEL,)})
    score.score(
        settings=CaptionScoreSettings(models=pairs, score=only),
        inputs=inputs,
        out=CaptionScoreFiles(scores=place, agreement=scratch / "agreement.parquet"),
    )
    shutil.rmtree(scratch)
