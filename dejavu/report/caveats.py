"""What weakens the headline and stands beside it: searches that miss neighbors, limits that were crossed."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from dejavu.corpora import plausibility
from dejavu.corpora.image_reader import SOURCE
from dejavu.corpora.plausibility import Crossing
from dejavu.files import json_files
from dejavu.report.numbers import Estimate
from dejavu.search import recalls
from dejavu.search.recalls import Recall
from dejavu.statistics.intervals import wilson

LANES = ("image", "caption")
LEAST_RECALL = 0.95  # below it votes differ from those of an exact search by more than ties do


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundLabels:
    """Labels that no person gave."""

    found_by: str | None  # the annotator; None: their file does not say
    file: str
    n_labeled: int  # images that got one
    n_images: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Caveats:
    """By lane; a lane that was not run has none."""

    recalls: Mapping[str, list[Recall]]
    crossings: Mapping[str, list[Crossing]]
    labels: FoundLabels | None = None  # of the image lane; None: people gave them

    @property
    def measured(self) -> Iterator[tuple[str, Recall]]:
        """Yield the searches whose index may miss neighbors."""
        for lane, found in self.recalls.items():
            yield from ((lane, each) for each in found if each.is_measured)

    def warnings(self) -> list[str]:
        """Return one sentence per thing to know before the numbers."""
        found = [
            f"The index {each.index} finds {_percent(each)} of the exact {each.k} neighbors of "
            f"{each.model} ({search_of(each)}; {lane} lane, {each.n_queries} queries): votes are those of "
            f"other neighbors than an exact search gives. Set index: Flat, or a finer one."
            for lane, each in self.measured
            if each.recall < LEAST_RECALL
        ]
        if self.labels is not None:
            found.append(_told(self.labels))
        return found + [f"{sentence} ({lane} lane)." for lane, sentence in self.crossed()]

    def crossed(self) -> Iterator[tuple[str, str]]:
        """Yield, with its lane, each limit that was raised on purpose and crossed."""
        for lane, found in self.crossings.items():
            for each in found:
                yield (
                    lane,
                    (
                        f"{each.count} of {each.total} {each.what}: limits.{each.name} was raised above "
                        f"{each.default:.0%} for this run"
                    ),
                )


def _told(found: FoundLabels) -> str:
    by = found.found_by or "an annotator that the file does not name"
    share = 100 * found.n_labeled / found.n_images
    return (
        f"No person said what the images show: a label is the name that {by} found in the foreground box "
        f"({found.file}). {found.n_labeled} of {found.n_images} images ({share:.1f} %) have one, the "
        "others are left out."
    )


def search_of(found: Recall) -> str:
    """Return which search of a model it was: layer and metric, or mode."""
    return ", ".join(found.names.values())


def recall_of(found: Recall) -> Estimate:
    """Return the recall of a measured search with its interval.

    The neighbors of one query are found or missed together, so a query counts once: Wilson's interval of a
    share of queries, hits rounded outwards. A mean of values in [0, 1] varies at most like such a share.
    """
    hits = found.recall * found.n_queries
    return Estimate(
        value=found.recall,
        low=wilson(math.floor(hits), found.n_queries)[0],
        high=wilson(math.ceil(hits), found.n_queries)[1],
    )


def _percent(found: Recall) -> str:
    shown = recall_of(found)
    assert shown.low is not None
    assert shown.high is not None
    return f"{100 * found.recall:.1f} % ({100 * shown.low:.1f} to {100 * shown.high:.1f} %)"


def read(data: Path) -> Caveats:
    """Return the caveats that the stages noted below the data folder.

    Raises:
        ArtifactError: a file of recalls is not one.
    """
    folders = {lane: data / lane / "recall" for lane in LANES}
    return Caveats(
        recalls={
            lane: recalls.read(folder)
            for lane, folder in folders.items()
            if any(folder.glob("*.json"))  # guesses made elsewhere come without a search
        },
        crossings={
            lane: plausibility.crossings(
                *(path for name in names for path in sorted(data.glob(name)))
            )
            for lane, names in plausibility.NOTED.items()
        },
        labels=_labels(data / "image" / "images" / SOURCE),
    )


def _labels(path: Path) -> FoundLabels | None:
    if not path.is_file():
        return None
    noted = json_files.mapping(path).get("labels")
    return FoundLabels(**noted) if noted else None
