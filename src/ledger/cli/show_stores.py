"""`ledger show ... --from postgres`: the same questions, asked of a database behind the ledger."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ledger.cli.output import coloured, lines_of, print_csv, print_json, table
from ledger.client import stores
from ledger.config import load
from ledger.errors import Rejected

STORES: Final[dict[str, Any]] = {"postgres": stores.PostgresStore, "redis": stores.RedisStore}
"""Each is made with settings."""
COLUMNS: Final = {
    "orders": (
        "order_id", "strategy_id", "symbol", "client_order_id", "side", "order_type", "quantity", "price",
        "filled_quantity", "leaves_quantity", "avg_fill_price", "status",
    ),
    "fills": (
        "fill_id", "strategy_id", "symbol", "order_id", "execution_id", "side", "quantity", "price", "commission",
        "commission_currency", "standing",
    ),
    "positions": (
        "strategy_id", "symbol", "quantity", "avg_price", "cost", "realized_pnl", "cash", "currency", "fees",
        "fill_count",
    ),
}  # fmt: skip


def show_from(
    store: str, what: str, filters: Mapping[str, str], form: str, config: Path | None, sets: list[str] | None
) -> int:
    """Print what a store knows. Raises Rejected where it cannot be asked that, Unavailable where it cannot be reached."""
    if store not in STORES:
        raise Rejected(f"--from {store}: there is no such store", f"one of {', '.join(STORES)}")
    with closing(STORES[store](load(config, sets or ()).settings)) as found:
        place = found.place()
        if place is None:
            raise Rejected(f"{store} holds nothing yet", "`ledger projections status`")
        rows = _rows_of(found, what, dict(filters))
        print(f"from {store} at {place}", file=sys.stderr)
        _print(rows, what, form)
    return 0


def _rows_of(store: Any, what: str, filters: dict[str, str]) -> list[dict[str, Any]]:
    names = {"strategy": filters.pop("strategy", ""), "symbol": filters.pop("symbol", "")}
    if what == "orders" and filters.pop("open", ""):
        rows = store.open_orders(**names)
    elif what == "position":
        one = store.position(**names)
        if one is None:
            raise Rejected(
                f"there is no position {names['strategy']}/{names['symbol']} there", "it is unknown, not zero"
            )
        rows = [one]
    elif what == "book":
        one = store.top_levels(names["symbol"], int(filters.pop("depth", "") or 10))
        if one is None:
            raise Rejected(f"there is no book of {names['symbol']} there", "it is unknown, not empty")
        rows = [one]
    elif what in COLUMNS and hasattr(store, what):
        rows = getattr(store, what)(**names)
    else:
        raise Rejected(f"{what} cannot be asked of a store", f"one of position, book, {', '.join(COLUMNS)}")
    if filters:
        raise Rejected(
            f"--{next(iter(filters)).replace('_', '-')} cannot be asked of a store", "leave it out"
        )
    return rows


def _print(rows: list[dict[str, Any]], what: str, form: str) -> None:
    if form == "json":
        print_json(rows)
    elif form == "csv":
        print_csv(rows, tuple(rows[0]) if rows else COLUMNS.get(what, ()))
    elif what in COLUMNS:
        for line in table(rows, COLUMNS[what], coloured()):
            print(line)
        print(f"{len(rows)} {what}", file=sys.stderr)
    else:
        for row in rows:
            for line in lines_of(row):
                print(line)
