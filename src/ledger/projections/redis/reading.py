"""From what stands in Redis back to rows, for audits and for readers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ledger.projections.contract import Row
from ledger.projections.redis.names import BOOK, LEVELS, Names
from ledger.projections.redis.rows import COLUMNS


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
