"""Monthly partitions: made ahead of need without blocking readers, dropped whole when retention says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from ledger.projections.contract import Row
from ledger.projections.postgres.tables import SIDE_OF, TABLES

Connection = psycopg.Connection[tuple[Any, ...]]
AHEAD: Final = 2
"""Months made before they begin."""
PARTITIONED: Final = tuple(table for table in TABLES.values() if table.partitioned_by)


def month_of(moment: datetime) -> datetime:
    """The beginning of its month, UTC."""
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def following(month: datetime, count: int = 1) -> datetime:
    """The beginning of the month so many later; negative: earlier."""
    index = month.year * 12 + month.month - 1 + count
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def ahead(now: datetime) -> list[datetime]:
    """This month and those to be ready before they begin."""
    return [following(month_of(now), count) for count in range(AHEAD + 1)]


def make_months(connection: Connection, schema: str, months: Iterable[datetime]) -> list[str]:
    """Make what is missing, each in a transaction of its own; the names made.

    A table is made beside the parent and attached: that blocks no reader and no writer, as a CREATE ... PARTITION OF
    would. Safe beside others who do the same.
    """
    made: list[str] = []
    for month in sorted(set(months)):
        for table in PARTITIONED:
            name = f"{table.name}_{month:%Y_%m}"
            if not _exists(connection, schema, name) and _make(
                connection, schema, table.name, table.partitioned_by, name, month
            ):
                made.append(name)
    return made


def _make(connection: Connection, schema: str, parent: str, column: str, name: str, month: datetime) -> bool:
    own, whole = sql.Identifier(schema, name), sql.Identifier(schema, parent)
    begin, end = sql.Literal(month.isoformat()), sql.Literal(following(month).isoformat())
    check = sql.Identifier(f"{name}_month")
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"ledger month {schema}.{name}"])
        if _exists(connection, schema, name):
            return False
        connection.execute(
            sql.SQL(
                "create table {} (like {} including all, constraint {} check ({} >= {} and {} < {}))"
            ).format(own, whole, check, sql.Identifier(column), begin, sql.Identifier(column), end)
        )
        connection.execute(
            sql.SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
                whole, own, begin, end
            )
        )
        connection.execute(sql.SQL("alter table {} drop constraint {}").format(own, check))
    return True


def drop_months(connection: Connection, schema: str, kept_from: datetime) -> list[str]:
    """Drop every partition that ends at or before the month of `kept_from`; the names dropped.

    Its rows are gone from here on by intent: what is kept is noted, so that an audit does not miss them.
    """
    floor = month_of(kept_from)
    dropped: list[str] = []
    for table in PARTITIONED:
        for name in _partitions(connection, schema, table.name):
            month = datetime.strptime(name.removeprefix(f"{table.name}_"), "%Y_%m").replace(tzinfo=UTC)
            if month >= floor:
                continue
            parent, own = sql.Identifier(schema, table.name), sql.Identifier(schema, name)
            _note_kept(connection, schema, table.name, following(month))
            connection.execute(sql.SQL("alter table {} detach partition {} concurrently").format(parent, own))
            connection.execute(sql.SQL("drop table {}").format(own))
            dropped.append(name)
    return dropped


def kept_from(connection: Connection, schema: str) -> dict[str, datetime]:
    """From when on rows are kept, by table; a table that lost nothing is absent."""
    select = sql.SQL("select table_name, kept_from from {}").format(
        sql.Identifier(schema, "ledger_retention")
    )
    return {str(name): since for name, since in connection.execute(select).fetchall()}


def is_kept(row: Row, since: Mapping[str, datetime]) -> bool:
    """Whether the row is to be there; `since` is `kept_from`'s."""
    if not since:
        return True
    side = row.table in SIDE_OF
    table = SIDE_OF[row.table][0] if side else TABLES[row.table]
    floor = since.get(table.name)
    return floor is None or bool(row.values[-1 if side else 0] >= floor)


def _note_kept(connection: Connection, schema: str, table: str, since: datetime) -> None:
    connection.execute(
        sql.SQL(
            "insert into {} as r values (%s, %s) on conflict (table_name)"
            " do update set kept_from = greatest(r.kept_from, excluded.kept_from)"
        ).format(sql.Identifier(schema, "ledger_retention")),
        [table, since],
    )


def _partitions(connection: Connection, schema: str, parent: str) -> Sequence[str]:
    rows = connection.execute(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
        " where i.inhparent = to_regclass(%s) order by 1",
        [f'"{schema}".{parent}'],
    ).fetchall()
    return [str(name) for (name,) in rows]


def _exists(connection: Connection, schema: str, name: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [f'"{schema}".{name}']).fetchone()
    return bool(row and row[0])
