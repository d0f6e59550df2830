"""List the members of tar shards, whatever state a download left them in."""

import dataclasses
import tarfile
from pathlib import Path
from typing import Any, Literal

BLOCK = 512
MAX_HEADER_BYTES = 1 << 20  # of a long name or PAX header: larger ones are no names
State = Literal["whole", "cut_off", "damaged", "empty", "no_tar"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a member's bytes are."""

    name: str
    offset: int
    n_bytes: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The members of a shard in its order, up to where it ends or cannot be read any further."""

    places: tuple[Place, ...]
    # cut_off: it ends without an end mark or within a member; damaged: a header is none
    state: State


class _Member(tarfile.TarInfo):
    """A member whose name, however it is stored, is of bounded length."""

    def _proc_pax(self, archive: tarfile.TarFile) -> Any:
        return self._bounded("_proc_pax", archive)

    def _proc_gnulong(self, archive: tarfile.TarFile) -> Any:
        return self._bounded("_proc_gnulong", archive)

    def _bounded(self, method: str, archive: tarfile.TarFile) -> Any:
        if not 0 <= self.size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return getattr(super(), method)(archive)


def list_members(shard: Path) -> Listing:
    """Return the regular members of a tar file that lie in it as a whole.

    Raises:
        OSError: the file cannot be opened.
    """
    n_bytes = shard.stat().st_size
    if n_bytes == 0:
        return Listing(places=(), state="empty")
    places: list[Place] = []
    state: State = "whole"
    with shard.open("rb") as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r:", tarinfo=_Member) as archive:
                end = 0
                try:
                    for member in archive:
                        end = member.offset_data + -(-member.size // BLOCK) * BLOCK
                        if member.size < 0 or member.offset_data + member.size > n_bytes:
                            state = "cut_off"
                            break
                        if member.isreg() and member.sparse is None:
                            place = Place(
                                name=member.name, offset=member.offset_data, n_bytes=member.size
                            )
                            places.append(place)
                except (tarfile.TarError, ValueError, OverflowError, EOFError, UnicodeError):
                    state = "damaged"
        except (tarfile.TarError, ValueError, OverflowError, EOFError, UnicodeError):
            return Listing(places=(), state="no_tar")
        if state == "whole":
            # The library takes a header that it cannot read for the end. The end is a block of zeros.
            stream.seek(min(end, n_bytes))
            rest = stream.read(BLOCK)
            state = "cut_off" if len(rest) < BLOCK else "damaged" if any(rest) else "whole"
    return Listing(places=tuple(places), state=state)
