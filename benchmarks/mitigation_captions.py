"""A second caption for every image of the embedded captions: scene and main glyph in other words."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dejavu.corpora import glyph_scenes as words
from dejavu.run import seeds
from dejavu.tables.schemas import SAMPLES


def write(samples: Path, out: Path, seed: int) -> None:
    """Write a table of sample_name and caption.

    As in the samples' own captions, everything but scene and main glyph is drawn independently of the image.
    """
    rows = SAMPLES.read(samples, columns=["sample_name", "truth"])
    rng = seeds.generator(seed, "benchmarks.mitigation_captions")
    n = len(rows)
    some = [
        [choices[at] for at in rng.integers(len(choices), size=n)]
        for choices in (words.ADJECTIVES, words.PLACES, words.MONTHS)
    ]
    captions = [
        f"in {month} {place} saw {truth['scene']} behind a {adjective} {_main(truth['attributes'])}"
        for adjective, place, month, truth in zip(*some, rows["truth"].to_pylist(), strict=True)
    ]
    table = pa.table({"sample_name": rows["sample_name"], "caption": captions})
    pq.write_table(table, out)


def _main(attributes: Sequence[str]) -> str:
    """Return the main glyph, which one attribute names.

    >>> _main(["main:arrow"])
    'arrow'
    """
    return next(each.removeprefix("main:") for each in attributes if each.startswith("main:"))
