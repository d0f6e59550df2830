"""The changes that `scripts.mutate` makes: which there are in a source, and the source with one of them."""

import ast
import copy
import dataclasses
from collections.abc import Iterator

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One place of a source, and what it becomes."""

    path: str
    place: int  # position of the node in a walk of the tree
    line: str  # the source line, stripped
    kind: str  # what becomes of it
    nth: int  # among changes of the same line and kind

    @property
    def key(self) -> str:
        """Return what names the change as long as its line stays as it is."""
        again = f" ({self.nth})" if self.nth else ""
        return f"{self.path}: {self.kind}{again}: {self.line}"


def changes(path: str, source: str) -> list[Change]:
    """Return every change of a source; strings, annotations and messages of errors are left alone."""
    lines = source.splitlines()
    seen: dict[tuple[str, str], int] = {}
    found = []
    tree = ast.parse(source)
    spared = set(_spared(tree))
    for place, node in enumerate(ast.walk(tree)):
        if node in spared:
            continue
        kind = _kind(node)
        if kind is None:
            continue
        line = lines[node.lineno - 1].strip()  # type: ignore[attr-defined]  # all of these kinds have one
        nth = seen.get((line, kind), 0)
        seen[line, kind] = nth + 1
        found.append(Change(path, place, line, kind, nth))
    return found


def changed(source: str, change: Change) -> ast.Module:
    """Return the tree of a source with one change made."""
    tree = ast.parse(source)
    node = next(each for place, each in enumerate(ast.walk(tree)) if place == change.place)
    _Replace(node).visit(tree)
    return ast.fix_missing_locations(tree)


def _spared(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what decides no number: annotations, raised errors, asserts, decorators, keyword flags of zip."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Raise | ast.Assert):
            parts = [node]
        elif isinstance(node, ast.FunctionDef):
            parts = [*node.decorator_list, node.returns, *(each.annotation for each in _all(node))]
        elif isinstance(node, ast.ClassDef):
            parts = [*node.decorator_list]
        elif isinstance(node, ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.keyword) and node.arg in {"strict", "slots", "frozen", "kw_only"}:
            parts = [node]
        for part in parts:
            if part is not None:
                yield from ast.walk(part)


def _all(function: ast.FunctionDef) -> list[ast.arg]:
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _kind(node: ast.AST) -> str | None:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        return f"{type(node.ops[0]).__name__} to {COMPARISONS[type(node.ops[0])].__name__}"
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        if any(isinstance(each, ast.JoinedStr) for each in (node.left, node.right)):
            return None
        return f"{type(node.op).__name__} to {OPERATIONS[type(node.op)].__name__}"
    if isinstance(node, ast.BoolOp):
        return "and to or" if isinstance(node.op, ast.And) else "or to and"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        return f"without {type(node.op).__name__}"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return f"{node.value} to {not node.value}"
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return f"{node.value} to {_other(node.value)}"
    return None


def _other(value: float) -> float:
    return value + 1 if isinstance(value, int) else value * 2 + 0.125


class _Replace(ast.NodeTransformer):
    """Puts another node into the place of one."""

    def __init__(self, node: ast.AST) -> None:
        self._node = node

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self._node:
            return self.generic_visit(node)
        new = copy.copy(node)
        if isinstance(new, ast.Compare):
            new.ops = [COMPARISONS[type(new.ops[0])](), *new.ops[1:]]
        elif isinstance(new, ast.BinOp):
            new.op = OPERATIONS[type(new.op)]()
        elif isinstance(new, ast.BoolOp):
            new.op = ast.Or() if isinstance(new.op, ast.And) else ast.And()
        elif isinstance(new, ast.UnaryOp):
            return new.operand
        elif isinstance(new, ast.Constant):
            new.value = not new.value if isinstance(new.value, bool) else _other(new.value)  # type: ignore[arg-type]  # a number, see _kind
        return new
