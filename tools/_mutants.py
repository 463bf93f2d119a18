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
    """One change of one module."""

    module: str
    line: int
    what: str
    source: str
    """Of the whole module, changed."""


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every mutant of a module; docstrings, annotations and texts stay as they are."""
    places = list(_places(ast.parse(source)))
    found: list[Mutant] = []
    for number in range(len(places)):
        tree = ast.parse(source)
        node, change, what = list(_places(tree))[number]
        change()
        found.append(Mutant(module, node.lineno, what, ast.unparse(ast.fix_missing_locations(tree))))
    return found


def sampled(all_of_them: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of them, the same for the same seed."""
    return Random(f"mutants {seed}").sample(all_of_them, min(count, len(all_of_them)))


Place = tuple[ast.expr | ast.stmt, Callable[[], None], str]


def _places(tree: ast.AST) -> Iterator[Place]:
    for node in _walk(tree):
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


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of functions, in the order of the text, without annotations, defaults of fields and assertions."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            body = node.body if isinstance(node.body, list) else [node.body]
            for each in body:
                yield from _inner(each)


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.Assert, ast.JoinedStr)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _inner(child)


def _of_compare(node: ast.Compare) -> Iterator[Place]:
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
