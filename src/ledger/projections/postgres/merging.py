"""Many rows in one step: binary COPY into a temporary table, then one MERGE a table, guarded by version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from psycopg import sql

from ledger.projections.contract import Row
from ledger.projections.postgres.encoding import copy_of
from ledger.projections.postgres.migrations import Connection
from ledger.projections.postgres.tables import SIDE_OF, TABLES, Table

Copies = dict[str, bytes]
"""By physical table, what is sent to its staging table."""


@final
class Merging:
    """The statements of one schema, and which temporary tables this connection has."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._staged: set[str] = set()
        self._merges: dict[tuple[str, bool], sql.Composed] = {}

    def fresh(self) -> None:
        """A new connection has no temporary tables."""
        self._staged.clear()

    def merge(self, connection: Connection, rows: Sequence[Row], *, force: bool = False) -> None:
        """Write the newest of each key, within the caller's transaction. `force`: whatever version stands there."""
        self.merge_copies(connection, copies_of(rows), force=force)

    def merge_copies(self, connection: Connection, copies: Copies, *, force: bool = False) -> None:
        """The same, of what `copies_of` made of the rows."""
        for name, content in copies.items():
            table = TABLES[name]
            self._stage(connection, table, content)
            connection.execute(self._merge_of(table, force))

    def remove(self, connection: Connection, name: str, key: tuple[Any, ...]) -> None:
        """Remove a row, or the columns that stand for a logical one."""
        table, side = SIDE_OF[name] if name in SIDE_OF else (TABLES[name], None)
        where = sql.SQL(" and ").join(
            sql.SQL("{} = %s").format(sql.Identifier(column)) for column, _ in table.key
        )
        whole = sql.Identifier(self._schema, table.name)
        if side is None:
            connection.execute(sql.SQL("delete from {} where {}").format(whole, where), key)
            return
        cleared = sql.SQL(", ").join(
            sql.SQL("{} = null").format(sql.Identifier(column)) for column, _ in side.values[:-1]
        )
        connection.execute(sql.SQL("update {} set {} where {}").format(whole, cleared, where), key)

    def remove_elsewhere(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Remove rows of these keys that stand in another partition than they must: a MERGE would not find them."""
        for row in rows:
            table = TABLES.get(row.table)
            if table is None or not table.partitioned_by:
                continue
            where = sql.SQL(" and ").join(
                sql.SQL("{} = %s").format(sql.Identifier(column)) for column, _ in table.key
            )
            connection.execute(
                sql.SQL("delete from {} where {} and {} <> %s").format(
                    sql.Identifier(self._schema, table.name), where, sql.Identifier(table.partitioned_by)
                ),
                [*row.key, row.values[0]],
            )

    def _stage(self, connection: Connection, table: Table, content: bytes) -> None:
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in table.columns())
        staging = sql.Identifier(f"st_{table.name}")
        if table.name not in self._staged:
            connection.execute(
                sql.SQL(
                    "create temp table if not exists {} on commit delete rows as select {} from {} limit 0"
                ).format(staging, names, sql.Identifier(self._schema, table.name))
            )
        with connection.cursor() as cursor:
            copy = sql.SQL("copy {} ({}) from stdin (format binary)").format(staging, names)
            with cursor.copy(copy) as copying:
                copying.write(content)

    def _merge_of(self, table: Table, force: bool) -> sql.Composed:
        known = self._merges.get((table.name, force))
        if known is None:
            known = self._merges[table.name, force] = _merge(self._schema, table, force)
        return known


def copies_of(rows: Sequence[Row]) -> Copies:
    """What to copy of the newest row of each key. Raises UnicodeError, psycopg.DataError."""
    newest: dict[str, dict[tuple[Any, ...], Row]] = defaultdict(dict)
    for row in rows:
        newest[row.table][row.key] = row
    copies: Copies = {}
    for name, table in TABLES.items():
        sides = [newest.get(side.name, {}) for side in table.sides]
        found = list({**newest.get(name, {}), **_bare(table, newest.get(name, {}), sides)}.values())
        if found:
            kinds = [kind for _, kind in table.columns()]
            chunks = (found[at : at + _CHUNK] for at in range(0, len(found), _CHUNK))
            copies[name] = copy_of(kinds, (_columns(table, chunk, sides) for chunk in chunks))
    return copies


def _bare(
    table: Table, whole: Mapping[tuple[Any, ...], Row], sides: Sequence[Mapping[tuple[Any, ...], Row]]
) -> dict[tuple[Any, ...], Row]:
    """For side rows that come without the row that they are columns of: its key, and its partition's time."""
    others = (None,) * (len(table.values) - 1)
    return {
        key: Row(table.name, key, 0, (row.values[-1], *others))
        for side in sides
        for key, row in side.items()
        if key not in whole
    }


def _columns(
    table: Table, rows: Sequence[Row], sides: Sequence[Mapping[tuple[Any, ...], Row]]
) -> list[Sequence[Any]]:
    """The columns of a table's records; a bare row has no version."""
    columns: list[Sequence[Any]] = [*zip(*[row.key for row in rows], strict=True)]
    columns += zip(*[row.values for row in rows], strict=True)
    columns.append([row.version or None for row in rows])
    for side, given in zip(table.sides, sides, strict=True):
        nothing = (None,) * len(side.values)
        found = [given[row.key].values if row.key in given else nothing for row in rows]
        columns += [*zip(*found, strict=True)][:-1]
    return columns


_CHUNK: Final = 500
"""Rows encoded at a time: what is made of them fits the processor's cache."""


def _merge(schema: str, table: Table, force: bool) -> sql.Composed:
    matched = table.matched_by()
    own = [name for name, _ in (*table.values, ("version", ""))]
    updated = [name for name in own if name not in matched]
    on = sql.SQL(" and ").join(_same(name) for name in matched)
    sides = [_side_set(name, side.seq) for side in table.sides for name, _ in side.values[:-1]]
    whole = sql.SQL(", ").join([*(_set(name) for name in updated), *sides])
    guard = sql.SQL("true") if force else sql.SQL("t.version <= s.version")
    names = [name for name, _ in table.columns()]
    parts = [
        sql.SQL("merge into {} t using {} s on {}").format(
            sql.Identifier(schema, table.name), sql.Identifier(f"st_{table.name}"), on
        ),
        sql.SQL("when matched and s.version is not null and {} then update set {}").format(guard, whole),
    ]
    if sides:
        only = sql.SQL(", ").join(sides)
        parts.append(sql.SQL("when matched then update set {}").format(only))
    parts.append(
        sql.SQL("when not matched and s.version is not null then insert ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(name)) for name in names),
        )
    )
    return sql.SQL(" ").join(parts)


def _same(name: str) -> sql.Composed:
    return sql.SQL("t.{} = s.{}").format(sql.Identifier(name), sql.Identifier(name))


def _set(name: str) -> sql.Composed:
    return sql.SQL("{} = s.{}").format(sql.Identifier(name), sql.Identifier(name))


def _side_set(name: str, seq: str) -> sql.Composed:
    """A side's column changes only where its side row is given."""
    column, number = sql.Identifier(name), sql.Identifier(seq)
    return sql.SQL("{} = case when s.{} is null then t.{} else s.{} end").format(
        column, number, column, column
    )
