"""Reading the sink back: its offset, and all rows of one snapshot in the builders' form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, final

from psycopg import sql

from ledger.projections.contract import Offset, Row
from ledger.projections.errors import SinkDown
from ledger.projections.postgres.migrations import Connection
from ledger.projections.postgres.months import is_kept, kept_from
from ledger.projections.postgres.tables import TABLES, Side, Table

PAGE: Final = 5000


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

    def __init__(self, connection: Connection, schema: str, partition: int, journal: str) -> None:
        self._connection = connection
        self._schema = schema
        found = read_offset(connection, schema, partition, journal)
        if found is None:
            raise SinkDown(f"schema {schema} holds nothing yet", "start the projection, or rebuild it")
        self.offset = found
        self._kept = kept_from(connection, schema)

    def rows(self) -> Iterator[Row]:
        """Table after table, streamed."""
        for table in TABLES.values():
            yield from self._rows_of(table)

    def keeps(self, row: Row) -> bool:
        """Not where its month was dropped."""
        return is_kept(row, self._kept)

    def _rows_of(self, table: Table) -> Iterator[Row]:
        names = [name for name, _ in table.columns()]
        keys, version = len(table.key), len(table.key) + len(table.values)
        sides = [(side, names.index(side.seq)) for side in table.sides]
        select = sql.SQL("select {} from {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(self._schema, table.name)
        )
        with self._connection.cursor(name=f"rows_of_{table.name}") as cursor:
            cursor.itersize = PAGE
            cursor.execute(select)
            for record in cursor:
                key = tuple(record[:keys])
                yield Row(table.name, key, record[version], tuple(record[keys:version]))
                for side, at in sides:
                    if record[at] is not None:
                        yield _side_row(side, at, key, record, keys)


def _side_row(side: Side, seq_at: int, key: tuple[Any, ...], record: tuple[Any, ...], keys: int) -> Row:
    count = len(side.values) - 1
    values = (*record[seq_at - count + 1 : seq_at + 1], record[keys])
    return Row(side.name, key, record[seq_at], values)
