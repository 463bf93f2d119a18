"""The schema, in numbered steps that are applied once each, in order, in one transaction with their number.

A step is never changed after a release: a later one alters. Partitioned tables keep their partition's time in the
primary key, since PostgreSQL can be unique only within it; what must be unique for ever is `order_keys` (S-9).
"""

from __future__ import annotations

from typing import Any, Final, LiteralString, cast

import psycopg
from psycopg import sql

from ledger.errors import Rejected
from ledger.projections.postgres.tables import TABLES, Table

Connection = psycopg.Connection[tuple[Any, ...]]

_LENGTHS: Final = {
    "client_order_id": 50,
    "current_client_order_id": 50,
    "strategy_id": 50,
    "account": 32,
    "symbol": 32,
    "exchange": 20,
    "execution_id": 64,
    "side": 4,
    "side_flag": 20,
    "order_type": 20,
    "time_in_force": 20,
    "status": 20,
}
"""Widths of the seed's columns, as corrected (S-16)."""
_NULLABLE: Final = frozenset(
    (
        "price",
        "stop_price",
        "avg_fill_price",
        "avg_price",
        "price_raw",
        "expires_at",
        "order_id",
        "order_created_at",
        "ref_seq",
        "mark_price",
    )
)


def create_table(table: Table) -> str:
    """CREATE TABLE of one table, in the schema on the search path."""
    matched = table.matched_by()
    sides = {name for side in table.sides for name, _ in side.values}
    lines = [
        f"{name} {_type(name, kind)}"
        + (
            ""
            if (name in _NULLABLE and name not in matched) or (name in sides and name not in matched)
            else " not null"
        )
        for name, kind in table.columns()
    ]
    lines.append(f"primary key ({', '.join(matched)})")
    partitioned = f" partition by range ({table.partitioned_by})" if table.partitioned_by else ""
    return f"create table {table.name} (\n  " + ",\n  ".join(lines) + f"\n){partitioned}"


def _type(name: str, kind: str) -> str:
    return f"varchar({_LENGTHS[name]})" if kind == "text" and name in _LENGTHS else kind


_OFFSETS: Final = """
create table ledger_offset (
  partition int4 not null, journal text not null, lineage text not null, epoch int8 not null, seq int8 not null,
  chain text not null, recorded_at timestamptz not null, written_at timestamptz not null default now(),
  primary key (partition, journal));
create table ledger_retention (table_name text primary key, kept_from timestamptz not null)
"""
INDEXES: Final = {
    "idx_orders_symbol": "orders (symbol)",
    "idx_orders_strategy_id": "orders (strategy_id)",
    "idx_orders_created_at": "orders (created_at desc)",
    "idx_orders_open": "orders (strategy_id, symbol) where is_open",
    "idx_orders_client_order_id": "orders (client_order_id)",
    "idx_fills_order_id": "fills (order_id)",
    "idx_fills_executed_at": "fills (executed_at desc)",
    "idx_fills_strategy_id": "fills (strategy_id, symbol)",
    "idx_positions_strategy_id": "positions (strategy_id)",
    "idx_order_keys_order_id": "order_keys (order_id)",
    "idx_anomalies_recorded_at": "anomalies (recorded_at desc)",
}
"""Those beside the primary keys; a copy that is filled from nothing gets them at its end (`indexing`)."""
_VIEWS: Final = """
create view open_orders as
  select order_id, client_order_id, current_client_order_id, symbol, exchange, strategy_id, account, side, order_type,
         quantity, price, stop_price, time_in_force, status, filled_quantity, leaves_quantity, avg_fill_price,
         created_at, updated_at, version
  from orders where is_open;
create view daily_pnl as
  select trade_date, strategy_id, symbol, account, quantity, realized_pnl, unrealized_pnl, unrealized_change,
         realized_pnl + unrealized_change as total_pnl, currency, fees, mark_price, mark_from, mark_seq, cut_at
  from daily_cuts;
create view positions_marked as
  select p.*, c.mark_price, c.mark_seq, c.mark_from, c.trade_date as marked_on,
         p.quantity * c.mark_price * p.multiplier - p.cost as unrealized_pnl
  from positions p left join lateral (
    select mark_price, mark_seq, mark_from, trade_date from daily_cuts
    where strategy_id = p.strategy_id and symbol = p.symbol and mark_price is not null
    order by trade_date desc limit 1
  ) c on true
"""
MIGRATIONS: Final[tuple[tuple[int, str, str], ...]] = (
    (1, "tables", ";\n".join((*map(create_table, TABLES.values()), _OFFSETS))),
    (2, "indexes", ";\n".join(f"create index {name} on {what}" for name, what in INDEXES.items())),
    (3, "views", _VIEWS),
)
INDEXED: Final = 2
"""The step that makes the indexes."""
NEWEST: Final = MIGRATIONS[-1][0]


def applied(connection: Connection, schema: str) -> int:
    """The number of the newest step applied there; 0 for none."""
    found = connection.execute(
        "select to_regclass(%s) is not null", [f'"{schema}".ledger_migrations']
    ).fetchone()
    if not (found and found[0]):
        return 0
    select = sql.SQL("select coalesce(max(number), 0) from {}").format(
        sql.Identifier(schema, "ledger_migrations")
    )
    row = connection.execute(select).fetchone()
    return int(row[0]) if row else 0


def migrate(connection: Connection, schema: str) -> list[int]:
    """Apply what is missing; the numbers applied. Safe beside others who do the same.

    Raises Rejected where a newer program has been here.
    """
    done: list[int] = []
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"ledger migrate {schema}"])
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("set local search_path to {}").format(sql.Identifier(schema)))
        connection.execute(
            "create table if not exists ledger_migrations"
            " (number int4 primary key, name text not null, applied_at timestamptz not null default now())"
        )
        known = applied(connection, schema)
        if known > NEWEST:
            raise Rejected(
                f"schema {schema} is at migration {known}, this program knows {NEWEST}",
                "run the newer program, or rebuild into a schema of your own (postgresql.connection.schema)",
            )
        for number, name, text in MIGRATIONS:
            if number > known:
                connection.execute(cast("LiteralString", text))
                connection.execute(
                    "insert into ledger_migrations (number, name) values (%s, %s)", [number, name]
                )
                done.append(number)
    return done
