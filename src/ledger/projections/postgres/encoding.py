"""Records as PostgreSQL's binary COPY has them, a whole table in one piece, so that it is sent in few steps.

Made column by column: the same names, numbers and times come again and again, and each is encoded once. The thread that
sends then waits for the server only, and another one makes the next batch meanwhile.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import Any, Final

import psycopg
from psycopg.adapt import PyFormat

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_length = struct.Struct(">i").pack
_int8 = struct.Struct(">iq").pack
_int4 = struct.Struct(">ii").pack
_int2 = struct.Struct(">ih").pack
_count = struct.Struct(">h").pack
Encode = Callable[[Sequence[Any]], Iterable[bytes]]


def copy_of(kinds: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]) -> bytes:
    """Everything that COPY is sent: some rows after others, given as columns of these PostgreSQL types; None is NULL.

    Raises UnicodeError, psycopg.DataError for a value that its column cannot hold.
    """
    begin = repeat(_count(len(kinds)))
    parts = [_HEADER]
    for chunk in chunks:
        try:
            columns = [_ENCODERS[kind](column) for kind, column in zip(kinds, chunk, strict=True)]
        except (struct.error, TypeError) as error:
            raise psycopg.DataError(f"a value does not fit its column: {error}") from error
        parts.append(b"".join(chain.from_iterable(zip(begin, *columns, strict=False))))
    return b"".join((*parts, _TRAILER))


def _by_value(make: Callable[[Any], bytes]) -> Encode:
    """An encoder that makes the bytes of each value once, where the column has few of them."""

    def encode(column: Sequence[Any]) -> Iterable[bytes]:
        distinct = set(column)
        if 2 * len(distinct) > len(column):
            return [_NULL if value is None else make(value) for value in column]
        known = {value: _NULL if value is None else make(value) for value in distinct}
        return [known[value] for value in column]

    return encode


def _integers(column: Sequence[Any]) -> Iterable[bytes]:
    return [_NULL if value is None else _int8(8, value) for value in column]


def _text(value: str) -> bytes:
    content = value.encode()
    return _length(len(content)) + content


def _time(moment: datetime) -> bytes:
    return _int8(8, (moment - _EPOCH) // _MICROSECOND)


_DUMP: Final = psycopg.adapters.get_dumper(Decimal, PyFormat.BINARY)(Decimal).dump
"""psycopg's own, the compiled one where there is one."""


_REMEMBERED: Final = 65_536
_NUMBERS: dict[int, tuple[Any, bytes]] = {}
"""Numbers met, by identity, with their bytes: `exact` gives the same object for the same number, most often, and one
that stands here lives, so that no other can have its identity. A Decimal's hash costs more than its bytes."""


def _numbers(column: Sequence[Any]) -> Iterable[bytes]:
    known = _NUMBERS
    if len(known) > _REMEMBERED:
        known.clear()
    found: list[bytes] = []
    for number in column:
        each = known.get(id(number))
        if each is None:
            each = known[id(number)] = (number, _number(number))
        found.append(each[1])
    return found


def _number(number: Decimal | None) -> bytes:
    if number is None:
        return _NULL
    content = bytes(_DUMP(number) or b"")
    return _length(len(content)) + content


_ENCODERS: Final[dict[str, Encode]] = {
    "text": _by_value(_text),
    "timestamptz": _by_value(_time),
    "numeric": _numbers,
    "bool": _by_value(lambda value: b"\0\0\0\1\1" if value else b"\0\0\0\1\0"),
    "int8": _integers,
    "int4": _by_value(lambda value: _int4(4, value)),
    "int2": _by_value(lambda value: _int2(2, value)),
}
