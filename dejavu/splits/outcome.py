"""What a split says of each sample, as numbers until it is written."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int, Int8, Int64, Shaped

from dejavu.roles import ROLES, UNUSED
from dejavu.splits.listing import PART_ROWS, place_type
from dejavu.tables.schemas import SPLITS

CODED = (*ROLES, UNUSED)  # a role's code is its place here
NO_ROLE = CODED.index(UNUSED)
NOT_STATED = -1  # nobody gives a role
Codes = Int8[np.ndarray, " n"]


def coded(roles: Sequence[str | None]) -> Codes:
    """Return the codes of roles; None is `NOT_STATED`."""
    codes = {name: code for code, name in enumerate(CODED)} | {None: NOT_STATED}
    return np.array([codes[role] for role in roles], dtype=np.int8)


def named(codes: Codes) -> Shaped[np.ndarray, " n"]:
    """Return the roles of codes.

    >>> named(coded(["public", None])).tolist()
    ['public', None]
    """
    return np.array([*CODED, None], dtype=object)[codes]


class Reasons:
    """Why each sample has its role, or has none: the number of a text, or whose caption it repeats."""

    def __init__(self, n: int) -> None:
        """Say nothing of `n` samples."""
        self.codes = np.zeros(n, dtype=place_type(n))
        self._texts: dict[str | None, int] = {None: 0}

    def code(self, text: str | None) -> int:
        """Return the number of a text."""
        return self._texts.setdefault(text, len(self._texts))

    def put(
        self, where: Bool[np.ndarray, " n"] | Int[np.ndarray, " some"], text: str | None
    ) -> None:
        """Say `text` of samples."""
        self.codes[where] = self.code(text)

    def put_repeats(self, places: Int[np.ndarray, " some"], kept: Int[np.ndarray, " some"]) -> None:
        """Say of samples that their caption is that of the samples at `kept`."""
        self.codes[places] = -1 - kept

    def texts(self, rows: slice, ids: Int64[np.ndarray, " n"]) -> list[str | None]:
        """Return what is said of some rows; `ids` are those of all."""
        texts = list(self._texts)
        return [
            texts[code] if code >= 0 else f"duplicate_caption: {ids[-1 - code]}"
            for code in self.codes[rows].tolist()
        ]

    def starting(self, start: str) -> dict[int, str]:
        """Return the texts that start so, by number."""
        return {code: text for text, code in self._texts.items() if text and text.startswith(start)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Role, group and reason of each sample of a listing."""

    ids: Int64[np.ndarray, " n"]
    roles: Codes
    groups: Int[np.ndarray, " n"]  # named by the place of the first member
    reasons: Reasons
    n_unhashed: int = 0  # usable samples of which no duplicate was looked for

    def is_ordered(self) -> bool:
        """Whether ids ascend, each once."""
        return bool((self.ids[1:] > self.ids[:-1]).all())

    def parts(self) -> Iterator[pa.Table]:
        """Yield the rows of the splits table, in the order of the listing."""
        smallest = self.ids  # of each group, at the place that names it
        if not self.is_ordered():
            smallest = self.ids.copy()
            np.minimum.at(smallest, self.groups, self.ids)
        roles = pa.array(CODED)
        for start in range(0, len(self.ids), PART_ROWS):
            rows = slice(start, start + PART_ROWS)
            columns = [
                pa.array(self.ids[rows]), roles.take(pa.array(self.roles[rows])),
                pa.array(smallest[self.groups[rows]]),
                pa.array(self.reasons.texts(rows, self.ids), pa.string()),
            ]  # fmt: skip
            yield pa.Table.from_arrays(columns, schema=SPLITS.schema)

    def table(self) -> pa.Table:
        """Return the splits table, in the order of the listing."""
        return pa.concat_tables([SPLITS.schema.empty_table(), *self.parts()])
