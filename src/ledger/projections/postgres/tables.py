"""The tables of the projection: columns with their types, keys, and which logical rows share one physical table."""

from __future__ import annotations

from typing import Final, final

import msgspec

Columns = tuple[tuple[str, str], ...]
"""(name, PostgreSQL type)."""


@final
class Table(msgspec.Struct, frozen=True):
    """One physical table."""

    name: str
    key: Columns
    """What a row is found by: the key of its Row."""
    values: Columns
    """The values of its Row, in the builder's order."""
    partitioned_by: str = ""
    """The immutable time column that the table is partitioned by, month by month; it is the first of the values."""
    sides: tuple[Side, ...] = ()

    def columns(self) -> Columns:
        """All of them, in the order in which they are copied."""
        sides = tuple(column for side in self.sides for column in side.values[:-1])
        return (*self.key, *self.values, ("version", "int8"), *sides)

    def matched_by(self) -> tuple[str, ...]:
        """The columns that find a row, the time of its partition included."""
        found = tuple(name for name, _ in self.key)
        return (*found, self.partitioned_by) if self.partitioned_by else found


@final
class Side(msgspec.Struct, frozen=True):
    """Logical rows that are columns of another table: values, of which `seq` is their version, and at last the time
    of the partition, which finds the row and is no column of its own."""

    name: str
    seq: str
    values: Columns


_MONEY = "numeric"
ORDERS: Final = Table(
    "orders",
    (("order_id", "int8"),),
    (
        ("created_at", "timestamptz"),
        ("client_order_id", "text"),
        ("symbol", "text"),
        ("side", "text"),
        ("side_flag", "text"),
        ("order_type", "text"),
        ("quantity", _MONEY),
        ("price", _MONEY),
        ("stop_price", _MONEY),
        ("time_in_force", "text"),
        ("status", "text"),
        ("is_open", "bool"),
        ("strategy_id", "text"),
        ("account", "text"),
        ("updated_at", "timestamptz"),
        ("filled_quantity", _MONEY),
        ("leaves_quantity", _MONEY),
        ("avg_fill_price", _MONEY),
        ("cum_cost", _MONEY),
        ("fees", "text"),
        ("fill_count", "int8"),
        ("exchange", "text"),
        ("exchange_order_id", "text"),
        ("current_client_order_id", "text"),
        ("quantity_raw", "int8"),
        ("price_raw", "int8"),
        ("filled_raw", _MONEY),
        ("price_scale", "int2"),
        ("qty_scale", "int2"),
        ("algo_id", "text"),
        ("trader_id", "text"),
        ("actor", "text"),
        ("unconfirmed", "bool"),
        ("needs_recon", "bool"),
        ("expires_at", "timestamptz"),
        ("created_at_ns", "int8"),
        ("updated_at_ns", "int8"),
    ),
    "created_at",
)
FILLS: Final = Table(
    "fills",
    (
        ("exchange", "text"),
        ("account", "text"),
        ("symbol", "text"),
        ("trade_date", "text"),
        ("execution_id", "text"),
    ),
    (
        ("recorded_at", "timestamptz"),
        ("fill_id", "int8"),
        ("order_id", "int8"),
        ("order_created_at", "timestamptz"),
        ("strategy_id", "text"),
        ("side", "text"),
        ("quantity", _MONEY),
        ("price", _MONEY),
        ("commission", _MONEY),
        ("commission_currency", "text"),
        ("standing", "text"),
        ("counts", "bool"),
        ("reason", "text"),
        ("quantity_raw", "int8"),
        ("price_raw", "int8"),
        ("recorded_at_ns", "int8"),
    ),
    "recorded_at",
    (
        Side(
            "fill_reports",
            "report_seq",
            (
                ("executed_at", "timestamptz"),
                ("executed_at_ns", "int8"),
                ("liquidity_flag", "text"),
                ("exchange_order_id", "text"),
                ("contra", "text"),
                ("report_seq", "int8"),
                ("recorded_at", "timestamptz"),
            ),
        ),
        Side(
            "fill_voids",
            "void_seq",
            (("voided_at", "timestamptz"), ("void_seq", "int8"), ("recorded_at", "timestamptz")),
        ),
    ),
)
POSITIONS: Final = Table(
    "positions",
    (("symbol", "text"), ("strategy_id", "text")),
    (
        ("account", "text"),
        ("quantity", _MONEY),
        ("avg_price", _MONEY),
        ("cost", _MONEY),
        ("realized_pnl", _MONEY),
        ("cash", _MONEY),
        ("currency", "text"),
        ("fees", "text"),
        ("buy_quantity", _MONEY),
        ("sell_quantity", _MONEY),
        ("fill_count", "int8"),
        ("cycle", "int8"),
        ("last_price", _MONEY),
        ("updated_at", "timestamptz"),
        ("opened_at_ns", "int8"),
        ("updated_at_ns", "int8"),
    ),
)
ORDER_KEYS: Final = Table(
    "order_keys",
    (("symbol", "text"), ("client_order_id", "text")),
    (("order_id", "int8"), ("created_at", "timestamptz")),
)
ANOMALIES: Final = Table(
    "anomalies",
    (("partition", "int4"), ("seq", "int8")),
    (
        ("recorded_at", "timestamptz"),
        ("kind", "text"),
        ("severity", "text"),
        ("symbol", "text"),
        ("order_id", "int8"),
        ("ref_seq", "int8"),
        ("code", "int4"),
        ("detail", "text"),
        ("actor", "text"),
        ("recorded_at_ns", "int8"),
    ),
)
ADJUSTMENTS: Final = Table(
    "adjustments",
    (("partition", "int4"), ("seq", "int8"), ("strategy_id", "text"), ("symbol", "text")),
    (
        ("recorded_at", "timestamptz"),
        ("account", "text"),
        ("quantity", _MONEY),
        ("cost", _MONEY),
        ("cash", _MONEY),
        ("price", _MONEY),
        ("reason", "text"),
        ("approver", "text"),
        ("actor", "text"),
        ("reference", "text"),
        ("recorded_at_ns", "int8"),
    ),
)
DAILY_CUTS: Final = Table(
    "daily_cuts",
    (("trade_date", "text"), ("strategy_id", "text"), ("symbol", "text")),
    (
        ("calendar", "text"),
        ("account", "text"),
        ("quantity", _MONEY),
        ("realized_pnl", _MONEY),
        ("unrealized_pnl", _MONEY),
        ("unrealized_change", _MONEY),
        ("fees", "text"),
        ("mark_price", _MONEY),
        ("mark_from", "text"),
        ("mark_seq", "int8"),
        ("currency", "text"),
        ("cut_at", "timestamptz"),
    ),
)
TABLES: Final = {
    table.name: table for table in (ORDERS, FILLS, POSITIONS, ORDER_KEYS, ANOMALIES, ADJUSTMENTS, DAILY_CUTS)
}
SIDE_OF: Final = {side.name: (table, side) for table in TABLES.values() for side in table.sides}
"""The physical table of each logical one that is columns of another."""


def columns_of(name: str) -> tuple[str, ...]:
    """The names of the values of a table's rows, logical or physical."""
    values = SIDE_OF[name][1].values if name in SIDE_OF else TABLES[name].values
    return tuple(column for column, _ in values)
