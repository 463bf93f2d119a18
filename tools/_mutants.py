"""Mutants of a module: one small change each, made in its syntax tree, in an order that a seed gives."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from random import Random
from typing import Final, final

from msgspec import Struct

COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COUNTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.LShift: ast.RShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@final
class Mutant(Struct, frozen=True):
    """One change of one module, not made yet: `changed` makes it."""

    module: str
    number: int
    """Among all changes of the module, in the order of the text."""
    function: str
    """Qualified name of the function of a module or class that is changed."""
    line: int
    what: str


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every mutant of a module; docstrings, annotations and texts stay as they are."""
    return [
        Mutant(module, number, function, node.lineno, what)
        for number, (function, node, _change, what) in enumerate(_places(ast.parse(source)))
    ]


def changed(mutant: Mutant, source: str) -> str:
    """The source of the whole module with the change made."""
    tree = ast.parse(source)
    _function, _node, change, _what = list(_places(tree))[mutant.number]
    change()
    return ast.unparse(ast.fix_missing_locations(tree))


def sampled(all_of_them: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of them, the same for the same seed."""
    return Random(f"mutants {seed}").sample(all_of_them, min(count, len(all_of_them)))


Change = tuple[ast.expr | ast.stmt, Callable[[], None], str]
Place = tuple[str, ast.expr | ast.stmt, Callable[[], None], str]


def _places(tree: ast.Module) -> Iterator[Place]:
    """Where functions of the module and of its classes can be changed, in the order of the text."""
    for function, body in _functions(tree.body, ""):
        for statement in body:
            for node in _inner(statement):
                for change in _changes(node):
                    yield function, *change


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, list[ast.stmt]]]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield f"{prefix}{node.name}", node.body
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and what is in it, without annotations and assertions."""
    if isinstance(node, (ast.Assert, ast.JoinedStr, ast.arguments)):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _inner(child)


def _changes(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        yield from _of_compare(node)
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in COUNTED:
        yield node, _setter(node, "op", COUNTED[type(node.op)]()), type(node.op).__name__
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, _setter(node, "op", other), type(node.op).__name__
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, _drop_not(node), "Not"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield node, _setter(node, "value", node.value + 1), f"{node.value}"
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield node, _setter(node, "value", not node.value), f"{node.value}"
    elif isinstance(node, ast.If):
        yield node, _setter(node, "test", ast.UnaryOp(ast.Not(), node.test)), "if"


def _of_compare(node: ast.Compare) -> Iterator[Change]:
    for index, op in enumerate(node.ops):
        if type(op) in COMPARED:

            def change(index: int = index, op: ast.cmpop = op) -> None:
                node.ops[index] = COMPARED[type(op)]()

            yield node, change, type(op).__name__


def _setter(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _drop_not(node: ast.UnaryOp) -> Callable[[], None]:
    def change() -> None:
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)

    return change
