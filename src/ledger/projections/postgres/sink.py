"""The sink: one connection, one transaction a batch, its rows and its offset together.

psycopg is used synchronously, on purpose: a projector is a process of its own with nothing else to do while the
server works, and a synchronous connection is the fastest and the simplest there is. A reader never sees a fill
without its order's new quantity, because both are of one transaction (I-41).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, final

import psycopg
from msgspec import Struct
from psycopg import sql

from ledger.domain.events import (
    AnomalyRecorded,
    CancelPending,
    CancelRequested,
    CommandRejected,
    FillBusted,
    FillCorrected,
    OrderAdopted,
    OrderFilled,
    OrderReplaced,
    OrderSubmitted,
    ReplacePending,
    ReplaceRequested,
)
from ledger.domain.operator_events import PositionAdjusted, PositionTransferred, TradingDayRolled
from ledger.errors import Rejected
from ledger.fold import orders_and_positions
from ledger.projections import rows
from ledger.projections.building import Builders
from ledger.projections.contract import Batch, Offset, Picked, Projection, Row, View
from ledger.projections.errors import Fenced, Poison, SinkDown
from ledger.projections.postgres import shadows
from ledger.projections.postgres.connecting import Target
from ledger.projections.postgres.indexing import drop_indexes, make_indexes
from ledger.projections.postgres.merging import Copies, Merging, copies_of
from ledger.projections.postgres.migrations import INDEXED, Connection, migrate
from ledger.projections.postgres.months import (
    ahead,
    drop_months,
    is_kept,
    kept_from,
    make_months,
    month_of,
)
from ledger.projections.postgres.reading import PostgresView, read_offset
from ledger.projections.postgres.tables import SIDE_OF, TABLES, columns_of

CLAIM_S: Final = 2.0
"""How long a writer that was killed may take to vanish from the server."""
BUILDERS: Final = Builders(
    events={
        OrderSubmitted: rows.order_key_rows,
        OrderAdopted: rows.order_key_rows,
        CancelRequested: rows.order_key_rows,
        ReplaceRequested: rows.order_key_rows,
        OrderReplaced: rows.order_key_rows,
        CancelPending: rows.order_key_rows,
        ReplacePending: rows.order_key_rows,
        OrderFilled: rows.fill_report_rows,
        FillBusted: rows.fill_void_rows,
        FillCorrected: rows.fill_void_rows,
        AnomalyRecorded: rows.anomaly_rows,
        CommandRejected: rows.rejection_rows,
        PositionAdjusted: rows.adjustment_rows,
        PositionTransferred: rows.adjustment_rows,
        TradingDayRolled: rows.daily_rows,
    },
    states={"order": rows.order_rows, "fill": rows.fill_rows, "position": rows.position_rows},
    part=orders_and_positions,
)
_T = TypeVar("_T")


@final
class PostgresSink:
    """One partition's rows in one schema."""

    name = "postgres"
    journals = ("trading",)
    shared = True

    def __init__(
        self,
        target: Target,
        partition: int = 0,
        *,
        partitions: int = 1,
        schema: str = "ledger",
        keep_days: int | None = None,
    ) -> None:
        """`keep_days`: months that ended earlier are dropped; None keeps all. All `partitions` share the schema."""
        self._target = target
        self._partition, self._partitions = partition, partitions
        self.schema = schema
        self._connection: Connection | None = None
        self._merging = Merging(schema)
        self._months: set[datetime] = set()
        self._keep_days = keep_days
        self._kept: dict[str, datetime] = {}
        self._claimed = False

    # ---- core ----------------------------------------------------------------------------------------------

    def builders(self, journal: str) -> Builders:
        """Orders, fills and positions whole; everything else by its event."""
        assert journal == "trading", journal
        return BUILDERS

    def offset(self, journal: str) -> Offset | None:
        """As committed. Raises SinkDown."""
        return self._try(lambda connection: read_offset(connection, self.schema, self._partition, journal))

    def prepare(self, batch: Batch) -> _Ready | None:
        """What is to be copied: no month that was dropped, and of each key the newest row only."""
        try:
            return self._ready(batch)
        except (psycopg.DataError, UnicodeError):
            return None  # `apply` says which row it is

    def _ready(self, batch: Batch) -> _Ready:
        kept = self._kept
        given = [row for row in batch.rows if is_kept(row, kept)] if kept else batch.rows
        return _Ready(copies_of(given), _months_of(given), kept)

    def apply(self, batch: Batch) -> None:
        """Rows and offset in one transaction. Raises SinkDown, Poison, Fenced."""
        if not self._claimed:
            raise SinkDown("the connection was lost, and with it the right to write")
        try:
            self._try(lambda connection: self._apply(connection, batch))
        except psycopg.errors.CheckViolation as error:
            raise self._lost(error) from error  # a month that was there is not: make it again
        except (psycopg.DataError, psycopg.IntegrityError, UnicodeError) as error:
            self._find_poison(batch.rows)
            raise self._lost(error) from error

    def filled(self) -> None:
        """The indexes that a copy made from nothing still lacks. Raises SinkDown."""
        self._try(lambda connection: make_indexes(connection, self.schema))

    def close(self) -> None:
        """Never raises."""
        connection, self._connection, self._claimed = self._connection, None, False
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                connection.close()

    # ---- fencing -------------------------------------------------------------------------------------------

    def claim(self, lineage: str) -> None:
        """The right to write, for as long as this connection lives; the schema is made or brought up to date.

        The lock belongs to the session that writes: when the one is lost so is the other, and there is no moment in
        which two sessions hold it. Raises Fenced where another session lives, SinkDown.
        """
        if self._claimed:
            return
        self._try(self._claim)
        self._claimed = True

    def _claim(self, connection: Connection) -> None:
        key = [f"ledger writer {self.schema}", self._partition]
        end = time.monotonic() + CLAIM_S
        while True:
            row = connection.execute("select pg_try_advisory_lock(hashtext(%s), %s)", key).fetchone()
            if row and row[0]:
                break
            if time.monotonic() > end:
                raise Fenced(
                    f"schema {self.schema} of {self._target.host}:{self._target.port} is written by another session"
                    f" ({self._holder(connection, key)})",
                    "stop that projector first, or give this ledger a schema of its own",
                )
            time.sleep(0.05)
        if INDEXED in migrate(connection, self.schema):
            drop_indexes(connection, self.schema)  # until `filled`
        make_months(connection, self.schema, ahead(datetime.now(UTC)))
        self._drop_old(connection)

    def _drop_old(self, connection: Connection) -> None:
        if self._keep_days is not None:
            drop_months(connection, self.schema, datetime.now(UTC) - timedelta(days=self._keep_days))
        self._kept = kept_from(connection, self.schema)

    def _holder(self, connection: Connection, key: list[Any]) -> str:
        found = connection.execute(
            "select a.application_name from pg_locks l join pg_stat_activity a using (pid)"
            " where l.locktype = 'advisory' and l.granted and l.classid::int8 = hashtext(%s)::int8 & 4294967295"
            " and l.objid = %s limit 1",
            key,
        ).fetchone()
        return str(found[0]) if found else "unknown"

    # ---- being audited, rebuilt ----------------------------------------------------------------------------

    def look(self, journal: str) -> AbstractContextManager[View]:
        """One snapshot of rows and offset, on a connection of its own. Raises SinkDown."""
        return self._look(journal)

    @contextmanager
    def _look(self, journal: str) -> Generator[PostgresView]:
        connection = self._target.connect("audit")
        try:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                connection.execute("set local statement_timeout = 0")
                yield PostgresView(connection, self.schema, self._partition, journal, self._partitions)
        except psycopg.Error as error:
            raise self._target.down(error) from error
        finally:
            connection.close()

    def columns(self, table: str) -> Sequence[str]:
        """The names of a row's values."""
        return columns_of(table)

    def pick(self, journal: str, places: Sequence[tuple[str, tuple[Any, ...]]]) -> Picked:
        """See `contract.Sampled`."""
        with self._look(journal) as view:
            return Picked(view.offset, tuple(view.picked(places)), view.keeps)

    def scan(self, journal: str, after: Any, limit: int) -> tuple[Picked, Any]:
        """Table after table, each in the order of its keys."""
        names = list(TABLES)
        name, key = after or (names[0], None)
        with self._look(journal) as view:
            rows, behind = view.page(name, key, limit)
        picked = Picked(view.offset, tuple(rows), view.keeps)
        if behind is not None:
            return picked, (name, behind)
        following = names.index(name) + 1
        return picked, (names[following], None) if following < len(names) else None

    def repair(
        self, mending: Sequence[Row], surplus: Sequence[tuple[str, tuple[Any, ...]]], at: Offset
    ) -> None:
        """Raises SinkDown; Fenced where the offset is not `at` any more; Rejected where a row is never taken."""
        try:
            self._try(lambda connection: self._repair(connection, mending, surplus, at))
        except (psycopg.DataError, psycopg.IntegrityError, UnicodeError) as error:
            self.close()
            reason = " ".join(str(error).split())
            raise Rejected(
                f"a row is not taken, so nothing was repaired: {reason[:200]}",
                "`ledger projections status` shows what is parked, and why",
            ) from None

    def _repair(
        self,
        connection: Connection,
        mending: Sequence[Row],
        surplus: Sequence[tuple[str, tuple[Any, ...]]],
        at: Offset,
    ) -> None:
        self._make_months(connection, _months_of(mending))
        with connection.transaction():
            lock = sql.SQL("select seq from {} where partition = %s and journal = %s for update")
            row = connection.execute(lock.format(self._offsets()), [at.partition, at.journal]).fetchone()
            if row is None or row[0] != at.seq:
                raise Fenced(
                    "the projection went on while it was audited", "audit again, or stop the projector first"
                )
            for table, key in surplus:
                self._merging.remove(connection, table, key)
            self._merging.remove_elsewhere(connection, mending)
            self._merging.merge(connection, mending, force=True)

    def shadow(self) -> Projection:
        """A sink beside this one, in the schema NAME_shadow."""
        schema = shadows.shadow_of(self.schema)
        return PostgresSink(
            self._target,
            self._partition,
            partitions=self._partitions,
            schema=schema,
            keep_days=self._keep_days,
        )

    def switch(self) -> None:
        """The shadow becomes live in one transaction. Raises SinkDown, Rejected."""
        self._try(lambda connection: shadows.switch(connection, self.schema))

    def rollback(self) -> None:
        """Back to the schema before. Raises SinkDown, Rejected."""
        self._try(lambda connection: shadows.rollback(connection, self.schema))

    # ---- within --------------------------------------------------------------------------------------------

    def _try(self, act: Callable[[Connection], _T]) -> _T:
        """Act on the connection, made if need be; whatever the server says about itself becomes SinkDown."""
        if self._connection is None or self._connection.closed:
            self.close()
            self._connection = self._target.connect(self.name)
            self._connection.prepare_threshold = None  # a switch renames what a prepared statement has bound
            # Each row of a batch by its key: the planner knows nothing of a table that was staged just now, and would
            # read the whole table that it is merged into, however large that has grown.
            self._connection.execute("set enable_hashjoin = off; set enable_mergejoin = off")
            self._merging.fresh()
            self._months.clear()
        try:
            return act(self._connection)
        except (psycopg.DataError, psycopg.IntegrityError, UnicodeError):
            raise
        except (psycopg.Error, OSError) as error:
            raise self._lost(error) from error
        except SinkDown:
            self.close()
            raise

    def _lost(self, error: Exception) -> SinkDown:
        self.close()
        return self._target.down(error)

    def _apply(self, connection: Connection, batch: Batch) -> None:
        ready: _Ready | None = batch.ready
        if ready is None or ready.kept is not self._kept:  # a month was dropped since
            ready = self._ready(batch)
        self._make_months(connection, ready.months)
        with connection.transaction():
            self._merging.merge_copies(connection, ready.copies)
            self._move(connection, batch)

    def _move(self, connection: Connection, batch: Batch) -> None:
        """The offset, if it still is where this batch begins: otherwise an earlier try came through, or rows are lost."""
        to = batch.to
        at = [to.lineage, to.epoch, to.seq, to.chain, rows.utc_time(batch.recorded_at_ns)]
        update = sql.SQL(
            "update {} set lineage = %s, epoch = %s, seq = %s, chain = %s, recorded_at = %s, written_at = now()"
            " where partition = %s and journal = %s and seq = %s and lineage = %s"
        ).format(self._offsets())
        place = [to.partition, to.journal]
        if connection.execute(update, [*at, *place, batch.before.seq, to.lineage]).rowcount == 1:
            return
        insert = sql.SQL(
            "insert into {} (lineage, epoch, seq, chain, recorded_at, partition, journal)"
            " values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing"
        ).format(self._offsets())
        first = batch.before.seq == 0 or batch.before.epoch == 0
        if not first or connection.execute(insert, [*at, *place]).rowcount != 1:
            raise SinkDown(f"the offset in schema {self.schema} is not {batch.before.seq} any more")

    def _make_months(self, connection: Connection, needed: set[datetime]) -> None:
        if needed - self._months:
            make_months(connection, self.schema, needed - self._months)
            self._months |= needed
            self._drop_old(connection)  # a month has begun: another may have to go

    def _find_poison(self, given: Sequence[Row]) -> None:
        """Try each row alone, in a transaction that is rolled back; raises Poison for the first that is refused."""
        for row in given:
            try:
                self._try(lambda connection, one=row: self._probe(connection, one))
            except (psycopg.DataError, psycopg.IntegrityError, UnicodeError) as error:
                reason = " ".join(str(error).split())
                raise Poison(row.table, row.key, reason) from None

    def _probe(self, connection: Connection, row: Row) -> None:
        with connection.transaction(force_rollback=True):
            self._merging.merge(connection, [row])

    def _offsets(self) -> sql.Identifier:
        return sql.Identifier(self.schema, "ledger_offset")


@final
class _Ready(Struct, frozen=True):
    """A batch as it is to be copied."""

    copies: Copies
    months: set[datetime]
    kept: dict[str, datetime]
    """By which rows were left out."""


def _months_of(given: Sequence[Row]) -> set[datetime]:
    times = {row.values[0] for row in given if row.table in _PARTITIONED}
    times |= {row.values[-1] for row in given if row.table in SIDE_OF}
    return {month_of(moment) for moment in times}


_PARTITIONED: Final = frozenset(table.name for table in TABLES.values() if table.partitioned_by)
