"""The description of an event version: its tag and its fields in the order in which the journal holds them."""

from __future__ import annotations

import json
import typing
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec

from ledger.codec import TAGS
from ledger.domain.old_events import UPCASTERS
from ledger.domain.units import unit_of

GENERATED = "by tools/schema; do not edit"


def descriptions() -> dict[str, str]:
    """The content of every file, by name."""
    kinds: dict[Any, Any] = {**TAGS, **{kind.__struct_config__.tag: kind for kind in UPCASTERS}}
    return {f"{tag:03d}-{kind.__name__}.json": _describe(tag, kind) for tag, kind in sorted(kinds.items())}


def write(directory: Path) -> None:
    """Bring the directory up to date."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = descriptions()
    for path in directory.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (directory / name).write_text(content)


def check(directory: Path) -> str:
    """The first difference between the directory and the types; "" for none."""
    wanted = descriptions()
    there = {path.name: path.read_text() for path in directory.glob("*.json")}
    for name in sorted(wanted.keys() | there.keys()):
        if wanted.get(name) != there.get(name):
            what = (
                "is missing" if name not in there else "is of no event" if name not in wanted else "differs"
            )
            return f"journal/schema/{name} {what}; run tools/schema, and mind FORMAT.md: fields are added at the end"
    return ""


def _describe(tag: int, kind: Any) -> str:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: list[dict[str, Any]] = [{"index": 0, "name": "", "type": "int", "value": tag}]
    for index, field in enumerate(msgspec.structs.fields(kind), 1):
        its: dict[str, Any] = {"index": index, "name": field.name, "type": _type(hints[field.name])}
        if unit := unit_of(hints[field.name]):
            its["unit"] = unit
        if numbers := _numbers(hints[field.name]):
            its["numbers"] = numbers
        if not field.required:
            its["default"] = field.default
        fields.append(its)
    first_sentence = " ".join((kind.__doc__ or "").split())
    content = {
        "generated": GENERATED,
        "tag": tag,
        "event": kind.__name__,
        "says": first_sentence,
        "array": fields,
    }
    return json.dumps(content, indent=1, default=_bytes).replace("{\n ", "{", 1) + "\n"


def _bytes(value: bytes) -> str:
    return value.hex()


def _numbers(annotation: Any) -> dict[str, int]:
    """The meaning of each number of an enumeration."""
    for part in (annotation, *typing.get_args(annotation)):
        if isinstance(part, type) and issubclass(part, IntEnum):
            return {member.name: member.value for member in part}
    return {}


def _type(annotation: Any) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(parts[0])
    if origin in (tuple, list):
        inner = ", ".join("..." if part is ... else _type(part) for part in parts)
        return f"array[{inner}]"
    if origin is dict:
        return f"map[{_type(parts[0])}, {_type(parts[1])}]"
    if parts:
        return " | ".join(_type(part) for part in parts)
    if annotation is type(None):
        return "nil"
    return "int" if issubclass(annotation, IntEnum) else annotation.__name__
