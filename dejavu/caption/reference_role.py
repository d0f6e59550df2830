"""Attack the reference role as well, with both models of a pair that is trained here (docs/method.md, ours).

The crossover needs it, and samples that a target model was not trained on join control in the list.
"""

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path

from dejavu.caption import score
from dejavu.caption.comparisons import trained_pairs
from dejavu.caption.score import CaptionScoreFiles, CaptionScoreSettings, CaptionTables
from dejavu.params.caption import CaptionModelParams, CaptionScoreParams, TrainedClipParams
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.roles import REFERENCE, SECOND_MODEL
from dejavu.run.progress import say
from dejavu.search import neighbors, searches
from dejavu.tables import by_sample
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import CAPTION_SCORES
from dejavu.tables.views import REFERENCE_CAPTION


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionAttackSettings:
    """Which models attack, and how."""

    models: Mapping[str, CaptionModelParams]  # section ``caption.models``
    retrieve: RetrieveParams
    score: CaptionScoreParams
    machine: MachineParams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptionAttackInputs:
    """What the attack reads."""

    samples: Path
    splits: Path
    objects: Path
    vocabulary: Path
    unannotated: Path  # public samples that are not searched
    embeddings: Path  # folder with what stage ``embed_captions`` made of each


def attack(*, settings: CaptionAttackSettings, inputs: CaptionAttackInputs, out: Path) -> None:
    """Write ``part-00000.parquet`` (table ``caption_scores``): both models of each pair, on the role.

    The reference is ``second_model``, in every mode and at every setting. Samples whose objects nobody
    stated have no row; without a pair, or without samples of the role, the table is empty.

    Raises:
        ArtifactError: the tables come from different runs.
    """
    shutil.rmtree(out, ignore_errors=True)
    scratch = out.with_name(f"{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    place = out / "part-00000.parquet"
    attacking = trained_pairs(settings.models)
    if not attacking or not len(by_sample.ids_of_roles(inputs.splits, REFERENCE)):
        CAPTION_SCORES.write(CAPTION_SCORES.schema.empty_table(), place, inputs={})
        return
    for name, entry in attacking.items():
        _retrieve(name, entry, settings, inputs, scratch)
    only = settings.score.model_copy(update={"references": (SECOND_MODEL,)})
    score.score(
        settings=CaptionScoreSettings(models=attacking, score=only),
        inputs=CaptionTables(
            samples=inputs.samples, splits=inputs.splits, objects=inputs.objects,
            vocabulary=inputs.vocabulary, neighbors=scratch / "neighbors",
        ),
        out=CaptionScoreFiles(scores=place, agreement=scratch / "agreement.parquet"),
    )  # fmt: skip
    shutil.rmtree(scratch)
    say(f"attack_reference_captions: {', '.join(attacking)}")


def _retrieve(
    name: str,
    entry: TrainedClipParams,
    settings: CaptionAttackSettings,
    inputs: CaptionAttackInputs,
    scratch: Path,
) -> None:
    """Bring back the public samples nearest to the captions of the role, as one model sees them."""
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="caption.retrieve", model=f"{name} on the reference role",
            search=settings.retrieve, machine=settings.machine, left_out=inputs.unannotated,
        ),
        inputs=searches.of_captions(
            inputs.embeddings / partition(model=name), entry.modes, captions=REFERENCE_CAPTION
        ),
        out=neighbors.NeighborFiles(
            neighbors=scratch / "neighbors" / partition(model=name), recall=scratch / "recall.json"
        ),
    )  # fmt: skip
