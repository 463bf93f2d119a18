"""The sink that writes rows into Redis and reads them back for audits."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ledger.config import Settings
from ledger.errors import Rejected
from ledger.journal import partition_of
from ledger.projections.building import Builders
from ledger.projections.contract import Batch, Offset, Picked, Row
from ledger.projections.errors import Fenced, Misplaced, SinkDown
from ledger.projections.redis.names import BOOK, LEVELS, META, POSITION, REBUILD, SESSION
from ledger.projections.redis.picking import pick, pick_keys, scan
from ledger.projections.redis.reading import as_row, kinds_of, with_versions
from ledger.projections.redis.rows import COLUMNS, RowMaker
from ledger.projections.redis.server import Server

Entry = list[Any]
_BEHIND: Final = {"bid": "-inf", "ask": "inf"}
_PACK: Final = msgspec.msgpack.Encoder()
_NOTHING: Final = _PACK.encode([])
_LOOKS_MAX: Final = 20


Tick = tuple[str, bytes]
"""(channel, message)."""


@final
class _Ready(Struct, frozen=True):
    """A batch as it is to be written."""

    entries: list[Entry]
    packed: bytes
    """The entries in one piece, where one call takes all of them."""
    ticks: list[Tick]


@final
class Look(Struct, frozen=True):
    """What stood in Redis at one moment."""

    offset: Offset
    found: tuple[Row, ...]

    def rows(self) -> Iterator[Row]:
        """Every row under the projection's keys."""
        return iter(self.found)

    def keeps(self, _row: Row) -> bool:
        """Everything: nothing here is dropped by age while a projector runs."""
        return True


@final
class RedisSink:
    """One partition's keys. Not to be shared between threads."""

    name = "redis"
    journals: Sequence[str] = ("trading", "market")
    shared = False

    def __init__(self, settings: Settings, partition: int, prefix: str = "") -> None:
        """`prefix` stands before every key: of a rebuild."""
        structures, cache = settings.redis.data_structures, settings.cache
        self._settings = settings
        self._prefix = prefix
        self._maker = RowMaker(settings, partition, prefix)
        self._server = Server(settings, partition, prefix)
        self._partition, self._partitions = partition, settings.engine.partitions
        self._group = (
            settings.redis.performance.pipeline_size if settings.redis.performance.pipeline_enabled else 1
        )
        self._book_ttl_ms = structures.order_books.ttl_seconds * 1000
        self._ttl_ms = {
            SESSION: structures.sessions.ttl_seconds * 1000,
            LEVELS: self._book_ttl_ms,
            BOOK: self._book_ttl_ms,
            POSITION: 0,
        }
        self._heartbeat_s = cache.heartbeat_interval_ms / 1000
        self._assert_s = structures.positions.ttl_seconds / 3
        self._publishes = cache.publish_market_data and not prefix
        self._lineage = ""
        self._generations: dict[str, str] = {}
        """By offset key: the number of our claim."""
        self._seen: dict[tuple[str, str], str] = {}
        """(offset key, journal) -> the stored offset as last read or written."""
        self._kept: dict[str, Entry] = {}
        """The newest entry of each position, to be asserted again."""
        self._book_keys: set[str] = set()
        self._beaten = self._asserted = time.monotonic()
        self._evicted: int | None = None

    def builders(self, journal: str) -> Builders:
        """See rows."""
        return self._maker.builders(journal)

    def columns(self, table: str) -> Sequence[str]:
        """The fields of a key."""
        return COLUMNS[table]

    def close(self) -> None:
        """Let the connection go."""
        self._server.close()

    # ---- the offset ----------------------------------------------------------------------------------------

    def claim(self, lineage: str) -> None:
        """Become the writer on every master. Raises SinkDown, Misplaced for a Redis that holds another ledger."""
        self._lineage = lineage
        self._server.load_library()
        who = f"{socket.gethostname()}:{os.getpid()}"
        self._generations = {
            key: self._told(self._fcall("ledger_claim", [key], lineage, who))
            for key in self._server.offset_keys()
        }
        self._book_keys = {key.decode() for key in self._server.scan(self._maker.names.globs(BOOK))}

    def offset(self, journal: str) -> Offset | None:
        """The lowest of all masters; None where one has none: what it held must be written again."""
        self._maintain()
        keys = self._server.offset_keys()
        if self._generations and set(keys) != set(self._generations):
            self.claim(self._lineage)  # masters came or went
        found: list[Offset] = []
        missing = False
        for key in keys:
            stored: bytes | None = self._server.call(lambda client, key=key: client.hget(key, journal))
            self._seen[key, journal] = text = (stored or b"").decode()
            missing |= not text
            if text:
                found.append(msgspec.json.decode(text, type=Offset))
        return None if missing or not found else min(found, key=lambda offset: offset.seq)

    def prepare(self, batch: Batch) -> _Ready:
        """Entries, packed, and the hints of market data."""
        entries = [self._entry(row) for row in batch.rows]
        publishes = batch.to.journal == "market" and self._publishes
        return _Ready(
            entries,
            b"" if self._server.is_cluster else _PACK.encode(entries),
            self._ticks(batch) if publishes else [],
        )

    def apply(self, batch: Batch) -> None:
        """Rows and offset; a cluster gets the rows first, each guarded by its version, then each master's offset."""
        ready: _Ready = batch.ready or self.prepare(batch)
        new = msgspec.json.encode(batch.to).decode()
        if self._server.is_cluster:
            self._put_all(ready.entries)
            self._move_offsets(batch, new, [], _NOTHING)
        else:
            self._move_offsets(batch, new, [entry[1] for entry in ready.entries], ready.packed)
        for row, entry in zip(batch.rows, ready.entries, strict=True):
            self._remember(row, entry)
        if ready.ticks:
            self._server.publish(ready.ticks)
        self._maintain()

    def _move_offsets(self, batch: Batch, new: str, keys: list[str], packed: bytes) -> None:
        journal = batch.to.journal
        before = msgspec.json.encode(batch.before).decode() if batch.before.epoch else ""
        if not self._generations:
            raise SinkDown("Redis was not claimed")
        for key, generation in self._generations.items():
            # Masters of a cluster may stand apart after a failure: each is expected where it was seen.
            seen = self._seen.get((key, journal), before) if self._server.is_cluster else before
            answer = self._fcall(
                "ledger_apply", [key, *keys], self._lineage, generation, journal, seen, new, packed
            )
            self._told(answer)
            self._seen[key, journal] = new

    def _told(self, answer: list[Any]) -> str:
        kind, detail = (part.decode() if isinstance(part, bytes) else str(part) for part in answer)
        if kind == "LINEAGE":
            raise Misplaced(
                f"Redis at {self._server.where} holds another ledger (lineage {detail})",
                "use another Redis or another database number, or flush that one",
            )
        if kind == "FENCED":
            raise Fenced(
                f"another projector writes to Redis at {self._server.where} (claim {detail})",
                "only one may run; `ledger projections status` shows ours",
            )
        if kind == "LOST":
            raise SinkDown(
                f"Redis at {self._server.where} has lost its offset, or has another: {detail or 'none'}"
            )
        return detail

    # ---- entries -------------------------------------------------------------------------------------------

    def _entry(self, row: Row) -> Entry:
        key = row.key[0]
        if not row.values:
            return ["d", key, row.version, 0, ""]
        ttl = self._ttl_ms[row.table]
        if row.table != LEVELS:
            entry = ["h", key, row.version, ttl, ""]
            for name, value in zip(COLUMNS[row.table], row.values, strict=True):
                entry += [name, value]
            return [*entry, "version", str(row.version)]
        side = self._maker.names.side_of(key)
        guard = "" if self._server.is_cluster else self._maker.names.beside(key, META)
        entry = ["z", key, row.version, ttl, guard]
        if self._server.is_cluster:
            entry += [_BEHIND[side], f"@{row.version}"]
        for member in row.values[0].split():
            entry += [member.split(":")[0], member]
        return entry  # without a member: an empty side has no key

    def _put_all(self, entries: Sequence[Entry]) -> None:
        for group in self._server.groups(entries):
            for start in range(0, len(group), self._group):
                part = group[start : start + self._group]
                self._told(self._fcall("ledger_put", [entry[1] for entry in part], _PACK.encode(part)))

    def _remember(self, row: Row, entry: Entry) -> None:
        if row.table == POSITION:
            self._kept[entry[1]] = entry
        elif row.table in (LEVELS, BOOK):
            self._book_keys.add(entry[1])

    def _fcall(self, function: str, keys: Sequence[str], *arguments: str | bytes) -> list[Any]:
        return self._server.call(lambda client: client.fcall(function, len(keys), *keys, *arguments))

    # ---- upkeep --------------------------------------------------------------------------------------------

    def _maintain(self) -> None:
        """Renew the books' time of life, assert positions again, and notice what the server evicted."""
        now = time.monotonic()
        if now - self._beaten >= self._heartbeat_s:
            self._beaten = now
            self._renew()
            self._notice_eviction()
        if now - self._asserted >= self._assert_s:
            self._asserted = now
            self._put_all(list(self._kept.values()))

    def _renew(self) -> None:
        keys = sorted(self._book_keys)

        def renew(client: Any) -> None:
            with client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.pexpire(key, self._book_ttl_ms)
                pipeline.execute()

        if keys:
            self._server.call(renew)

    def _notice_eviction(self) -> None:
        evicted = self._server.evicted()
        before, self._evicted = self._evicted, evicted
        if before is not None and evicted > before:
            for key in self._generations:
                self._server.call(lambda client, key=key: client.hdel(key, *self.journals))
            raise SinkDown(
                f"Redis at {self._server.where} evicted {evicted - before} keys: all are written again",
                "give it more memory, and maxmemory-policy noeviction",
            )

    def _ticks(self, batch: Batch) -> list[Tick]:
        fold, epoch = batch.fold, batch.to.epoch
        return [
            self._maker.tick(
                fold.books.states[row.values[1], row.values[0]], fold.instruments.states[row.values[0]], epoch
            )
            for row in batch.rows
            if row.table == BOOK
        ]

    # ---- audits --------------------------------------------------------------------------------------------

    @contextmanager
    def look(self, journal: str) -> Generator[Look]:
        """Rows and offset of one moment; a cluster is read until its offsets did not move meanwhile.

        Raises SinkDown.
        """
        self._server.load_library()
        yield self._look_at_cluster(journal) if self._server.is_cluster else self._look_at_one(journal)

    def _tables(self, journal: str) -> tuple[str, ...]:
        return (BOOK,) if journal == "market" else (POSITION, SESSION)

    def _is_ours(self, key: str) -> bool:
        """Whether the key is of this partition."""
        table = self._maker.names.table_of(key)
        if table in ("", SESSION):
            return table == SESSION and self._partition == 0
        return partition_of(self._maker.names.symbol_of(key), self._partitions) == self._partition

    def _look_at_one(self, journal: str) -> Look:
        names = self._maker.names
        patterns = [names.globs(table) for table in self._tables(journal)]
        found = self._fcall("ledger_dump", self._server.offset_keys(), journal, *patterns)
        if not found[0]:
            raise SinkDown(f"Redis at {self._server.where} holds nothing of this ledger")
        rows = [as_row(names, *each) for each in found[1:] if self._is_ours(each[0].decode())]
        return Look(msgspec.json.decode(found[0], type=Offset), tuple(with_versions(names, rows)))

    def _look_at_cluster(self, journal: str) -> Look:
        for _ in range(_LOOKS_MAX):
            before = self.offset(journal)
            rows = [
                row for table in self._tables(journal) for row in self._read(self._maker.names.globs(table))
            ]
            if before is not None and self.offset(journal) == before:
                return Look(before, tuple(rows))
        raise SinkDown(
            "the cluster moves on while it is read", "stop the feed for a moment, then audit again"
        )

    def _read(self, pattern: str) -> Iterator[Row]:
        for key in self._server.scan(pattern):
            if not self._is_ours(key.decode()):
                continue
            kind, content = self._server.call(lambda client, key=key: kinds_of(client, key))
            if kind != "none":
                yield as_row(self._maker.names, key, kind, content)

    def pick(self, journal: str, places: Sequence[tuple[str, tuple[Any, ...]]]) -> Picked:
        """See `contract.Sampled`."""
        return pick(self._server, self._maker.names, journal, places)

    def scan(self, journal: str, after: Any, limit: int) -> tuple[Picked, Any]:
        """By SCAN, pattern after pattern; a cluster all at once."""
        globs = [self._maker.names.globs(table) for table in self._tables(journal)]
        found, behind = scan(self._server, globs, after, limit)
        keys = [key for each in found if self._is_ours(key := each.decode())]
        return pick_keys(self._server, self._maker.names, journal, keys), behind

    def repair(self, rows: Sequence[Row], surplus: Sequence[tuple[str, tuple[Any, ...]]], at: Offset) -> None:
        """Write these rows whatever stands there, and remove the surplus, if the offset still is `at`."""
        if self.offset(at.journal) != at:
            raise Fenced("the projection has moved on since it was looked at", "audit again")
        self._delete([*(key[0] for _, key in surplus), *(row.key[0] for row in rows)])
        self._put_all([self._entry(row) for row in rows])

    # ---- rebuild -------------------------------------------------------------------------------------------

    def shadow(self) -> RedisSink:
        """The same keys under a prefix of their own."""
        return RedisSink(self._settings, self._partition, REBUILD)

    def switch(self) -> None:
        """Copy the rebuilt keys over the live ones, key by key, and remove both what is surplus and the rebuilt keys.

        Each key changes at once, all together do not; a live key that is newer stays, so the projector may run on.
        Killed amid, it can be done again. Raises SinkDown.
        """
        shadow = self.shadow()
        self._server.load_library()
        try:
            rebuilt: list[bytes] = []
            for journal in self.journals:
                with shadow.look(journal) as view:
                    rows = [replace(row, key=(row.key[0].removeprefix(REBUILD),)) for row in view.rows()]
                self._replace_all(journal, rows, view.offset.seq)
                for table in self._tables(journal):
                    keys = self._server.scan(shadow._maker.names.globs(table))
                    rebuilt += (key for key in keys if shadow._is_ours(key.decode()))
            self._delete([key.decode() for key in rebuilt] + shadow._server.offset_keys())
        finally:
            shadow.close()

    def rollback(self) -> None:
        """There is no copy to go back to. Raises Rejected."""
        raise Rejected(
            "Redis is rebuilt in place: its keys before the switch are gone",
            "ledger projections rebuild redis makes them anew from the journal",
        )

    def _replace_all(self, journal: str, rows: Sequence[Row], seq: int) -> None:
        self._put_all([self._entry(row) for row in rows])
        kept = {row.key[0] for row in rows}
        with self.look(journal) as view:
            surplus = [row.key[0] for row in view.rows() if row.key[0] not in kept and row.version <= seq]
        self._delete(surplus)

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._server.call(lambda client, key=key: client.delete(key))
