"""What an auditor knows of a sink: a digest of every row at one place, and a file that keeps them over its end.

The same row has the same digest in every process, whatever types its numbers have, so a start goes on from the file
instead of making every row of the journal anew. The file is a cache: one that is absent, torn, of another program or of
another history is not used.
"""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, final

import msgspec

from ledger.projections.contract import Offset, Row
from ledger.projections.parking import write_whole

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUS_ONE: Final = "minus one"
_pack = msgspec.msgpack.Encoder().encode


def digest_of(row: Row) -> int:
    """64 bits of a row; equal for equal rows, whatever types their numbers have."""
    return _digest([row.version, *[each if type(each) is str else _plain(each) for each in row.values]])


def name_of(table: str, key: tuple[Any, ...]) -> int:
    """64 bits of a place."""
    return _digest([table, *[each if type(each) is str else _plain(each) for each in key]])


def _digest(values: list[Any]) -> int:
    return int.from_bytes(blake2b(_pack(values), digest_size=8).digest(), "big")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, datetime):
        return [(value - _EPOCH) // _MICROSECOND]
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]  # type: ignore[reportUnknownVariableType]
    if isinstance(value, str):
        return str(value)
    # Numbers hash alike in every process and whatever their type, but -1 and -2 have one hash.
    return _MINUS_ONE if value == -1 else hash(value)


@final
class Digests(msgspec.Struct, frozen=True):
    """Of all rows at a place."""

    form: str
    """Of the program that made the rows."""
    offset: Offset
    known: dict[int, int]
    """Digest of each row by that of its place."""


@final
class _Stored(msgspec.Struct, frozen=True):
    form: str
    offset: Offset
    content: bytes
    """Names, then digests, 8 bytes each, as this machine has them."""
    check: bytes


def save_digests(path: Path, digests: Digests) -> None:
    """Replace the file; not synced, as `check` tells a torn one."""
    content = array("Q", digests.known).tobytes() + array("Q", digests.known.values()).tobytes()
    stored = _Stored(digests.form, digests.offset, content, blake2b(content).digest())
    write_whole(path, _pack(stored), sync=False)


def read_digests(path: Path, form: str) -> Digests | None:
    """What was saved by a program of this form; None where there is none that can be used."""
    try:
        stored = msgspec.msgpack.decode(path.read_bytes(), type=_Stored)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    if stored.form != form or stored.check != blake2b(stored.content).digest():
        return None
    both = array("Q", stored.content)
    half = len(both) // 2
    return Digests(form, stored.offset, dict(zip(both[:half], both[half:], strict=True)))
