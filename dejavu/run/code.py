"""The code behind a result: a module, what it imports inside this project, and one hash over all of it.

A comment or a docstring changes no hash, whoever reads it (see `syntax`). Registries name modules in strings;
of those only the ones that the parameters at hand ask for count, so that a new source of models changes
nothing for the models that are there. SQL, templates, styles and scripts of the package count by content.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dejavu.errors import ArtifactError
from dejavu.run import syntax

CACHE = Path(".work") / "code.json"
# What these do never shows in a table: they tell how a run goes and keep it apart from other runs. The
# values that `dejavu.params` reads are tracked by DVC.
UNCOUNTED = (
    "dejavu.errors",
    "dejavu.files.json_files",
    "dejavu.files.merge_conflicts",
    "dejavu.params",
    "dejavu.run.code",
    "dejavu.run.code_versions",
    "dejavu.run.cores",
    "dejavu.run.dvc_lock",
    "dejavu.run.engines",
    "dejavu.run.failures",
    "dejavu.run.graph",
    "dejavu.run.on_ray",
    "dejavu.run.processes",
    "dejavu.run.progress",
    "dejavu.run.project_lock",
    "dejavu.run.ray_cluster",
    "dejavu.run.ray_worker",
    "dejavu.run.stage",
    "dejavu.run.syntax",
)
ASKING = ("adapter", "backend", "source")  # fields of params.yaml that choose from a registry
# Distributions, by the module they install, whose version may decide what a table holds.
DECIDING = {
    "PIL": ("pillow",),
    "detectron2": ("detectron2",),
    "duckdb": ("duckdb",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "groundingdino": ("groundingdino-py",),
    "imagehash": ("ImageHash",),
    "lightly": ("lightly",),
    "numpy": ("numpy",),
    "onnxruntime": ("onnxruntime",),
    "open_clip": ("open_clip_torch",),
    "pyarrow": ("pyarrow",),
    "scipy": ("scipy",),
    "segment_anything": ("segment-anything",),
    "sentence_transformers": ("sentence-transformers",),
    "sklearn": ("scikit-learn",),
    "timm": ("timm",),
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "transformers": ("transformers",),
}


def asked_by(values: Any) -> set[str]:
    """Return what nested parameters ask registries for: the texts in the fields `ASKING`.

    >>> sorted(asked_by({"one": {"source": "timm", "recipe": "released"}, "two": {"source": "dino"}}))
    ['dino', 'timm']
    """
    if isinstance(values, Mapping):
        own = {text for name in ASKING if isinstance(text := values.get(name), str)}
        return own.union(*(asked_by(value) for value in values.values()))
    if isinstance(values, list | tuple):
        return set().union(*(asked_by(value) for value in values))
    return set()


class Code:
    """Hashes of modules of this project and of what they lead to.

    Args:
        packages: folder of each package, by name.
        cache: file that keeps what was read, by content; None keeps nothing.
    """

    def __init__(self, packages: Mapping[str, Path], cache: Path | None = None) -> None:
        self._packages, self._cache = dict(packages), cache
        self._known: dict[str, syntax.Facts] = {}
        self._used: dict[str, syntax.Facts] = {}
        if cache is not None:
            with contextlib.suppress(OSError, ValueError):  # without it every file is read anew
                kept = json.loads(cache.read_text(encoding="utf-8"))
                self._known = dict(kept["files"]) if kept["reader"] == _reader() else {}

    def closure(self, module: str, words: Iterable[str]) -> dict[str, str]:
        """Return what decides the results of `module`: the digest of each module and data file.

        Args:
            module: dotted name; one of somebody else's that is loaded will do too.
            words: what the parameters ask registries for; without any, registries count whole.

        Raises:
            ArtifactError: there is no such module.
        """
        if self._file(module) is None:
            where = " and ".join(str(folder) for folder in self._packages.values())
            raise ArtifactError(f"{module}: no such module in {where}, so its code has no version.")
        return dict(self._closure(module, frozenset(words)))

    @functools.cache  # noqa: B019 - one object lives as long as its process
    def _closure(self, module: str, asked: frozenset[str]) -> dict[str, str]:
        """Do what `closure` does.

        A package around a module runs when the module is imported, but what stands in the registries of
        the package is asked for only by who imports the package for its own sake.
        """
        found, folders, used, todo = dict[str, str](), set[str](), set[str](), [(module, True)]
        while todo:
            name, is_used = todo.pop()
            file = self._file(name)
            is_done = name in used if is_used else name in found
            if is_done or is_uncounted(name) or file is None:
                continue
            facts = self._facts(file)
            items = list(_asked_for(facts["registries"], asked)) if is_used else []
            found[name] = " ".join([facts["code"], *(item[2] for item in items)])
            folders |= set(facts["folders"])
            used |= {name} if is_used else set()
            todo += [(package, False) for package in self._packages_around(name)]
            todo += [(self._module_of(*pair), True) for pair in facts["imports"]]
            todo += [(module, True) for item in items for module in item[1]]
            if is_used:
                members = (self._of_family(each, asked) for each in facts["families"])
                todo += [(module, True) for some in members for module in some]
        for folder in sorted(folders):
            found |= self._data(folder)
        return found

    def version(self, module: str, words: Iterable[str] = ()) -> str:
        """Return one hex digest of everything in the closure of `module`."""
        lines = [
            f"{name} {digest}\n" for name, digest in sorted(self.closure(module, words).items())
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def libraries(self, module: str, words: Iterable[str] = ()) -> dict[str, str]:
        """Return name and version of the installed libraries that decide the results of `module`."""
        files = (self._file(name) for name in self.closure(module, words))
        names = {name for file in files if file for name in self._facts(file)["libraries"]}
        versions = {}
        for distribution in (each for name in sorted(names) for each in DECIDING.get(name, ())):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                versions[distribution] = importlib.metadata.version(distribution)
        return versions

    def save(self) -> None:
        """Keep what this object read, and no more, for the next process, if the place can be written.

        Call it where every stage was looked at: whoever looked at one would forget the others.
        """
        if self._cache is None or self._used == self._known:
            return
        scratch = self._cache.with_name(self._cache.name + ".part")
        text = json.dumps({"reader": _reader(), "files": self._used})
        with contextlib.suppress(OSError):
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(self._cache)

    @functools.cache  # noqa: B019 - one object lives as long as its process
    def _file(self, module: str) -> Path | None:
        package, *parts = module.split(".")
        if package not in self._packages:
            place = getattr(sys.modules.get(module), "__file__", None)
            return None if place is None else Path(place)
        stem = self._packages[package].joinpath(*parts)
        candidates = (stem / "__init__.py", stem.with_name(stem.name + ".py"))
        return next((file for file in candidates if file.is_file()), None)

    def _of_family(self, package: str, asked: frozenset[str]) -> list[str]:
        """Return the modules of a package whose names are asked for; without any word, all."""
        file = self._file(package)
        if file is None:
            return []
        names = sorted(each.stem for each in file.parent.glob("*.py") if each != file)
        return [f"{package}.{name}" for name in names if name in asked or not asked]

    def _packages_around(self, module: str) -> list[str]:
        parts = module.split(".")
        if parts[0] not in self._packages:
            return []
        return [".".join(parts[:stop]) for stop in range(1, len(parts))]

    def _module_of(self, module: str, name: str | None) -> str:
        """Return what ``from module import name`` needs: a module below `module`, or `module`."""
        below = f"{module}.{name}"
        return module if name is None or self._file(below) is None else below

    @functools.cache  # noqa: B019 - one object lives as long as its process
    def _facts(self, file: Path) -> syntax.Facts:
        content = file.read_bytes()
        key = hashlib.sha256(content).hexdigest()
        facts = self._known.get(key) or syntax.facts_of(content.decode())
        self._used[key] = facts
        return facts

    @functools.cache  # noqa: B019 - one object lives as long as its process
    def _data(self, folder: str) -> dict[str, str]:
        """Return the digest of every file in a folder of package data."""
        root = self._packages["dejavu"]
        files = sorted(file for file in (root / folder).rglob("*") if file.is_file())
        return {
            file.relative_to(root.parent).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }


@functools.cache
def running() -> Code:
    """Return the code of this process: the installed package and the stages of the project."""
    packages = {}
    for name in syntax.PACKAGES:
        found = importlib.util.find_spec(name)
        if found is not None and found.submodule_search_locations:
            packages[name] = Path(found.submodule_search_locations[0])
    # DVC runs `python -m stages.…`, which looks here; the command `dejavu` does not.
    if (stages := Path.cwd() / "stages").is_dir():
        packages.setdefault("stages", stages)
    return Code(packages, CACHE.absolute())


def is_uncounted(module: str) -> bool:
    """Return whether a module decides no result; the top package only offers what others do."""
    return module == "dejavu" or any(
        module == name or module.startswith(name + ".") for name in UNCOUNTED
    )


def _asked_for(registries: list[Any], words: frozenset[str]) -> Iterator[list[Any]]:
    for registry in registries:  # without any word nothing is known, and all may be asked for
        yield from (item for item in registry if item[0] in words or not words)


@functools.cache
def _reader() -> str:
    """Return what names the way files are read, so that an older way's facts are never used."""
    return hashlib.sha256(Path(syntax.__file__).read_bytes()).hexdigest()
