"""The settings tree as data: every section and every leaf with its path, type, default and note.

Built once from the types of `settings.py`; the reader, the rules' planned part, `explain` and the reference walk it.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, cast, final, get_args, get_origin

import msgspec

from ledger.config.note import FORMS, Note, OneKeyMaps
from ledger.config.settings import Settings


@final
class Leaf(msgspec.Struct, frozen=True):
    """One setting."""

    path: str
    type: Any
    default: object
    note: Note


@final
class Branch(msgspec.Struct, frozen=True):
    """One section."""

    path: str
    type: type[msgspec.Struct]
    text: str
    children: dict[str, Leaf | Branch]
    one_key_maps: bool


@functools.cache
def tree() -> Branch:
    """The whole tree; its own path is empty."""
    return _branch("", Settings, Settings(), False)


@functools.cache
def leaves() -> Mapping[str, Leaf]:
    """Every setting by its path, in the order of the types."""
    return {leaf.path: leaf for leaf in _leaves_of(tree())}


def find(path: str) -> Leaf | Branch | None:
    """The setting or section of that path, or None."""
    node: Leaf | Branch = tree()
    for name in path.split("."):
        if type(node) is not Branch or name not in node.children:
            return None
        node = node.children[name]
    return node


def build(values: Mapping[str, object]) -> Settings:
    """Settings from the value of every leaf by path."""
    return cast(Settings, _build(tree(), values))


def choices(kind: Any) -> tuple[str, ...]:
    """The texts of a Literal, or of a union of Literals; empty for any other type."""
    if get_origin(kind) is Literal:
        return cast("tuple[str, ...]", get_args(kind))
    if is_union(kind):
        found = [choices(part) for part in get_args(kind)]
        if all(found):
            return tuple(text for part in found for text in part)
    return ()


def optional(kind: Any) -> tuple[Any, bool]:
    """The type without None, and whether None was one of its values."""
    if not is_union(kind) or type(None) not in get_args(kind):
        return kind, False
    return next(part for part in get_args(kind) if part is not type(None)), True


def is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def described(kind: Any, note: Note) -> str:
    """What is expected of a value, in words: for errors and the reference."""
    inner, nullable = optional(kind)
    if nullable:
        return f"{described(inner, note)} or null"
    if note.form and inner is str:
        return FORMS[note.form][1]
    if found := choices(inner):
        return "one of " + ", ".join(found)
    if get_origin(inner) is tuple:
        return f"a list: each {described(get_args(inner)[0], note)}"
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return "a map with " + ", ".join(inner.__struct_fields__)
    return {bool: "true or false", int: _whole_number(note), str: "text"}[inner]


def _whole_number(note: Note) -> str:
    if note.least is not None and note.most is not None:
        return f"a whole number from {note.least} to {note.most}"
    if note.least is not None:
        return f"a whole number of at least {note.least}"
    return "a whole number"


def _branch(path: str, kind: type[msgspec.Struct], default: msgspec.Struct, one_key_maps: bool) -> Branch:
    children: dict[str, Leaf | Branch] = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        here = f"{path}.{name}" if path else name
        annotated = get_origin(hint) is Annotated
        bare: Any = hint.__origin__ if annotated else hint
        marks: tuple[Any, ...] = hint.__metadata__ if annotated else ()
        value = getattr(default, name)
        if isinstance(value, msgspec.Struct):
            children[name] = _branch(here, type(value), value, any(type(m) is OneKeyMaps for m in marks))
        else:
            children[name] = Leaf(here, bare, value, marks[0])
    return Branch(path, kind, (kind.__doc__ or "").strip(), children, one_key_maps)


def _leaves_of(branch: Branch) -> Iterator[Leaf]:
    for child in branch.children.values():
        if type(child) is Leaf:
            yield child
        elif type(child) is Branch:
            yield from _leaves_of(child)


def _build(branch: Branch, values: Mapping[str, object]) -> msgspec.Struct:
    arguments = {
        name: values[child.path] if type(child) is Leaf else _build(child, values)
        for name, child in branch.children.items()
    }
    return branch.type(**arguments)
