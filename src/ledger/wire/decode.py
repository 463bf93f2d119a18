"""Bytes of a door to messages, a whole batch in one step; what cannot be decoded is answered, the rest goes on.

A payload is JSON (first byte `{` or `[`) or msgpack. JSON carries decimal text, which means nothing without the
instrument's scales, so it becomes a `TextMessage` that the engine reads in its turn.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any, Final, final

import msgspec
from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.commands import COMMANDS, Command
from ledger.domain.facts import MARKET_DATA, REPORTS, Fact, MarketData, Report
from ledger.wire.messages import ANSWERS, Answer, Query, answer_json
from ledger.wire.text import text_type

UNREADABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What a decoder raises for bytes that are no message: also for nesting without end and for text that is not UTF-8."""
_ABSENT: Final = msgspec.Raw()
_ID_BYTES_MAX: Final = 128
"""An id that takes more than this is none."""


@final
class TextMessage(Struct, frozen=True, gc=False):
    """A decoded JSON message before its numbers are scaled; `raw` is its own JSON text."""

    kind: type[Struct]
    text: Any
    raw: bytes


@final
class Malformed(Struct, frozen=True, gc=False):
    """An input that cannot be taken; the ids are those that could be read."""

    code: Code
    detail: str
    command_id: bytes = b""
    source: str = ""
    source_epoch: int = 0
    source_seq: int = 0


Input = Command | Fact | TextMessage | Malformed | Query


@final
class Batch(Struct, frozen=True, gc=False):
    """One message of a door: its inputs in order, and the form in which the answers go back."""

    inputs: list[Any]
    json: bool
    single: bool
    """A lone JSON object is answered by a lone object, everything else by an array."""


@final
class _Door(Struct, frozen=True):
    name: str
    kinds: tuple[type[Struct], ...]
    union: Any


_DOORS: Final = {
    "commands": _Door("commands", (*COMMANDS, Query), Command | Query),
    "reports": _Door("reports", (*REPORTS, Query), Report | Query),
    "market": _Door("market", (*MARKET_DATA, Query), MarketData | Query),
    "query": _Door("query", (Query,), Query),
    "stream": _Door("query", (Query,), Query),
}
"""A Query is taken at every door, so that a client which knows one of them can ask where the others are."""
_HOME: Final = {kind.__name__: door.name for door in _DOORS.values() for kind in door.kinds}
_TAG_HOME: Final = {
    kind.__struct_config__.tag: (kind.__name__, door.name) for door in _DOORS.values() for kind in door.kinds
}


@functools.cache
def _packed_decoder(door: str) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(list[_DOORS[door].union])


@functools.cache
def _text_decoders(door: str) -> dict[str, tuple[type[Struct], msgspec.json.Decoder[Any]]]:
    return {
        kind.__name__: (kind, msgspec.json.Decoder(_query_text() if kind is Query else text_type(kind)))
        for kind in _DOORS[door].kinds
    }


@functools.cache
def _query_text() -> type[Struct]:
    fields: list[Any] = [
        ("id", str, ""),
        ("what", str, "head"),
        ("filters", dict[str, str], {}),
        ("cursor", str, ""),
        ("limit", int, 1000),
    ]
    return msgspec.defstruct(
        "QueryText", fields, tag="Query", tag_field="type", frozen=True, forbid_unknown_fields=True
    )


class _Ids(Struct):
    """The ids of a text message, undecoded: what a hostile sender puts there is not built."""

    command_id: msgspec.Raw = _ABSENT
    source: msgspec.Raw = _ABSENT
    source_epoch: msgspec.Raw = _ABSENT
    source_seq: msgspec.Raw = _ABSENT


def _malformed_text(raw: bytes, code: Code, detail: str) -> Malformed:
    try:
        ids = msgspec.json.decode(raw, type=_Ids)
        command_id = _small(ids.command_id, msgspec.json.decode)
        return Malformed(
            code,
            detail,
            uuid.UUID(str(command_id)).bytes if command_id else b"",
            str(_small(ids.source, msgspec.json.decode) or "")[:64],
            _integer(_small(ids.source_epoch, msgspec.json.decode)),
            _integer(_small(ids.source_seq, msgspec.json.decode)),
        )
    except (*UNREADABLE, ValueError):
        return Malformed(code, detail)


def _small(raw: msgspec.Raw, decode: Callable[[msgspec.Raw], Any]) -> Any:
    """The value of an id; None where it is longer than any id may be, or cannot be read."""
    try:
        return decode(raw) if 0 < memoryview(raw).nbytes <= _ID_BYTES_MAX else None
    except UNREADABLE:
        return None


def _integer(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**63 else 0


class _Typed(Struct):
    type: str = ""


def _unknown(name: str, door: str) -> tuple[Code, str]:
    home = _HOME.get(name)
    if home is not None:
        return Code.MALFORMED, f"{name} belongs to the {home} door, this is {door}"
    known = ", ".join(kind.__name__ for kind in _DOORS[door].kinds)
    return Code.UNSUPPORTED, f"type {name[:50]!r} is not known here; known: {known}"


def _decode_text(raw: bytes, door: str) -> Any:
    try:
        name = msgspec.json.decode(raw, type=_Typed).type
    except UNREADABLE as error:
        return _malformed_text(raw, Code.MALFORMED, f"not a JSON object with a type: {error}")
    found = _text_decoders(door).get(name)
    if found is None:
        return _malformed_text(raw, *_unknown(name, door))
    try:
        text = found[1].decode(raw)
    except UNREADABLE as error:
        return _malformed_text(raw, Code.MALFORMED, f"{name}: {error}")
    if found[0] is Query:
        return Query(text.id, text.what, text.filters, text.cursor, text.limit)
    return TextMessage(found[0], text, raw)


class _Head(Struct, array_like=True):
    """The first elements of a packed message, undecoded: what follows them is checked and skipped, never built."""

    tag: msgspec.Raw = _ABSENT
    first: msgspec.Raw = _ABSENT
    second: msgspec.Raw = _ABSENT
    third: msgspec.Raw = _ABSENT


def _decode_packed_one(raw: msgspec.Raw, door: str) -> Any:
    try:
        head = msgspec.msgpack.decode(raw, type=_Head)
    except UNREADABLE:
        head = _Head()
    tag = _small(head.tag, msgspec.msgpack.decode)
    rest = [_small(part, msgspec.msgpack.decode) for part in (head.first, head.second, head.third)]
    if type(tag) is not int:
        return Malformed(Code.MALFORMED, "a msgpack message is an array whose first element is its type tag")
    name, home = _TAG_HOME.get(tag, ("", ""))
    ids = _packed_ids(rest, home)
    if home not in (door, "query"):
        code, detail = _unknown(name or f"tag {tag}", door)
        return Malformed(code, detail, *ids)
    try:
        return msgspec.msgpack.decode(raw, type=_DOORS[door].union)
    except UNREADABLE as error:
        return Malformed(Code.MALFORMED, f"{name}: {error}", *ids)


def _packed_ids(rest: list[Any], home: str) -> tuple[bytes, str, int, int]:
    first, second, third = rest
    if home == "commands" and isinstance(first, bytes) and len(first) == 16:
        return first, "", 0, 0
    if home in ("reports", "market") and isinstance(first, str):
        return b"", first[:64], _integer(second), _integer(third)
    return b"", "", 0, 0


def _packed_count(payload: bytes) -> int:
    """How many elements the msgpack array announces, before any is built; 0 where it is no array."""
    first = payload[0] if payload else 0
    if 0x90 <= first <= 0x9F:
        return first & 0x0F
    width = {0xDC: 2, 0xDD: 4}.get(first, 0)
    return int.from_bytes(payload[1 : 1 + width], "big")


def _decode_packed(payload: bytes, door: str) -> list[Any]:
    try:
        return _packed_decoder(door).decode(payload)
    except (msgspec.ValidationError, UnicodeDecodeError):
        pass  # perhaps of one element only: each by itself
    except UNREADABLE as error:
        return [Malformed(Code.MALFORMED, f"not a msgpack array of messages: {error}")]
    try:
        parts = msgspec.msgpack.decode(payload, type=list[msgspec.Raw])
    except UNREADABLE as error:
        return [Malformed(Code.MALFORMED, f"not a msgpack array of messages: {error}")]
    return [_decode_packed_one(part, door) for part in parts]


def decode_batch(payload: bytes, door: str, *, batch_max: int) -> Batch:
    """The inputs of one message at a door ("commands", "reports", "market", "query" or "stream"); never raises.

    What cannot be decoded becomes a Malformed in its place. A batch of more than `batch_max` is refused whole.
    """
    if payload[:1] == b"{":
        return Batch([_decode_text(payload, door)], json=True, single=True)
    if payload[:1] == b"[":
        return Batch(_decode_texts(payload, door, batch_max), json=True, single=False)
    count = _packed_count(payload)
    inputs = _decode_packed(payload, door) if count <= batch_max else [_too_many(str(count), batch_max)]
    return Batch(inputs, json=False, single=False)


def _too_many(count: str, batch_max: int) -> Malformed:
    return Malformed(Code.MALFORMED, f"{count} messages in one batch; send {batch_max} at most")


def _decode_texts(payload: bytes, door: str, batch_max: int) -> list[Any]:
    try:
        if payload.count(b",") >= batch_max:  # fewer commas, fewer messages
            count = len(msgspec.json.decode(payload, type=list[_TypedElement]))
            if count > batch_max:
                return [_too_many(str(count), batch_max)]
        parts = msgspec.json.decode(payload, type=list[msgspec.Raw])
    except UNREADABLE as error:
        return [Malformed(Code.MALFORMED, f"not a JSON array of messages: {error}")]
    return [_decode_text(bytes(part), door) for part in parts]


class _TypedElement(Struct, gc=False):
    """An element of a long JSON array, looked at before all of it is taken apart.

    JSON announces no count, and an element may be two bytes: 16 MiB could become eight million parts. The first
    element that names no type ends the look, so a long array with one such element is refused whole.
    """

    type: str


_packed: Final = msgspec.msgpack.Encoder()
_text: Final = msgspec.json.Encoder()


def encode_answers(answers: list[Answer], *, json: bool, single: bool) -> bytes:
    """The payload that answers a batch, in the form in which it came."""
    if not json:
        return _packed.encode(answers)
    if single and len(answers) == 1:
        return _text.encode(answer_json(answers[0]))
    return _text.encode([answer_json(answer) for answer in answers])


_answers: Final = msgspec.msgpack.Decoder(list[Answer])


def decode_answers(payload: bytes) -> list[Answer]:
    """The answers in a msgpack payload; raises msgspec.MsgspecError if it is none (a client's side of the door)."""
    return _answers.decode(payload)


def encode_messages(messages: list[Any]) -> bytes:
    """Commands, facts or queries as one msgpack payload (a client's side of the door)."""
    return _packed.encode(messages)


__all__ = [
    "ANSWERS",
    "Batch",
    "Input",
    "Malformed",
    "TextMessage",
    "decode_answers",
    "decode_batch",
    "encode_answers",
    "encode_messages",
]
