"""Some keys at a time, for an audit that goes on all the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ledger.projections.contract import Offset, Picked, Row
from ledger.projections.errors import SinkDown
from ledger.projections.redis.names import BOOK, LEVELS, META, Names
from ledger.projections.redis.reading import as_row, kinds_of, with_versions
from ledger.projections.redis.server import Server

_LOOKS_MAX: Final = 20
_SIDES: Final = ("bid", "ask", META)


def pick(server: Server, names: Names, journal: str, places: Sequence[tuple[str, tuple[Any, ...]]]) -> Picked:
    """The rows of these places, of one moment. Raises SinkDown."""
    wanted = set(places)
    picked = pick_keys(server, names, journal, [key[0] for _, key in places])
    return replace(picked, rows=tuple(row for row in picked.rows if (row.table, row.key) in wanted))


def scan(server: Server, globs: Sequence[str], after: Any, limit: int) -> tuple[list[bytes], Any]:
    """(some keys after a cursor, the cursor behind them). Raises SinkDown."""
    at, cursor = after or (0, 0)
    if server.is_cluster:
        found = list(server.scan(globs[at]))
    else:
        cursor, found = server.call(lambda client: client.scan(cursor=cursor, match=globs[at], count=limit))
    if server.is_cluster or cursor == 0:
        at, cursor = at + 1, 0
    return found, (at, cursor) if at < len(globs) else None


def pick_keys(server: Server, names: Names, journal: str, keys: Sequence[str]) -> Picked:
    """What stands under these keys, of one moment; of each book all three. Raises SinkDown."""
    whole: dict[str, None] = {}
    for key in keys:
        if names.table_of(key) in (BOOK, LEVELS):  # the levels have the version of their companion
            whole |= dict.fromkeys(names.beside(key, side) for side in _SIDES)
        else:
            whole[key] = None
    return (_from_cluster if server.is_cluster else _from_one)(server, names, journal, list(whole))


def _from_one(server: Server, names: Names, journal: str, keys: list[str]) -> Picked:
    offset_key = server.offset_keys()[0]
    found: list[Any] = server.call(
        lambda client: client.fcall("ledger_pick", len(keys) + 1, offset_key, *keys, journal)
    )
    if not found[0]:
        raise SinkDown(f"Redis at {server.where} holds nothing of this ledger")
    return _picked(
        names, msgspec.json.decode(found[0], type=Offset), [as_row(names, *each) for each in found[1:]]
    )


def _from_cluster(server: Server, names: Names, journal: str, keys: list[str]) -> Picked:
    """Read until the offsets of all masters stood still meanwhile."""

    def offset() -> Offset:
        texts = [
            server.call(lambda client, key=key: client.hget(key, journal)) for key in server.offset_keys()
        ]
        if not all(texts):
            raise SinkDown(f"Redis at {server.where} holds nothing of this ledger")
        return min((msgspec.json.decode(text, type=Offset) for text in texts), key=lambda each: each.seq)

    for _ in range(_LOOKS_MAX):
        before = offset()
        rows: list[Row] = []
        for key in keys:
            kind, content = server.call(lambda client, key=key: kinds_of(client, key.encode()))
            if kind != "none":
                rows.append(as_row(names, key.encode(), kind, content))
        if offset() == before:
            return _picked(names, before, rows)
    raise SinkDown("the cluster moves on while it is read", "it is looked at again")


def _picked(names: Names, offset: Offset, rows: list[Row]) -> Picked:
    return Picked(offset, tuple(with_versions(names, rows)), _everything)


def _everything(_row: Row) -> bool:
    return True
