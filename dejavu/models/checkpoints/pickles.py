"""Look through a pickle before anything reads it: what it names, how large it says things are.

A pickle is a program of a stack machine. Its instructions are followed here with sizes in the place of
objects, so that a file of some kilobytes that stands for billions of objects (each list holding the one
before twice) is known before a reader hashes or prints it.
"""

import dataclasses
import pickletools
from collections.abc import Iterator
from typing import Any

from dejavu.errors import WeightsError

MAX_OBJECTS = (
    20_000_000  # that a checkpoint may stand for; the largest published ones have some 10,000
)
LEGACY_PICKLES = (
    5  # of torch's file format before 1.6: magic number, version, system, content, keys
)


@dataclasses.dataclass(slots=True)
class _Item:
    """What stands on the stack, in the place of an object."""

    size: int = 1  # objects that it stands for
    value: Any = None  # of texts and numbers
    largest: int = 0  # of the numbers directly in it


@dataclasses.dataclass(slots=True)
class Contents:
    """What is known of a pickle that was not read."""

    names: set[str] = dataclasses.field(default_factory=set)  # module.name of what it refers to
    largest_storage: int = 0  # elements of the largest tensor storage that it names


def examine(stream: Any, *, n_pickles: int = 1) -> Contents:
    """Follow the instructions of a pickle without making anything.

    Args:
        stream: a binary file at the start of a pickle; it is left behind the last one.
        n_pickles: pickles that follow one another.

    Raises:
        WeightsError: it stands for more objects than a checkpoint has, or breaks off; without a path.
    """
    contents = Contents()
    try:
        for _ in range(n_pickles):
            _Machine(contents).run(stream)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError):
        raise WeightsError("the list of its tensors is damaged.") from None
    return contents


class _Machine:
    """A stack of items, marks between them, and what was put aside by number."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._stack: list[_Item | None] = []  # None: a mark
        self._memo: dict[int, _Item] = {}

    def run(self, stream: Any) -> None:
        for opcode, argument, _ in pickletools.genops(stream):
            self._step(opcode.name, argument, opcode)

    def _step(self, name: str, argument: Any, opcode: Any) -> None:
        match name:
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._top()
            case "MEMOIZE":
                self._memo[len(self._memo)] = self._top()
            case "GET" | "BINGET" | "LONG_BINGET":
                self._stack.append(self._memo[argument])
            case "MARK":
                self._stack.append(None)
            case "POP":
                self._stack.pop()
            case "DUP":
                self._stack.append(self._stack[-1])
            case "APPEND" | "SETITEM" | "BUILD":
                self._grow([self._pop() for _ in range(2 if name == "SETITEM" else 1)])
            case "APPENDS" | "SETITEMS" | "ADDITEMS":
                self._grow(list(self._to_mark()))
            case _:
                self._make(name, argument, opcode)

    def _make(self, name: str, argument: Any, opcode: Any) -> None:
        takes = [each.name for each in opcode.stack_before]
        parts = list(self._to_mark()) if "mark" in takes else [self._pop() for _ in takes]
        if name == "POP_MARK":
            return
        if name == "STACK_GLOBAL":
            self._contents.names.add(f"{parts[1].value}.{parts[0].value}")
        elif name in ("GLOBAL", "INST"):
            self._contents.names.add(str(argument).replace(" ", "."))
        elif name in ("BINPERSID", "PERSID"):
            largest = max((part.largest for part in parts), default=0)
            self._contents.largest_storage = max(self._contents.largest_storage, largest)
        for _ in opcode.stack_after:
            item = _Item(1 + sum(part.size for part in parts), argument)
            item.largest = max((p.value for p in parts if isinstance(p.value, int)), default=0)
            self._push(item)

    def _grow(self, parts: list[_Item]) -> None:
        owner = self._top()
        owner.size += sum(part.size for part in parts)
        self._limit(owner)

    def _push(self, item: _Item) -> None:
        self._limit(item)
        self._stack.append(item)

    def _limit(self, item: _Item) -> None:
        if item.size > MAX_OBJECTS:
            raise WeightsError(
                f"holds lists within lists that stand for more than {MAX_OBJECTS:,} objects: no checkpoint."
            )

    def _top(self) -> _Item:
        return self._checked(self._stack[-1])

    def _pop(self) -> _Item:
        return self._checked(self._stack.pop())

    def _checked(self, item: _Item | None) -> _Item:
        if item is None:
            raise ValueError("a mark where an object was expected")
        return item

    def _to_mark(self) -> Iterator[_Item]:
        while (item := self._stack.pop()) is not None:
            yield item
