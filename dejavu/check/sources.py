"""What params.yaml can name: sources of models, corpora and annotators, and whether they can run here.

The list comes from the sections themselves, so that a new source is listed as soon as it can be named.
"""

import dataclasses
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from dejavu import params
from dejavu.downloads.published_files import DOWNLOADS
from dejavu.params.base import TAGS, Section, members, tag_of
from dejavu.params.caption import CaptionModelParams, ObjectsParams
from dejavu.params.caption_corpora import CaptionCorpus, NoCorpusParams
from dejavu.params.corpora import CorpusParams
from dejavu.params.encoders import ModelParams
from dejavu.params.external_files import paths_of
from dejavu.params.references import AnnotatorSource
from dejavu.run import outside

Kind = Literal["models", "corpora", "annotators"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source that entries of a section can name."""

    section: str  # of params.yaml, e.g. image.models
    name: str
    about: str
    keys: tuple[str, ...]  # that an entry states
    missing_packages: tuple[str, ...]
    install: str
    fetch: Mapping[str, bool]  # names of `dejavu fetch`, and whether they lie in the data root
    hint: str
    used_by: tuple[str, ...]  # entries of params.yaml

    @property
    def can_run(self) -> bool:
        """Return whether all packages are installed; files are what an entry names."""
        return not self.missing_packages


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of params.yaml, and the files outside the pipeline that it names."""

    name: str  # e.g. image.models.vicreg
    source: str
    files: Mapping[str, bool]  # path as written, and whether it is there


_SECTIONS: dict[Kind, tuple[tuple[str, Any], ...]] = {
    "models": (("image.models", ModelParams), ("caption.models", CaptionModelParams)),
    "corpora": (("image.corpus", CorpusParams), ("caption.corpus", CaptionCorpus)),
    "annotators": (("image.annotators", AnnotatorSource), ("caption.objects", ObjectsParams)),
}


def sources(kind: Kind, content: Mapping[str, Any], data_folder: Path) -> list[Source]:
    """List every source of a kind.

    Args:
        kind: models, corpora or annotators.
        content: what params.yaml says; {} without one.
        data_folder: where downloaded files are looked for.
    """
    return [
        _source(section, schema, content, data_folder)
        for section, union in _SECTIONS[kind]
        for schema in members(union)
        if section != "image.corpus" or schema not in _WITHOUT_LABELS
    ]


def entries(
    kind: Kind, path: Path, content: Mapping[str, Any], data_folder: Path
) -> Iterator[Entry]:
    """Yield what params.yaml names, with the files that it needs; for OpenCLIP also a tag.

    Raises:
        ParamsError: an entry does not fit its section.
    """
    for section, union in _SECTIONS[kind]:
        for name, entry in _named(section, content).items():
            settings = params.section(path, name, union)
            files = {
                found.path: outside.exists(data_folder, found.path)
                for found in paths_of(settings)
                if not found.path.startswith("packaged")
            }
            yield Entry(name=name, source=_tag(entry), files=files)


_WITHOUT_LABELS = set(members(CaptionCorpus)) - {NoCorpusParams}  # the image lane needs labels


def _source(
    section: str, schema: type[Section], content: Mapping[str, Any], data_folder: Path
) -> Source:
    name = tag_of(schema)
    need = schema.needs
    named = _named(section, content)
    return Source(
        section=section,
        name=name,
        about=_about(schema),
        keys=tuple(key for key in schema.model_fields if key not in TAGS),
        missing_packages=tuple(p for p in need.packages if importlib.util.find_spec(p) is None),
        install=need.install,
        fetch={each: _is_fetched(each, data_folder) for each in need.fetch},
        hint=need.hint,
        used_by=tuple(entry for entry, body in named.items() if _tag(body) == name),
    )


def _about(schema: type[Section]) -> str:
    """Return the first sentence of a section's docstring, without the place that the list shows."""
    text = (schema.__doc__ or "").partition("\n")[0].replace("``", "`")
    text = re.sub(r"^(An entry of|Section) `[^`]*`: ", "", text)
    return text[:1].upper() + text[1:]


def _is_fetched(name: str, data_folder: Path) -> bool:
    entry = DOWNLOADS[name]
    return all((data_folder / entry.folder / file.path).is_file() for file in entry.files)


def _named(section: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a section by dotted name: a mapping of entries, or one entry."""
    found: Any = content
    for key in section.split("."):
        found = (found or {}).get(key)
    if not isinstance(found, Mapping):
        return {}
    if any(tag in found for tag in TAGS):
        return {section: found}
    return {f"{section}.{name}": body for name, body in found.items()}


def _tag(entry: Any) -> str:
    return str(next((entry[tag] for tag in TAGS if tag in entry), "?"))
