"""Which texts of params.yaml name files that no stage makes: marks on fields, and how to find them."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel


@dataclasses.dataclass(frozen=True, slots=True)
class Outside:
    """Marks a field whose text is the path of a file or folder below machine.data_root."""

    below: str | None = None  # field of the same section that names the folder it is relative to
    has_corpus: bool = False  # a folder of many files
    pattern: str = "**/*"  # which files of a folder count


@dataclasses.dataclass(frozen=True, slots=True)
class OutsidePath:
    """A path that a section names, relative to machine.data_root."""

    path: str
    has_corpus: bool
    pattern: str
    has_contents: bool = True  # False: names and sizes count, nothing is read
    # a corpus or a file of one: relative to an object store where machine.data_root names one
    is_of_corpus: bool = dataclasses.field(default=False, compare=False)


File = Annotated[str, Outside()]  # or a folder of files that are all read
CorpusRoot = Annotated[str, Outside(has_corpus=True)]
BelowRoot = Annotated[str, Outside(below="root")]
PositionFiles = Annotated[str, Outside(pattern="*.npy")]


def paths_of(settings: Any) -> Iterator[OutsidePath]:
    """Yield every marked path of a section, of sections within it, and of lists and mappings of them.

    A text may also mean something else (a tag of OpenCLIP, ``packaged``): then no such file exists.
    """
    if isinstance(settings, BaseModel):
        for name, field in type(settings).model_fields.items():
            value = getattr(settings, name)
            mark = next(_marks(field.annotation, field.metadata), None)
            if mark is None:
                yield from paths_of(value)
                continue
            for text in (value,) if isinstance(value, str) else value or ():
                if mark.below and mark.has_corpus and ".." not in text.split("/"):
                    continue  # the folder it lies in is listed as a whole
                folder = f"{getattr(settings, mark.below)}/" if mark.below else ""
                is_read = not mark.has_corpus or getattr(settings, "hash_images", True)
                is_of_corpus = mark.has_corpus or mark.below is not None
                yield OutsidePath(
                    f"{folder}{text}", mark.has_corpus, mark.pattern, is_read, is_of_corpus
                )
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from paths_of(value)
    elif isinstance(settings, Sequence) and not isinstance(settings, str):
        for value in settings:
            yield from paths_of(value)


def _marks(annotation: Any, metadata: Sequence[Any]) -> Iterator[Outside]:
    """Yield the marks on a field's type, or on a part of it (``File | None``)."""
    yield from (each for each in metadata if isinstance(each, Outside))
    for part in getattr(annotation, "__args__", ()):
        yield from _marks(part, getattr(part, "__metadata__", ()))
