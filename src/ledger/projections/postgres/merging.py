"""Many rows in one step: binary COPY into a temporary table, then one MERGE a table, guarded by version."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, final

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.adapt import PyFormat

from ledger.projections.contract import Row
from ledger.projections.postgres.migrations import Connection
from ledger.projections.postgres.tables import SIDE_OF, TABLES, Side, Table

Record = list[Any]
Records = dict[str, dict[tuple[Any, ...], Record]]
"""By physical table and key; times are microseconds."""
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


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
        self.merge_records(connection, records_of(rows), force=force)

    def merge_records(self, connection: Connection, found: Records, *, force: bool = False) -> None:
        """The same, of what `records_of` made of the rows."""
        for name, records in found.items():
            table = TABLES[name]
            self._stage(connection, table, records.values())
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

    def _stage(self, connection: Connection, table: Table, records: Iterable[Record]) -> None:
        columns = table.columns()
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
        staging = sql.Identifier(f"st_{table.name}")
        if table.name not in self._staged:
            connection.execute(
                sql.SQL(
                    "create temp table if not exists {} on commit delete rows as select {} from {} limit 0"
                ).format(staging, names, sql.Identifier(self._schema, table.name))
            )
        # COPY sends no types: a time stands in its record as the microseconds that PostgreSQL stores, a number as its bytes.
        types = [_SENT_AS.get(kind, kind) for _, kind in columns]
        with connection.cursor() as cursor:
            copy = sql.SQL("copy {} ({}) from stdin (format binary)").format(staging, names)
            with cursor.copy(copy) as copying:
                copying.set_types(types)
                for record in records:
                    copying.write_row(record)

    def _merge_of(self, table: Table, force: bool) -> sql.Composed:
        known = self._merges.get((table.name, force))
        if known is None:
            known = self._merges[table.name, force] = _merge(self._schema, table, force)
        return known


def records_of(rows: Sequence[Row]) -> Records:
    """What to copy, by physical table and key: the newest row of each key, with the columns of its side rows."""
    found: Records = {}
    late: list[Row] = []
    for row in rows:
        shape = _SHAPES.get(row.table)
        if shape is None:
            late.append(row)
            continue
        record: Record = [*row.key, *row.values, row.version, *shape.sides]
        for at in shape.times:
            if (moment := record[at]) is not None:
                record[at] = _microseconds(moment)
        for at in shape.numbers:
            if (number := record[at]) is not None:
                known = _NUMBERS.get(id(number))
                record[at] = known[1] if known is not None else _numeric(number)
        found.setdefault(row.table, {})[row.key] = record
    for row in late:
        table, begin, kinds = _SIDES[row.table]
        records = found.setdefault(table, {})
        record = records.get(row.key) or _bare(row)
        records[row.key] = record
        for at, (is_time, value) in enumerate(zip(kinds, row.values, strict=False), begin):
            record[at] = _microseconds(value) if is_time and value is not None else value
    return found


def _bare(row: Row) -> Record:
    """A record of side columns only: key and partition's time, no version."""
    table, _ = SIDE_OF[row.table]
    record: Record = [None] * len(table.columns())
    record[: len(row.key)] = row.key
    record[len(row.key)] = _microseconds(row.values[-1])
    return record


@final
class _Shape(Struct, frozen=True):
    """How the rows of a table become records."""

    times: tuple[int, ...]
    """Which columns are times."""
    numbers: tuple[int, ...]
    """Which are exact numbers."""
    sides: tuple[None, ...]
    """Columns of side rows, not given yet."""


def _shape(table: Table) -> _Shape:
    own = (*table.key, *table.values, ("version", "int8"))
    times, numbers = (tuple(at for at, (_, kind) in enumerate(own) if kind == wanted) for wanted in _SENT_AS)
    return _Shape(times, numbers, (None,) * (len(table.columns()) - len(own)))


def _side(table: Table, side: Side) -> tuple[str, int, tuple[bool, ...]]:
    begin = [name for name, _ in table.columns()].index(side.values[0][0])
    return table.name, begin, tuple(kind == "timestamptz" for _, kind in side.values[:-1])


_SENT_AS: Final = {"timestamptz": "int8", "numeric": "bytea"}
_SHAPES: Final = {table.name: _shape(table) for table in TABLES.values()}
_SIDES: Final = {name: _side(table, side) for name, (table, side) in SIDE_OF.items()}
"""By side row: its table, its first column there, and which of its columns are times."""


_DUMP: Final = psycopg.adapters.get_dumper(Decimal, PyFormat.BINARY)(Decimal).dump
"""psycopg's own, the compiled one where there is one."""
_REMEMBERED: Final = 16_384
_NUMBERS: dict[int, tuple[Decimal, bytes]] = {}
"""Numbers met, by identity, with their bytes: `exact` gives the same object for the same number, most often, and one
that stands here lives, so that no other can have its identity."""


def _numeric(number: Decimal) -> bytes:
    """As PostgreSQL's binary format has it."""
    if len(_NUMBERS) >= _REMEMBERED:
        _NUMBERS.clear()
    made = bytes(_DUMP(number) or b"")
    _NUMBERS[id(number)] = (number, made)
    return made


@functools.lru_cache(maxsize=_REMEMBERED)
def _microseconds(moment: datetime) -> int:
    """Since PostgreSQL's epoch."""
    return (moment - _EPOCH) // _MICROSECOND


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
