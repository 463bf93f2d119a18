"""Schemas that change places: the shadow of a rebuild, the live one, and the one before, all by renaming.

A rename is one transaction, so readers see the old or the new copy, never neither. A projector that follows the live
schema finds another offset there after a switch and goes on from it.
"""

from __future__ import annotations

from psycopg import sql

from ledger.errors import Rejected
from ledger.projections.postgres.migrations import Connection


def shadow_of(schema: str) -> str:
    """Where a rebuild of this schema is filled."""
    return f"{schema}_shadow"


def before_of(schema: str) -> str:
    """Where the copy before the last switch is kept."""
    return f"{schema}_before"


def switch(connection: Connection, schema: str) -> None:
    """The shadow becomes live, the live one is kept. Raises Rejected where there is no shadow."""
    with connection.transaction():
        _alone(connection, schema)
        if not _exists(connection, shadow_of(schema)):
            raise Rejected(
                f"there is no schema {shadow_of(schema)}",
                "fill it first: ledger projections rebuild postgres",
            )
        if _exists(connection, schema):
            drop(connection, before_of(schema))
            _rename(connection, schema, before_of(schema))
        _rename(connection, shadow_of(schema), schema)


def rollback(connection: Connection, schema: str) -> None:
    """The kept one is live again, what was live becomes the shadow. Raises Rejected where none is kept."""
    with connection.transaction():
        _alone(connection, schema)
        if not _exists(connection, before_of(schema)):
            raise Rejected(
                f"there is no schema {before_of(schema)}", "there was no switch that could be undone"
            )
        drop(connection, shadow_of(schema))
        _rename(connection, schema, shadow_of(schema))
        _rename(connection, before_of(schema), schema)


def drop(connection: Connection, schema: str) -> None:
    """Remove a schema with all that is in it, if it is there."""
    connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def _alone(connection: Connection, schema: str) -> None:
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"ledger switch {schema}"])


def _exists(connection: Connection, schema: str) -> bool:
    row = connection.execute("select to_regnamespace(%s) is not null", [f'"{schema}"']).fetchone()
    return bool(row and row[0])


def _rename(connection: Connection, schema: str, name: str) -> None:
    connection.execute(
        sql.SQL("alter schema {} rename to {}").format(sql.Identifier(schema), sql.Identifier(name))
    )
