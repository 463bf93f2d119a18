"""The sink that writes rows into QuestDB: rows, then the barrier, then the offset, so that a kill loses nothing.

Rows come again after a kill or a failed flush and are the same rows (DEDUP). The offset is a row of `ledger_offset`,
written when everything before it is visible.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, final

import msgspec
from msgspec import Struct

from ledger.config import Settings
from ledger.projections.building import Builders
from ledger.projections.contract import Batch, Offset, Picked, Row
from ledger.projections.errors import Fenced, Misplaced, SinkDown
from ledger.projections.questdb import rows as making
from ledger.projections.questdb.mending import MENDED, copy_without, partitions_with
from ledger.projections.questdb.server import Piece, Server
from ledger.projections.questdb.switching import (
    BEFORE,
    REBUILD,
    SWITCH_PLACE,
    Switching,
    newest,
    newest_of,
    place_of,
    write,
)
from ledger.projections.questdb.tables import (
    COLUMNS,
    CREATE_OFFSETS,
    EXECUTIONS,
    TICKS,
    TRADES,
    create_table,
    names_of,
)

_DAY_NS: Final = 86_400 * 10**9
TABLES: Final = {"trading": (EXECUTIONS,), "market": (TICKS, TRADES)}


@final
class Look(Struct, frozen=True):
    """The rows up to an offset: later ones are not looked at, so they may be written meanwhile."""

    offset: Offset
    found: Iterator[Row]
    oldest_ns: dict[str, int]
    """By table with a TTL: older rows may have left."""

    def rows(self) -> Iterator[Row]:
        """Every row of the journal's tables."""
        return self.found

    def keeps(self, row: Row) -> bool:
        """Not what is older than the table's TTL, counted from its newest row as QuestDB counts it."""
        return row.values[names_of(row.table).index("ts_ns")] >= self.oldest_ns.get(row.table, 0)


@final
class QuestdbSink:
    """One partition's rows. Not to be shared between threads."""

    name = "questdb"
    journals: Sequence[str] = ("trading", "market")
    shared = True

    def __init__(self, settings: Settings, partition: int, suffix: str = "") -> None:
        """`suffix` stands after the name of every table: of a rebuild."""
        self._whole = settings
        self._settings = settings.questdb
        self._suffix = suffix
        self._partition = partition
        self._server = Server(settings)
        self._writer_place = f"writer/{partition}{suffix}"
        self._rows_max = settings.questdb.connection.auto_flush_rows
        self._claim = 0
        self._made = False
        self.gather_s = self._settings.connection.auto_flush_interval_ms / 1000
        self.gather_events = self._rows_max

    def builders(self, journal: str) -> Builders:
        """See rows."""
        return making.builders(journal, self._partition)

    def columns(self, table: str) -> Sequence[str]:
        """The names of a row's values."""
        return names_of(table)

    def close(self) -> None:
        """Let the connections go."""
        self._server.close()

    # ---- offset and fence ----------------------------------------------------------------------------------

    def claim(self, lineage: str) -> None:
        """Become the writer; an earlier one is fenced at its next batch. Raises SinkDown, Misplaced."""
        self._prepare()
        for journal in self.journals:
            found = self._stored(journal)
            if found is not None and found.lineage != lineage:
                raise Misplaced(
                    f"QuestDB holds another ledger (lineage {found.lineage})",
                    "use another QuestDB, or drop its tables",
                )
        if not self._suffix:
            self._switching().finish_abandoned()
        self._claim = self._claimed() + 1
        self._insert(self._writer_place, f"pid {os.getpid()}")

    def offset(self, journal: str) -> Offset | None:
        """From the newest row of the offset table. Raises SinkDown."""
        self._prepare()
        return self._stored(journal)

    def prepare(self, batch: Batch) -> list[Piece]:
        """The rows by table, in flushes, encoded as far as there are buffers."""
        by_table: dict[str, list[Row]] = {}
        for row in batch.rows:
            by_table.setdefault(row.table, []).append(row)
        return [
            self._server.piece(table + self._suffix, rows[at : at + self._rows_max])
            for table, rows in by_table.items()
            for at in range(0, len(rows), self._rows_max)
        ]

    def apply(self, batch: Batch) -> None:
        """Rows, barrier, offset. Raises SinkDown, Poison, Fenced."""
        self._check_writer()
        pieces: list[Piece] = self.prepare(batch) if batch.ready is None else batch.ready
        for piece in pieces:
            self._server.send(piece)
        if self._server.is_tcp:
            for piece in pieces:
                self._wait_arrived(piece)
        if pieces:
            self._server.wait_visible(*{piece.table for piece in pieces})
        self._check_writer()
        self._insert(self._place(batch.to.journal), msgspec.json.encode(batch.to).decode())
        self._server.keep(pieces)

    def _ttl_days(self, table: str) -> int | None:
        tables = self._settings.tables
        if table == EXECUTIONS:
            return None
        configured = tables.market_data_ticks if table == TICKS else tables.trades
        return configured.partitioning.retention_days

    def _prepare(self) -> None:
        """The tables, once for each start. A TTL counts from the newest row, so it is set on what exists."""
        if self._made:
            return
        self._server.exec(CREATE_OFFSETS)
        for table in COLUMNS:
            self._server.exec(self._create(table, self._suffix))
            days = self._ttl_days(table)
            if days is not None:
                self._server.exec(f"ALTER TABLE {table}{self._suffix} SET TTL {days} DAYS")
        self._made = True

    def _create(self, table: str, suffix: str) -> str:
        tables = self._settings.tables
        configured = {TICKS: tables.market_data_ticks, TRADES: tables.trades, EXECUTIONS: None}[table]
        period = "MONTH" if configured is None else configured.partitioning.type
        uncommitted = 500_000 if configured is None else configured.optimization.max_uncommitted_rows
        return create_table(table, suffix, period, uncommitted)

    def _stored(self, journal: str) -> Offset | None:
        text = self._newest("offset_json", self._place(journal))
        return None if not text else msgspec.json.decode(text, type=Offset)

    def _claimed(self) -> int:
        return int(self._newest("claim", self._writer_place) or 0)

    def _check_writer(self) -> None:
        intent = "" if self._suffix else SWITCH_PLACE
        found = newest_of(self._server, [self._writer_place, intent])
        if found.get(intent, ("", 0))[0]:
            raise SinkDown("tables are being exchanged: the projector waits")
        _, claimed = found.get(self._writer_place, ("", 0))
        if claimed > self._claim:
            raise Fenced(
                f"another projector writes to this QuestDB (claim {claimed}, ours was {self._claim})",
                "only one may run; `ledger projections status` shows ours",
            )

    def _newest(self, column: str, place: str) -> Any:
        return newest(self._server, column, place)

    def _place(self, journal: str) -> str:
        return place_of(journal, self._partition, self._suffix)

    def _insert(self, place: str, text: str) -> None:
        write(self._server, place, text, self._claim)

    def _wait_arrived(self, piece: Piece) -> None:
        """ILP over TCP says nothing: look whether every seq is there. Raises SinkDown where rows have vanished."""
        table, rows = piece.table, piece.rows
        first, last = rows[0].version, rows[-1].version
        statement = f"select count_distinct(seq) from {table} where part = {self._partition} and seq between {first} and {last}"
        for _ in range(200):
            if self._server.exec(statement)[0][0] >= len(rows):
                return
            time.sleep(0.01)
        self._server.close()
        raise SinkDown(
            f"rows sent to {table} over TCP have vanished", "questdb.connection.protocol: http tells why"
        )

    # ---- audits --------------------------------------------------------------------------------------------

    @contextmanager
    def look(self, journal: str) -> Generator[Look]:
        """Rows up to the offset. Raises SinkDown."""
        self._prepare()
        offset = self._stored(journal)
        if offset is None:
            raise SinkDown("QuestDB holds nothing of this journal")
        oldest = {table: self._oldest_ns(table) for table in TABLES[journal]}
        yield Look(offset, self._rows(journal, offset.seq, oldest), oldest)

    def pick(self, journal: str, places: Sequence[tuple[str, tuple[Any, ...]]]) -> Picked:
        """See `contract.Sampled`: what stands up to the offset never changes, so it is read first."""
        wanted = set(places)
        with self.look(journal) as view:
            rows: list[Row] = []
            for table in TABLES[journal]:
                numbers = [key[0] for name, key in wanted if name == table]
                if numbers:
                    where = f"seq >= {min(numbers)}"
                    last = min(max(numbers), view.offset.seq)
                    rows += (row for row in self._read(table, last, where) if (table, row.key) in wanted)
        return Picked(view.offset, tuple(row for row in rows if view.keeps(row)), view.keeps)

    def scan(self, journal: str, after: Any, limit: int) -> tuple[Picked, Any]:
        """Table after table, each in the order of seq."""
        tables = TABLES[journal]
        table, seq = after or (tables[0], 0)
        with self.look(journal) as view:
            rows = list(self._read(table, view.offset.seq, f"seq > {seq}", f" order by seq limit {limit}"))
        picked = Picked(view.offset, tuple(row for row in rows if view.keeps(row)), view.keeps)
        if len(rows) == limit:
            return picked, (table, rows[-1].version)
        following = tables.index(table) + 1
        return picked, (tables[following], 0) if following < len(tables) else None

    def _rows(self, journal: str, seq: int, oldest: dict[str, int]) -> Iterator[Row]:
        for table in TABLES[journal]:
            at = names_of(table).index("ts_ns")
            yield from (row for row in self._read(table, seq) if row.values[at] >= oldest[table])

    def _oldest_ns(self, table: str) -> int:
        """Where the table's TTL begins; 0 without one."""
        days = self._ttl_days(table)
        newest = self._server.exec(f"select max(ts_ns) from {table}{self._suffix}")
        if days is None or not newest or newest[0][0] is None:
            return 0
        return int(newest[0][0]) - days * _DAY_NS

    def _read(self, table: str, seq: int, more: str = "true", order: str = "") -> Iterator[Row]:
        names = ", ".join(names_of(table))
        kinds = [kind for _, kind in COLUMNS[table]]
        where = f"part = {self._partition} and seq <= {seq} and {more}{order}"
        for found in self._server.read(f"select seq, {names} from {table}{self._suffix} where {where}"):
            values = tuple(
                "" if value is None and kind.startswith(("SYMBOL", "VARCHAR")) else value
                for value, kind in zip(found[1:], kinds, strict=True)
            )
            yield Row(table, (found[0],), found[0], values)

    def repair(self, rows: Sequence[Row], surplus: Sequence[tuple[str, tuple[Any, ...]]], at: Offset) -> None:
        """Write these rows again. QuestDB has no DELETE: a partition with a surplus row is written anew without it, and
        projectors wait meanwhile.

        Raises SinkDown, Fenced where the offset has moved.
        """
        if self._stored(at.journal) != at:
            raise Fenced("the projection has moved on since it was looked at", "audit again")
        if surplus:
            self._take_away(surplus)
        for table in TABLES[at.journal]:
            mending = [row for row in rows if row.table == table]
            if mending:
                self._server.send(Piece(table + self._suffix, mending, None, []))
                self._server.wait_visible(table + self._suffix)

    def _take_away(self, surplus: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
        assert not self._suffix, "what is rebuilt is made anew, not repaired"
        switching = self._switching()
        with switching.paused():
            for table in dict.fromkeys(table for table, _ in surplus):
                seqs = sorted({key[0] for name, key in surplus if name == table})
                for name in partitions_with(self._server, table, self._partition, seqs):
                    create = self._create(table, MENDED)
                    copy_without(self._server, table, name, create, self._partition, seqs)
                    switching.mend(table, name)

    # ---- rebuild -------------------------------------------------------------------------------------------

    def shadow(self) -> QuestdbSink:
        """A sink into tables of the same form beside the live ones, which the partitions' shadows share as well."""
        return QuestdbSink(self._whole, self._partition, REBUILD)

    def switch(self) -> None:
        """The rebuilt tables become the live ones; all projectors wait meanwhile. Raises SinkDown, Rejected."""
        self._prepare()
        self._switching().run(REBUILD, BEFORE)

    def rollback(self) -> None:
        """Back to the tables before the last switch. Raises SinkDown, Rejected where there are none."""
        self._prepare()
        self._switching().run(BEFORE, REBUILD)

    def _switching(self) -> Switching:
        return Switching(self._server, self._whole.engine.partitions)
