"""From what a caller gives to bytes for a door: checked, numbered, scaled.

A caller's fields become the message's text form, the same that JSON has. Where the instrument is known and all numbers
fit it, that becomes msgpack with scaled integers. Where not, the text itself is sent as JSON, so that it is always the
ledger that judges: it answers a command with its code, and sets a fact aside without losing a digit.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final, cast, final

import msgspec
from msgspec import Struct

from ledger.client.conversation import Body
from ledger.domain.commands import COMMANDS, DefineInstrument
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.journal import partition_of
from ledger.wire import Misfit, Query, fields_of, read, text_type

Scales = tuple[int, int]
NO_COMMAND_ID: Final = b""

_DOOR: Final[dict[type, str]] = {
    **dict.fromkeys(COMMANDS, "commands"),
    **dict.fromkeys(REPORTS, "reports"),
    **dict.fromkeys(MARKET_DATA, "market"),
}
_KINDS: Final = {kind.__name__: kind for kind in _DOOR}
_TEXT: Final[dict[type, type[Struct]]] = {text_type(kind): kind for kind in _DOOR}
_DECIMALS: Final = frozenset(("px", "qty", "money", "fee", "decimal8"))
_SCALED: Final = frozenset(("px", "qty", "money", "levels"))

_packed: Final = msgspec.msgpack.Encoder()
_text: Final = msgspec.json.Encoder()


def kind_of(message: Struct) -> type[Struct]:
    """The message type of a draft or of a message itself; raises TypeError if it is neither."""
    found = type(message)
    kind = _TEXT.get(found, found)
    if kind not in _DOOR:
        raise TypeError(f"{found.__name__} is no command and no fact")
    return kind


def door_of(message: Struct) -> str:
    """The door that takes it: commands, reports or market."""
    return _DOOR[kind_of(message)]


def _number(name: str, value: Any) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{name} {value} is not a number")
        return format(value, "f")
    return str(value)


def _plain(name: str, unit: str, value: Any) -> Any:
    if isinstance(value, float):
        raise TypeError(
            f"{name} {value!r} is a float, which holds no decimal exactly; give a Decimal, text or an int"
        )
    if isinstance(value, IntEnum):
        return value.name
    if unit in _DECIMALS and isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        return _number(name, value)
    if unit == "uuid":
        return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) else str(value)
    if unit == "levels":
        return [
            [_plain(name, "px", px), _plain(name, "qty", qty)]
            for px, qty in cast("list[tuple[Any, Any]]", value)
        ]
    return value


@functools.cache
def _units(kind: type[Struct]) -> dict[str, str]:
    return {field.name: field.unit for field in fields_of(kind)}


def draft(kind: type[Struct], fields: Mapping[str, Any]) -> Struct:
    """The text form of a message; raises TypeError for a float, ValueError for fields that are none or missing."""
    units = _units(kind)
    values = {name: _plain(name, units.get(name, ""), value) for name, value in fields.items()}
    try:
        return msgspec.convert(values, text_type(kind))
    except msgspec.ValidationError as error:
        raise ValueError(f"{kind.__name__}: {error}") from None


def named_draft(message: Mapping[str, Any]) -> tuple[type[Struct], dict[str, Any]]:
    """Type and fields of a message in its JSON form; raises ValueError for an unknown type."""
    fields = dict(message)
    name = fields.pop("type", "")
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"type {name!r} is none of {', '.join(_KINDS)}")
    return kind, fields


@final
class Numbering:
    """Gives commands their ids and facts their source, run and number. One number line for each door."""

    def __init__(self, source: str, epoch: int, new_id: Callable[[], bytes]) -> None:
        self.source = source
        self.epoch = epoch
        self._new_id = new_id
        self._last: dict[tuple[str, int], int] = {}
        self.partitions = 1
        """Each partition judges the numbers by itself, so each has a number line of its own."""

    @contextmanager
    def all_or_none(self) -> Generator[None]:
        """If the block raises, the numbers it gave are given again: a hole would be taken for a lost fact."""
        before = dict(self._last)
        try:
            yield
        except BaseException:
            self._last = before
            raise

    def fill(self, kind: type[Struct], fields: dict[str, Any]) -> dict[str, Any]:
        """The fields with what the caller left to us."""
        door = _DOOR[kind]
        if door == "commands":
            if not fields.get("command_id"):
                fields["command_id"] = self._new_id()
        elif "source_seq" not in fields:
            symbol = str(fields.get("symbol") or "")
            line = (door, partition_of(symbol, self.partitions) if symbol else 0)
            self._last[line] = self._last.get(line, 0) + 1
            fields.setdefault("source", self.source)
            fields.setdefault("source_epoch", self.epoch)
            fields["source_seq"] = self._last[line]
        else:
            fields.setdefault("source", self.source)
            fields.setdefault("source_epoch", self.epoch)
        return fields

    def complete(self, message: Struct | Mapping[str, Any]) -> Struct:
        """A message or its JSON form, ready to be scaled."""
        if isinstance(message, Mapping):
            kind, fields = named_draft(message)
            return draft(kind, self.fill(kind, fields))
        if _DOOR.get(type(message)) == "commands" and cast(Any, message).command_id == NO_COMMAND_ID:
            return msgspec.structs.replace(message, command_id=self._new_id())
        return message


@functools.cache
def _scaled_fields(kind: type[Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in fields_of(kind) if field.unit in _SCALED)


def _needs_scales(message: Struct) -> bool:
    kind = _TEXT.get(type(message))
    if kind is None or kind is DefineInstrument:
        return False
    return any(getattr(message, name) is not None for name in _scaled_fields(kind))


def symbols_needed(messages: Iterable[Struct], known: Mapping[str, Any]) -> set[str]:
    """The symbols whose scales must be asked for before these can be scaled."""
    return {
        symbol
        for message in messages
        if (symbol := getattr(message, "symbol", "")) and symbol not in known and _needs_scales(message)
    }


def _key(message: Any) -> Any:
    if hasattr(message, "command_id"):
        command_id = message.command_id
        return command_id if isinstance(command_id, bytes) else uuid.UUID(command_id).bytes
    return (message.source, message.source_epoch, message.source_seq)


def body(message: Struct, scales: Mapping[str, Scales | None]) -> Body:
    """The bytes of one message; raises ValueError for a command_id that is no UUID."""
    key = _key(message)
    kind = _TEXT.get(type(message))
    if kind is None:
        return Body(key, _packed.encode(message))
    known = scales.get(getattr(message, "symbol", ""))
    if known is None and _needs_scales(message):
        return Body(key, _text.encode(message), json=True)
    try:
        return Body(key, _packed.encode(read(kind, message, known or (0, 0))))
    except (Misfit, OverflowError):
        return Body(key, _text.encode(message), json=True)


def query_body(query: Query) -> Body:
    """The bytes of a question."""
    return Body(query.id, _packed.encode(query))
