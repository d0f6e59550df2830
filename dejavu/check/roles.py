"""Give the listed samples their roles as stage ``split`` will, and judge what follows from them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64, Shaped

from dejavu.check.findings import Untried
from dejavu.corpora.plausibility import RULES
from dejavu.corpora.records import Record
from dejavu.errors import ParamsError
from dejavu.params.corpora import SplitParams
from dejavu.params.machine import data_folder
from dejavu.roles import CONTROL, ROLES, TARGET
from dejavu.splits import assign, given_roles, label_bank
from dejavu.splits.listing import Listing
from dejavu.splits.outcome import coded, named
from dejavu.tables.schemas import SAMPLES

# Of right minus wrong guesses per sample, target against reference: as in the runs behind docs/results
VARIANCE = {"image": 0.25, "caption": 0.33}
_COLUMNS = (
    "sample_id", "sample_name", "uri", "label_id", "caption", "boxes", "content_hash",
    "perceptual_hash", "problem",
)  # fmt: skip


@dataclasses.dataclass(slots=True)
class Lane:
    """What is known of one lane's samples."""

    name: str
    n: int = 0
    n_boxed: int = 0
    is_complete: bool = False  # False: there are at least `n`
    is_generated: bool = False  # all images are alike: few were made
    labels: tuple[str, ...] = ()
    listed: list[Record] = dataclasses.field(default_factory=list)
    roles: Mapping[str, float] | None = None  # number of samples per role
    role_of: np.ndarray | None = None  # of each listed sample, where it is known
    opened: pa.Table | None = None  # rows of the samples table that were looked at
    crops: pa.Table | None = None  # of the usable ones among them
    odd: pa.Table | None = None  # rows of samples whose boxes are least like the others'
    _rows: pa.Table | None = None

    @property
    def rows(self) -> pa.Table:
        """Return what the listing alone says, as rows of the samples table; made once."""
        if self._rows is None:
            self._rows = listing(self.listed)
        return self._rows

    @property
    def usable(self) -> pa.Table:
        """Return the rows that were looked at and are usable, in the order of `crops`."""
        rows = SAMPLES.schema.empty_table() if self.opened is None else self.opened
        return rows.filter(pc.is_null(rows["problem"]))

    def roles_of(self, names: pa.ChunkedArray) -> Shaped[np.ndarray, " n"]:
        """Return the role of each named sample; None where roles are not known."""
        if self.role_of is None:
            return np.full(len(names), None, dtype=object)
        return self.role_of[self.places_of(names)]

    def places_of(self, names: pa.ChunkedArray) -> Int64[np.ndarray, " n"]:
        """Return where each named sample stands in the listing: its sample_id in the run."""
        place = {record.name: n for n, record in enumerate(self.listed)}
        return np.array([place[name] for name in names.to_pylist()], dtype=np.int64)


def divide(known: Lane, split: SplitParams, seed: int, data_root: str) -> str:
    """Give every listed sample its role, before unusable images and near duplicates are known.

    Raises:
        ParamsError: no sample is a target.
        DataError: given roles do not fit the samples.
        Untried: roles are given and the listing was cut off.
    """
    if known.is_generated:
        return _expected(known, split)
    listed = Listing.of_table(known.rows)
    given = None
    if split.roles_from is not None:
        if not known.is_complete:
            raise Untried("roles_from: the listing takes too long to compare it with here")
        given = given_roles.read(split.roles_from, listed, data_folder(data_root))[0]
    known.role_of = named(assign.divide(listed, split, seed=seed, given=given).roles)
    known.roles = {role: float((known.role_of == role).sum()) for role in ROLES}
    at_least = "" if known.is_complete else ", of those listed in time"
    return _told(known.roles) + at_least


def _expected(known: Lane, split: SplitParams) -> str:
    """Expect the shares of a generated corpus: making its names takes as long as making its images."""
    known.roles = {role: known.n * float(getattr(split.shares, role)) for role in ROLES}
    return f"about {_told(known.roles)}"


def _told(roles: Mapping[str, float]) -> str:
    if roles[TARGET] < 1:
        raise ParamsError("split: no sample gets the role target, so nothing is attacked.")
    text = ", ".join(f"{count:.0f} {role}" for role, count in roles.items())
    return text + ("" if roles[CONTROL] >= 1 else ": no control, uncalibrated")


def judge_labels(known: Lane, limit: float) -> str:
    """Look for labels of attacked samples that no public, or no reference, sample has.

    Raises:
        DataError: there are more than `limit` of them.
        Untried: roles are not known here.
    """
    if known.role_of is None:
        raise Untried("known once roles are")
    labels = label_ids(known.listed)
    n, n_attacked, _ = label_bank.judge(
        coded(known.role_of.tolist()), labels, limit,
        lambda place: f"{known.listed[place].name} ({known.labels[labels[place]]})",
    )  # fmt: skip
    return f"{n} of {n_attacked} {RULES[label_bank.LIMIT].what}"


def interval(known: Lane, kept_share: float) -> str:
    """Say how wide the interval of the excess will be, from the counts alone."""
    if known.roles is None or min(known.roles[TARGET], known.roles[CONTROL]) < 1:
        raise Untried("there is no excess without target and control samples")
    counts = [known.roles[role] * kept_share for role in (TARGET, CONTROL)]
    if min(counts) < 1:
        raise Untried("known once crops are kept")
    points = 100 * 1.96 * math.sqrt(VARIANCE[known.name] * sum(1 / n for n in counts))
    return (
        f"about ± {points:.1f} points (95 %) for {counts[0]:.0f} target and {counts[1]:.0f} control "
        "samples; four times as many halve it"
    )


def label_ids(listed: Sequence[Record]) -> Shaped[np.ndarray, " n"]:
    """Return the label_id of each sample, -1 where it has none."""
    return np.array([-1 if r.label_id is None else r.label_id for r in listed], dtype=np.int64)


def listing(listed: Sequence[Record]) -> pa.Table:
    """Return what a listing alone says, as rows of the samples table."""
    corner = dict.fromkeys(("x0", "y0", "x1", "y1"), 0)
    columns: dict[str, list[Any]] = {
        "sample_id": list(range(len(listed))),
        "sample_name": [r.name for r in listed],
        "uri": [r.uri or "" for r in listed],
        "label_id": [r.label_id for r in listed],
        "caption": [r.caption for r in listed],
        "boxes": [[corner] * len(r.boxes) for r in listed],
        "content_hash": [r.stated.content_hash if r.stated else None for r in listed],
        "perceptual_hash": [r.stated.perceptual_hash if r.stated else None for r in listed],
        "problem": [r.problem for r in listed],
    }
    fields = [SAMPLES.schema.field(name) for name in _COLUMNS]
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
