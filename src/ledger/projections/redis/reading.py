"""From what stands in Redis back to rows, for audits and for readers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import msgspec
from msgspec.structs import replace

from ledger.config import Settings
from ledger.projections.contract import Offset, Row
from ledger.projections.redis.names import BOOK, LEVELS, META, POSITION, Names
from ledger.projections.redis.rows import COLUMNS
from ledger.projections.redis.server import Server


def kinds_of(client: Any, key: bytes) -> tuple[str, list[Any]]:
    """(type, flat content) of a key, as the library's dump gives it."""
    kind = client.type(key).decode()
    if kind == "hash":
        return kind, [part for pair in client.hgetall(key).items() for part in pair]
    if kind == "zset":
        return kind, [part for pair in client.zrange(key, 0, -1, withscores=True) for part in pair]
    return kind, []


def as_row(names: Names, key: bytes, kind: bytes | str, content: list[Any]) -> Row:
    """The row that a key stands for; a key of a wrong type is a row whose values differ from any other."""
    text = key.decode()
    table = names.table_of(text)
    kind = kind if isinstance(kind, str) else kind.decode()
    if kind != ("zset" if table == LEVELS else "hash"):
        return Row(table, (text,), 0, tuple(f"(a key of type {kind})" for _ in COLUMNS[table]))
    if table == LEVELS:
        return _levels(names, text, content)
    fields = {content[i].decode(): content[i + 1].decode() for i in range(0, len(content), 2)}
    version = fields.pop("version", "")
    values = tuple(fields.get(name, "(absent)") for name in COLUMNS[table])
    return Row(table, (text,), int(version) if version.isdigit() else 0, values)


def _levels(names: Names, key: str, content: list[Any]) -> Row:
    version = 0
    levels: list[str] = []
    for i in range(0, len(content), 2):
        member, score = content[i].decode(), float(content[i + 1])
        if member.startswith("@"):
            version = int(member[1:])
        elif float(member.split(":")[0]) == score:
            levels.append(member)
        else:
            levels.append(f"{member}(score {score})")
    if names.side_of(key) == "bid":
        levels.reverse()
    return Row(LEVELS, (key,), version, (" ".join(levels),))


def with_versions(names: Names, rows: Iterable[Row]) -> list[Row]:
    """Give the sets of levels the version of their companion hash, and an empty side, which has no key, its row."""
    by_key = {row.key[0]: row for row in rows}
    for key, row in list(by_key.items()):
        if row.table == BOOK:
            for side in ("bid", "ask"):
                beside = names.beside(key, side)
                found = by_key.get(beside, Row(LEVELS, (beside,), 0, ("",)))
                by_key[beside] = replace(found, version=row.version)
    return list(by_key.values())


@final
class Reader:
    """Positions and books for programs: what is absent is None, and an error is an error."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self._server = Server(settings, partition)
        self._names = Names(settings)
        self._partition = partition

    def place(self) -> str | None:
        """Up to where the trading journal is here; the lowest of a cluster's masters."""
        found: list[int] = []
        for key in self._server.offset_keys():
            text = self._server.call(lambda client, key=key: client.hget(key, "trading"))
            if text is None:
                return None
            found.append(msgspec.json.decode(text, type=Offset).seq)
        return f"trading/{self._partition}:{min(found)}" if found else None

    def position(self, strategy: str, symbol: str) -> dict[str, Any] | None:
        """The fields of one position."""
        return self._fields(self._names.position(strategy, symbol))

    def positions(self, strategy: str, symbol: str) -> list[dict[str, Any]]:
        """All of them, or those of a strategy or symbol."""
        keys = sorted(key.decode() for key in self._server.scan(self._names.globs(POSITION)))
        rows = [row for key in keys if (row := self._fields(key)) is not None]
        return [row for row in rows if strategy in ("", row["strategy_id"]) and symbol in ("", row["symbol"])]

    def top_levels(self, symbol: str, count: int) -> dict[str, Any] | None:
        """The book of the symbol's primary exchange, its best `count` levels of each side."""
        meta = self._fields(self._names.book(symbol, "", "", META))
        if meta is None:
            return None
        if count < 1:
            return {**meta, "bids": [], "asks": []}
        sides: dict[str, Any] = {}
        for side, descending in (("bid", True), ("ask", False)):
            key = self._names.book(symbol, "", "", side)
            members: list[bytes] = self._server.call(
                lambda client, key=key, descending=descending: client.zrange(
                    key, 0, count - 1, desc=descending
                )
            )
            levels = [member.decode().split(":") for member in members if not member.startswith(b"@")]
            sides[f"{side}s"] = levels
        return {**meta, **sides}

    def close(self) -> None:
        """Let the connection go."""
        self._server.close()

    def _fields(self, key: str) -> dict[str, Any] | None:
        found: dict[bytes, bytes] = self._server.call(lambda client: client.hgetall(key))
        return {name.decode(): value.decode() for name, value in found.items()} or None
