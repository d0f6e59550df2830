"""What an audit in Python returns: a word, an excess with its interval, and every sample."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dejavu.errors import AuditError
from dejavu.statistics.adjusted import Difference
from dejavu.statistics.verdict import Word

SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """How much more often the model's vote is right on samples it was trained on, adjusted."""

    value: float  # a difference of rates, in points: 5.0 is five of a hundred
    low: float  # of the 95 % interval
    high: float
    n_target: int
    n_control: int

    @classmethod
    def of(cls, difference: Difference) -> "Excess":
        """Return a difference of rates in points."""
        low, high = difference.interval()
        return cls(
            value=100 * difference.value, low=100 * low, high=100 * high,
            n_target=difference.n_target, n_control=difference.n_control,
        )  # fmt: skip

    def __str__(self) -> str:
        """Return e.g. ``+13.2 points [+9.2, +17.2] (n = 498 and 502)``."""
        sizes = f"(n = {self.n_target} and {self.n_control})"
        return f"{self.value:+.1f} points [{self.low:+.1f}, {self.high:+.1f}] {sizes}"


def right_and_gap(
    is_right: np.ndarray, is_target: np.ndarray, gap: Difference | None, soft: Difference | None
) -> dict[str, Any]:
    """Return the scores of both kinds of audit that say how often the vote is right, on either side.

    Args:
        is_right: (n,) whether the vote names the label of each attacked sample.
        is_target: (n,) its side.
        gap: the plain difference of both rates; None: it could not be estimated.
        soft: the adjusted excess of the log odds; None likewise.
    """
    return {
        "accuracy_target": float(is_right[is_target].mean()),
        "accuracy_control": float(is_right[~is_target].mean()),
        "gap_points": None if gap is None else 100 * gap.value,
        "gap_half_width_points": None if gap is None else 100 * gap.half_width(),
        "log_odds_excess": None if soft is None else soft.value,
        "log_odds_p": None if soft is None else soft.p_greater,
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found."""

    verdict: str  # control differs, memorizes, at most U points, too few samples to tell
    excess: Excess
    scores: Mapping[str, Any]  # every number by name, in points where a name ends so
    samples: pa.Table  # one row per attacked sample, target first, in the order given
    warnings: tuple[str, ...]  # what weakens the comparison
    project: Path | None = (
        None  # folder with the tables and the report; None: there are only these numbers
    )
    scratch: Any = dataclasses.field(
        default=None, repr=False, compare=False
    )  # deletes a temporary project

    def check(self, max_excess_points: float | int) -> None:
        """Return if the excess is shown to be at most so many points.

        Raises:
            AuditError: the upper bound is above it, or control and target cannot be compared.
        """
        if self.verdict == str(Word.CONTROL_DIFFERS):
            raise AuditError(f"control differs from target: {'; '.join(self.warnings)}")
        if self.excess.high > max_excess_points:
            raise AuditError(
                f"excess {self.excess}: its upper bound is above {max_excess_points:g} points "
                f"({self.verdict})."
            )

    def report(self, folder: Path | str) -> Path:
        """Write the report (page, summary, tables, results) into `folder` and return the page.

        Raises:
            AuditError: the audit was made without tables, or without a reference to compare with.
        """
        found = None if self.project is None else self.project / "reports"
        if found is None or not found.is_dir():
            raise AuditError(
                "a report shows each sample against a reference, and this audit has none: give "
                "dejavu.audit a data set as `reference`. `.samples` and `.save` need none."
            )
        shutil.copytree(found, folder, dirs_exist_ok=True)
        return Path(folder) / "index.html"

    def save(self, folder: Path | str) -> None:
        """Write ``results.json`` and ``samples.parquet`` into `folder`, which is made.

        Of an audit of a model, all tables go to ``data/``: `dejavu sql` opens them there.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        if self.project is not None and self.project.resolve() != place.resolve():
            for name in ("data", "reports"):
                if (self.project / name).is_dir():
                    shutil.copytree(self.project / name, place / name, dirs_exist_ok=True)
            shutil.copyfile(self.project / "params.yaml", place / "params.yaml")
        pq.write_table(self.samples, place / "samples.parquet", compression="zstd")
        facts = {
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict,
            "excess": dataclasses.asdict(self.excess),
            "warnings": list(self.warnings),
            **self.scores,
        }
        text = json.dumps(facts, indent=1, sort_keys=True, allow_nan=False)
        (place / "results.json").write_text(text + "\n", encoding="utf-8")
