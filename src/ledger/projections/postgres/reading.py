"""Reading the sink back: its offset, and all rows of one snapshot in the builders' form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, final

from psycopg import sql

from ledger.journal import partition_of
from ledger.projections.contract import Offset, Row
from ledger.projections.errors import SinkDown
from ledger.projections.postgres.migrations import Connection
from ledger.projections.postgres.months import is_kept, kept_from
from ledger.projections.postgres.tables import ORDERS, SIDE_OF, TABLES, Side, Table

PAGE: Final = 5000
_BY_PARTITION: Final = ("anomalies", "adjustments")
_BY_SYMBOL: Final = ("positions", "order_keys")
_SYMBOL_OF_ORDER: Final = [name for name, _ in ORDERS.values].index("symbol")
"""Every other key has its symbol in the third place."""


def read_offset(connection: Connection, schema: str, partition: int, journal: str) -> Offset | None:
    """The committed offset; None where there is none, or no schema yet."""
    known = connection.execute("select to_regclass(%s) is not null", [f'"{schema}".ledger_offset']).fetchone()
    if not (known and known[0]):
        return None
    select = sql.SQL("select lineage, epoch, seq, chain from {} where partition = %s and journal = %s")
    row = connection.execute(
        select.format(sql.Identifier(schema, "ledger_offset")), [partition, journal]
    ).fetchone()
    return None if row is None else Offset(row[0], partition, journal, row[1], row[2], row[3])


@final
class PostgresView:
    """Within one repeatable-read transaction. Raises SinkDown where there is nothing yet."""

    def __init__(
        self, connection: Connection, schema: str, partition: int, journal: str, partitions: int = 1
    ) -> None:
        """Of the rows of `partitions`, which share the schema, those of one are shown."""
        self._connection = connection
        self._schema = schema
        found = read_offset(connection, schema, partition, journal)
        if found is None:
            raise SinkDown(f"schema {schema} holds nothing yet", "start the projection, or rebuild it")
        self.offset = found
        self._kept = kept_from(connection, schema)
        self._partition, self._partitions = partition, partitions

    def rows(self) -> Iterator[Row]:
        """Table after table, streamed."""
        for table in TABLES.values():
            yield from self._rows_of(table)

    def keeps(self, row: Row) -> bool:
        """Not where its month was dropped."""
        return is_kept(row, self._kept)

    def picked(self, places: Iterable[tuple[str, tuple[Any, ...]]]) -> Iterator[Row]:
        """The rows under these (table, key), as far as they are there."""
        wanted = set(places)
        by_table: dict[str, set[tuple[Any, ...]]] = {}
        for name, key in wanted:
            table = SIDE_OF[name][0].name if name in SIDE_OF else name
            by_table.setdefault(table, set()).add(key)
        for name, keys in by_table.items():
            table = TABLES[name]
            columns = [sql.Identifier(column) for column, _ in table.key]
            arrays = [sql.SQL("%s::{}[]").format(sql.Identifier(kind)) for _, kind in table.key]
            where = sql.SQL(" where ({}) in (select * from unnest({}))").format(
                sql.SQL(", ").join(columns), sql.SQL(", ").join(arrays)
            )
            found = self._connection.execute(
                self._select(table) + where, [list(each) for each in zip(*keys, strict=True)]
            )
            for record in found:
                yield from (row for row in self._ours(table, record) if (row.table, row.key) in wanted)

    def page(self, name: str, after: tuple[Any, ...] | None, limit: int) -> tuple[list[Row], Any]:
        """(the rows of the next `limit` keys of a table, the last of these keys, None at the table's end)."""
        table = TABLES[name]
        key = sql.SQL(", ").join(sql.Identifier(column) for column, _ in table.key)
        marks = sql.SQL(", ").join(sql.SQL("%s::{}").format(sql.Identifier(kind)) for _, kind in table.key)
        where = sql.SQL("") if after is None else sql.SQL(" where ({}) > ({})").format(key, marks)
        order = sql.SQL(" order by {} limit {}").format(key, sql.Literal(limit))
        found = self._connection.execute(self._select(table) + where + order, after or ()).fetchall()
        rows = [row for record in found for row in self._ours(table, record)]
        return rows, tuple(found[-1][: len(table.key)]) if len(found) == limit else None

    def _rows_of(self, table: Table) -> Iterator[Row]:
        with self._connection.cursor(name=f"rows_of_{table.name}") as cursor:
            cursor.itersize = PAGE
            cursor.execute(self._select(table))
            for record in cursor:
                yield from self._ours(table, record)

    def _ours(self, table: Table, record: tuple[Any, ...]) -> Iterator[Row]:
        rows = _rows(table, record)
        if self._partitions == 1:
            return rows
        return (row for row in rows if _home(row, self._partitions) == self._partition)

    def _select(self, table: Table) -> sql.Composed:
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in table.columns())
        return sql.SQL("select {} from {}").format(names, sql.Identifier(self._schema, table.name))


def _home(row: Row, partitions: int) -> int:
    """The partition that a row is of: as it says, or that of its symbol."""
    if row.table in _BY_PARTITION:
        return int(row.key[0])
    if row.table == ORDERS.name:
        return partition_of(row.values[_SYMBOL_OF_ORDER], partitions)
    return partition_of(row.key[0 if row.table in _BY_SYMBOL else 2], partitions)


def _rows(table: Table, record: tuple[Any, ...]) -> Iterator[Row]:
    """The logical rows of a physical one."""
    keys, version = len(table.key), len(table.key) + len(table.values)
    key = tuple(record[:keys])
    yield Row(table.name, key, record[version], tuple(record[keys:version]))
    at = version
    for side in table.sides:
        at += len(side.values) - 1
        if record[at] is not None:
            yield _side_row(side, at, key, record, keys)


def _side_row(side: Side, seq_at: int, key: tuple[Any, ...], record: tuple[Any, ...], keys: int) -> Row:
    count = len(side.values) - 1
    values = (*record[seq_at - count + 1 : seq_at + 1], record[keys])
    return Row(side.name, key, record[seq_at], values)
