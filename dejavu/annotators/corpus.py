"""The corpus' own truth as tags: right by construction, so Naive Bayes is tested without a tagger."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.annotators.source import CropSource
from dejavu.errors import DataError
from dejavu.params.machine import MachineParams
from dejavu.params.references import CorpusAnnotatorParams
from dejavu.roles import ATTACKED, REFERENCE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CorpusAnnotator:
    """Tags are `truth.attributes`, best first, with the scores 1, 1/2, 1/3 and so on."""

    vocabulary: tuple[str, ...]
    columns: tuple[str, ...] = ("truth",)
    provenance: Mapping[str, str] = dataclasses.field(default_factory=dict)
    crops_per_shard: int = 16_384
    num_gpus: float = 0.0
    known: np.ndarray | None = None  # all crops

    def tag(self, crops: pa.Table) -> tuple[list[list[int]], list[list[float]]]:
        """Return the tags of each crop; an attribute listed twice keeps its first place."""
        id_of = {tag: tag_id for tag_id, tag in enumerate(self.vocabulary)}
        attributes = pc.struct_field(crops["truth"], "attributes").to_pylist()
        tag_ids = [[id_of[tag] for tag in dict.fromkeys(tags)] for tags in attributes]
        return tag_ids, [[1 / (1 + rank) for rank in range(len(ids))] for ids in tag_ids]


def prepare(
    settings: CorpusAnnotatorParams,  # noqa: ARG001  # every annotator is given these; the truth
    source: CropSource,
    *,
    seed: int,  # noqa: ARG001  # depends on neither settings, seed nor machine
    machine: MachineParams,  # noqa: ARG001  # as above
) -> CorpusAnnotator:
    """Collect the vocabulary: all attributes of the crops to tag, in alphabetical order.

    Raises:
        DataError: the corpus does not know the attributes of every crop.
    """
    crops = source.kept((REFERENCE, *ATTACKED), columns=["truth"])
    attributes = pc.struct_field(crops["truth"], "attributes")
    if attributes.null_count:
        raise DataError(
            f"{source.samples}: {attributes.null_count} of {len(attributes)} crops have no "
            "truth.attributes, expected them for all. Annotator source 'corpus' works on embedded "
            "corpora only: use 'visual_words' or another source in image.annotators."
        )
    return CorpusAnnotator(vocabulary=tuple(sorted(set(pc.list_flatten(attributes).to_pylist()))))
