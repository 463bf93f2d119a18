"""Indexes of a copy that is filled from nothing: dropped while its tables are empty, made when it has caught up.

Every row is then entered into its primary key alone, which is half of the server's work. What is there says how far
that is: whoever finds an index missing makes it, so nothing is lost by a kill.
"""

from __future__ import annotations

from typing import LiteralString, cast

from psycopg import sql

from ledger.projections.postgres.migrations import INDEXES, Connection


def drop_indexes(connection: Connection, schema: str) -> None:
    """Of tables that are empty still, in one transaction."""
    names = sql.SQL(", ").join(sql.Identifier(schema, name) for name in INDEXES)
    connection.execute(sql.SQL("drop index if exists {}").format(names))


def make_indexes(connection: Connection, schema: str) -> list[str]:
    """Make those that are missing, each in a transaction of its own; the names made. Readers go on meanwhile."""
    found = connection.execute(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relkind in ('i', 'I')",
        [schema],
    ).fetchall()
    missing = [name for name in INDEXES if name not in {str(each) for (each,) in found}]
    for name in missing:
        with connection.transaction():
            connection.execute("set local statement_timeout = 0")
            connection.execute(sql.SQL("set local search_path to {}").format(sql.Identifier(schema)))
            text = cast("LiteralString", f"create index if not exists {name} on {INDEXES[name]}")
            connection.execute(text)
    return missing
