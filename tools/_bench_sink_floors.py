"""What stands beneath the projections' figures: empty servers, and Redis written to with plain commands, packed ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import actors
from _bench_result import check
from ledger.codec import decode_events
from ledger.config import Settings
from ledger.fold import MarketFold, TradingFold
from ledger.journal import JournalReader
from ledger.projections import Projection, Row
from ledger.projections.postgres.connecting import Target
from ledger.projections.questdb.server import Server as QuestdbServer
from ledger.projections.questdb.tables import COLUMNS as QUESTDB
from ledger.projections.questdb.tables import OFFSETS
from ledger.projections.redis.names import LEVELS
from ledger.projections.redis.rows import COLUMNS
from ledger.projections.redis.server import Server as RedisServer

EVENTS_EACH: Final = 5_000
"""Of each journal, where every event is written by itself."""


def empty(name: str, settings: Settings) -> None:
    """Everything of an earlier run is gone."""
    if name == "postgres":
        with Target.of(settings).connect("bench") as connection:
            connection.execute("drop schema if exists ledger cascade")
    elif name == "redis":
        server = RedisServer(settings, 0)
        server.call(lambda client: client.flushall())
        server.close()
    else:
        questdb = QuestdbServer(settings)
        for table in (*QUESTDB, OFFSETS):
            questdb.exec(f"DROP TABLE IF EXISTS {table}")
        questdb.close()


@dataclass(frozen=True)
class Each:
    """Rows of every event by itself."""

    rows: list[Row]
    events: int


def rows_of_each_event(data: Path, sink: Projection) -> Each:
    """What a client writes that does not put events together: after each one, the rows of what it changed."""
    rows: list[Row] = []
    count = 0
    for journal in sink.journals:
        entities = actors.Entities()
        states = sink.builders(journal).states
        dirty: dict[str, set[Any]] = {kind: set() for kind in states}
        stores: dict[str, actors.Store[Any, Any]] = {
            kind: entities.store(kind, dirty=keys) for kind, keys in dirty.items()
        }
        fold = (TradingFold if journal == "trading" else MarketFold)(0, entities)
        for seq, now, event in _events(data, journal):
            if seq > EVENTS_EACH:
                break
            count += 1
            fold.apply(seq, now, event)
            entities.install()
            for kind, keys in dirty.items():
                for key in keys:
                    rows += states[kind](key, stores[kind].states[key], fold)
                keys.clear()
    return Each(rows, count)


def _events(data: Path, journal: str) -> Iterator[tuple[int, int, Any]]:
    with JournalReader(data, journal, 0, wal=False) as reader:
        for frame in reader.frames():
            for seq, event in enumerate(decode_events(frame.payload), frame.first_seq):
                yield seq, frame.recorded_at_ns, event


class Pipelines:
    """Rows as plain commands in pipelines of the configured size, packed before the clock runs."""

    def __init__(self, settings: Settings, rows: Sequence[Row]) -> None:
        commands = [command for row in rows for command in _commands(row)]
        size = settings.redis.performance.pipeline_size
        self._server = RedisServer(settings, 0)
        self._client: Any = self._server.call(lambda client: client)
        self._connection: Any = self._client.connection_pool.get_connection()
        self._packed = [
            (self._connection.pack_commands(part), len(part))
            for part in (commands[at : at + size] for at in range(0, len(commands), size))
        ]
        self._keys = {row.key[0] for row in rows if row.values not in ((), ("",))}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            found = int(self._client.dbsize())
            check(found <= len(self._keys) and found > 0, f"{found} keys stand in Redis")
        self._client.connection_pool.release(self._connection)
        self._server.close()

    def write(self) -> None:
        """All of them; every answer is read."""
        for packed, count in self._packed:
            self._connection.send_packed_command(packed)
            for _ in range(count):
                self._connection.read_response()


def _commands(row: Row) -> list[tuple[Any, ...]]:
    key = row.key[0]
    if not row.values:
        return [("DEL", key)]
    if row.table != LEVELS:
        pairs = [part for pair in zip(COLUMNS[row.table], row.values, strict=True) for part in pair]
        return [("HSET", key, *pairs, "version", str(row.version))]
    levels = [part for member in row.values[0].split() for part in (member.split(":")[0], member)]
    return [("DEL", key), *([("ZADD", key, *levels)] if levels else [])]
