"""What the inputs of `benchmarks.bad_inputs` are brought to: a small corpus, and how its truth is told."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from dejavu.check import listed_boxes, rehearsal
from dejavu.corpora import build
from dejavu.corpora.image_folder import ImageFolder
from dejavu.params.caption_corpora import CaptionCorpus
from dejavu.params.corpora import CorpusParams
from dejavu.params.machine import MachineParams
from dejavu.tables.schemas import SAMPLES
from tests.corpora.image_files import photo
from tests.corpora.limits import LIMITS

N, SIZE = 40, (80, 60)
NAMES = [f"{'ab'[i % 2]}/{i:02}.jpg" for i in range(N)]
BOXES = [(5 + i % 29, 4 + i % 17, 45 + i % 35, 31 + i % 29) for i in range(N)]
MACHINE = MachineParams(
    device="cpu", engine="local", workers=1, batch_images=8, block_rows=64, data_root="."
)


def built(settings: Any, lane: str = "image") -> list[dict[str, Any]]:
    """Build a corpus below this folder and return its samples."""
    schema: Any = CorpusParams if lane == "image" else CaptionCorpus
    section = TypeAdapter(schema).validate_python(settings)
    build.build(
        settings=build.BuildSettings(
            lane=lane, corpus=getattr(section, "root", section) if lane == "image" else section,
            limits=LIMITS, seed=0, machine=MACHINE,
        ),
        out=build.CorpusTables(
            samples=Path("samples.parquet"), labels=Path("labels.parquet"), images=Path("images")
        ),
    )  # fmt: skip
    return SAMPLES.read(Path("samples.parquet")).to_pylist()


def told(*, is_true: bool, n_counted: int, is_shown: bool = False, is_valid: bool = False) -> None:
    """Print what the comparison with the truth came to.

    Args:
        is_true: nothing is lost.
        n_counted: samples, or values, that are counted as spoilt.
        is_shown: the contact sheet shows a wrong one among the oddest.
        is_valid: each wrong one is a right one of something else, so that no rule can tell.
    """
    unseen = "unseen" if is_valid else "silent"
    outcome = "counted" if n_counted else "shown" if is_shown else unseen
    print("harmless" if is_true else outcome, flush=True)


def on_the_sheet(boxes: str = "boxes.csv") -> set[str]:
    """Return the samples of the folder corpus that the contact sheet shows first: the oddest boxes."""
    section: Any = TypeAdapter(CorpusParams).validate_python(folder(boxes))
    listed = list(ImageFolder(section.root, 0, ".").records())
    return {listed[place].name for place in listed_boxes.oddest(listed, rehearsal.ODD)}


def photos() -> None:
    """Write the images of the folder corpus."""
    for i, name in enumerate(NAMES):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(i, size=SIZE))


def folder(boxes: str | None = None) -> dict[str, Any]:
    """Return the section of the folder corpus; up to a tenth of its samples may be unusable."""
    return {
        "adapter": "image_folder", "root": "photos", "use": None, "boxes": boxes,
        "max_dropped_share": 0.1,
    }  # fmt: skip
