"""The tables in QuestDB: the seed's columns for charts, and beside them the raw integers, ts_ns and seq for truth.

DEDUP UPSERT KEYS(timestamp, symbol, seq) makes a resend write the same row again (DOMAIN.md S-33). `timestamp` is the
venue's time, the journal's where the venue gave none. A symbol lives in one partition, so its seq is unique.
"""

from __future__ import annotations

from typing import Final

TICKS: Final = "market_data_ticks"
TRADES: Final = "trades"
EXECUTIONS: Final = "executions"
OFFSETS: Final = "ledger_offset"
_TRUTH: Final = (
    ("part", "LONG"),
    ("ts_ns", "LONG"),
    ("price_scale", "LONG"),
    ("qty_scale", "LONG"),
)
_QUOTE: Final = (("bid_px", "LONG"), ("bid_qty", "LONG"), ("ask_px", "LONG"), ("ask_qty", "LONG"))
COLUMNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    TICKS: (
        ("symbol", "SYMBOL CAPACITY 256 INDEX"), ("exchange", "SYMBOL"),
        ("bid_price", "DOUBLE"), ("bid_size", "DOUBLE"), ("ask_price", "DOUBLE"), ("ask_size", "DOUBLE"),
        ("last_price", "DOUBLE"), ("last_size", "DOUBLE"), *_QUOTE, ("last_px", "LONG"), ("last_qty", "LONG"), *_TRUTH,
    ),
    TRADES: (
        ("symbol", "SYMBOL CAPACITY 256 INDEX"), ("exchange", "SYMBOL"), ("side", "SYMBOL"),
        ("price", "DOUBLE"), ("quantity", "DOUBLE"), ("trade_id", "VARCHAR"), ("px", "LONG"), ("qty", "LONG"), *_TRUTH,
    ),
    EXECUTIONS: (
        ("symbol", "SYMBOL CAPACITY 256 INDEX"), ("exchange", "SYMBOL"), ("side", "SYMBOL"), ("strategy_id", "SYMBOL"),
        ("account", "SYMBOL"), ("kind", "SYMBOL"), ("price", "DOUBLE"), ("quantity", "DOUBLE"),
        ("client_order_id", "VARCHAR"), ("execution_id", "VARCHAR"), ("ref_execution_id", "VARCHAR"),
        ("trade_date", "VARCHAR"), ("fee_ccy", "VARCHAR"), ("px", "LONG"), ("qty", "LONG"), ("fee", "LONG"), *_TRUTH,
    ),
}  # fmt: skip
"""Every column but timestamp and seq, in the order of a row's values. Sizes of the seed are doubles here: its INT
overflows and holds no fractions (S-31)."""


def symbols_of(table: str) -> tuple[str, ...]:
    """The columns that QuestDB keeps as symbols."""
    return tuple(name for name, kind in COLUMNS[table] if kind.startswith("SYMBOL"))


def names_of(table: str) -> tuple[str, ...]:
    """The names of a row's values."""
    return tuple(name for name, _ in COLUMNS[table])


def create_table(table: str, suffix: str, period: str, uncommitted_max: int) -> str:
    """The statement that makes a table of rows; a rebuild's has a suffix."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[table])
    return (
        f"CREATE TABLE IF NOT EXISTS {table}{suffix} (timestamp TIMESTAMP_NS, {columns}, seq LONG) TIMESTAMP(timestamp)"
        f" PARTITION BY {period} WAL WITH maxUncommittedRows={uncommitted_max} DEDUP UPSERT KEYS(timestamp, symbol, seq)"
    )


CREATE_OFFSETS: Final = (
    f"CREATE TABLE IF NOT EXISTS {OFFSETS} (timestamp TIMESTAMP_NS, place SYMBOL, offset_json VARCHAR, claim LONG)"
    " TIMESTAMP(timestamp) PARTITION BY DAY TTL 7 DAYS WAL DEDUP UPSERT KEYS(timestamp, place)"
)
"""One row for each step of a journal's offset, and one for each claim (place `writer/PARTITION`); the newest counts."""
