"""What a Python file means and what it leads to, whatever its comments and the Python that reads it.

The text of a syntax tree stands for the code: it has no comments, no docstrings and no empty fields (newer
Pythons add fields, which are empty for code that an older one can read).
"""

import ast
import hashlib
import re
from typing import Any

PACKAGES = ("dejavu", "stages")  # whose code decides results; all else is a library
_LAZY = re.compile(r"(dejavu(?:\.\w+)+):\w+")  # "dejavu.corpora.glyphs:Glyphs" in a registry
_METADATA = (
    "__version__",
    "__all__",
)  # names that say something about the code and compute nothing
_TEMPLATES = "templates"  # where jinja2.PackageLoader looks

Facts = dict[str, Any]  # of a file, as JSON can hold them


def facts_of(source: str) -> Facts:
    """Return what a file means and leads to.

    Args:
        source: the text of a Python file.

    Returns:
        ``code``: hex digest of the syntax tree without registered items.
        ``imports``: what it imports from this project anywhere, inside functions too: pairs of a
        module and a name in it (which may be a module too), or of a module and None. Imports for type
        checkers alone are left out.
        ``libraries``: top-level names of the other modules that it imports.
        ``registries``: per dictionary with names of functions (``"dejavu.corpora.glyphs:Glyphs"``) its
        items, each as its key, the modules that it leads to, and a hex digest.
        ``families``: packages of which it imports the module that a name chooses
        (``import_module(f"dejavu.corpora.{name}")``): registries without a list.
        ``folders``: folders of package data that it reads.
    """
    reader = _Reader()
    text = reader.text(ast.parse(source))
    return {
        "code": _digest(text),
        "imports": [
            list(pair) for pair in sorted(reader.imports, key=str) if _package(pair[0]) in PACKAGES
        ],
        "libraries": sorted({_package(module) for module, _ in reader.imports} - set(PACKAGES)),
        "registries": reader.registries,
        "families": sorted(reader.families),
        "folders": sorted(reader.folders),
    }


def _package(module: str) -> str:
    return module.partition(".")[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _Reader:
    """Writes syntax trees as text and notes on the way what they lead to."""

    def __init__(self) -> None:
        self.imports: set[tuple[str, str | None]] = set()
        self.folders: set[str] = set()
        self.families: set[str] = set()
        self.registries: list[list[list[Any]]] = []

    def text(self, value: Any) -> str:
        """Return the text of a node, of a list of nodes, or of a plain field."""
        if isinstance(value, list):
            return "[" + ",".join(filter(None, map(self.text, value))) + "]"
        if not isinstance(value, ast.AST):
            return ascii(value)  # repr would follow the Unicode tables of the Python at hand
        if _is_void(value):
            return ""
        self._note(value)
        if isinstance(value, ast.Constant):
            return f"{type(value.value).__name__}:{value.value!a}"
        if isinstance(value, ast.Dict):
            return self._dictionary(value)
        if isinstance(value, ast.JoinedStr):
            return f"JoinedStr({self.text(_joined(value.values))})"
        return self._node(value)

    def _node(self, node: ast.AST) -> str:
        fields = [
            f"{name}={self.text(field)}"
            for name, field in sorted(ast.iter_fields(node))
            if field is not None and field != []
        ]
        return f"{type(node).__name__}({','.join(fields)})"

    def _dictionary(self, node: ast.Dict) -> str:
        """Write a dictionary without the items that name functions: those count by who asks for them."""
        items, registry = [], []
        for key, value in zip(node.keys, node.values, strict=True):
            modules = _lazy_modules(value)
            if modules and isinstance(key, ast.Constant):
                registry.append([key.value, modules, _digest(_Reader().text(value))])
            else:
                items.append(f"{'**' if key is None else self.text(key)}:{self.text(value)}")
        if registry:
            self.registries.append(registry)
        return f"Dict({','.join(items)})"

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                self.imports |= {(alias.name, None) for alias in names}
            case ast.ImportFrom(module=str(module), names=names):
                self.imports |= {(module, alias.name) for alias in names}
            case ast.Constant(value=str(value)) if match := _LAZY.fullmatch(value):
                self.imports.add((match[1], None))
            case ast.BinOp(left=ast.Call(func=function, args=[ast.Constant(value="dejavu")]),
                           op=ast.Div(), right=ast.Constant(value=str(folder))):  # fmt: skip
                if _name(function) == "files":
                    self.folders.add(folder)
            case ast.Call(func=function, args=[ast.Constant(value="dejavu")]):
                if _name(function) == "PackageLoader":
                    self.folders.add(_TEMPLATES)
            case ast.Call(func=function, args=[ast.JoinedStr(
                    values=[ast.Constant(value=str(family)), ast.FormattedValue()])]):  # fmt: skip
                if _name(function) == "import_module":
                    self.families.add(family.removesuffix("."))


def _is_void(node: ast.AST) -> bool:
    """Return whether a node decides nothing when the code runs."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):  # a docstring
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in _METADATA
        case ast.If(test=test, orelse=[]):
            return _name(test) == "TYPE_CHECKING"
    return False


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _lazy_modules(node: ast.AST) -> list[str]:
    """Return the modules that the strings below a node lead to."""
    strings = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    found = (_LAZY.fullmatch(value) for value in strings if isinstance(value, str))
    return sorted({match[1] for match in found if match})


def _joined(parts: list[ast.expr]) -> list[ast.expr]:
    """Return the parts of an f-string with neighboring texts as one: Pythons cut them differently."""
    joined: list[ast.expr] = []
    for part in parts:
        last = joined[-1] if joined else None
        if not isinstance(part, ast.Constant):
            joined.append(part)
        elif isinstance(last, ast.Constant):
            joined[-1] = ast.Constant(str(last.value) + str(part.value))
        elif part.value:
            joined.append(part)
    return joined
