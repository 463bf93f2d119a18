"""Positions that all runs on a ledger share: fills that no order explains, orders that only the venue knew.

What this run told is compared row by row. The positions hold other runs' fills too, so they are added up from the
ledger's own fills, which shows that each position is the sum of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ledger.domain.enums import Side
from ledger.testing.books import EXTERNAL, UNALLOCATED, Books, Holding, add_up
from ledger.testing.comparison import (
    Row,
    Scales,
    compare_fills,
    compare_orders,
    compare_positions,
    fraction,
)
from ledger.wire import parse_order_id

SHARED: Final = (UNALLOCATED, EXTERNAL)


class _Line:
    """One fill as a ledger shows it, in its instrument's scales."""

    def __init__(self, row: Row, scales: tuple[int, int]) -> None:
        price_scale, qty_scale = scales
        self.side = Side[row["side"]]
        self.qty = int(fraction(row["qty"]) * 10**qty_scale)
        self.px = int(fraction(row["px"]) * 10**price_scale)
        self.fee = int(fraction(row["fee"]) * 10**8)


def compare_shared(
    books: Books, rows: Mapping[str, list[dict[str, Any]]], run: str, scales: Scales
) -> list[str]:
    """One sentence for each value of the shared strategies that the ledger has otherwise."""
    orders = _only(rows["orders"], "client_order_id", f"{run}-")
    fills = _only(rows["fills"], "execution_id", f"X{run}-")
    records = {key: each for key, each in books.orders.items() if each.strategy_id in SHARED}
    traded = [each for each in books.executions.fills.values() if each.holder in SHARED]
    found = compare_orders(records, orders, scales) + compare_fills(traded, fills, scales)
    positions = [row for row in rows["positions"] if _is_shared(row, scales)]
    return found + compare_positions(_holdings(rows["fills"], scales), positions)


def _only(rows: Iterable[Row], name: str, begins: str) -> list[Row]:
    return [row for row in rows if row["strategy_id"] in SHARED and row[name].startswith(begins)]


def _is_shared(row: Row, scales: Scales) -> bool:
    return row["strategy_id"] in SHARED and row["symbol"] in scales


def _holdings(fills: Iterable[Row], scales: Scales) -> dict[tuple[str, str], Holding]:
    came = [row for row in fills if _is_shared(row, scales) and not row["standing"].startswith("ORPHAN")]
    places: dict[tuple[str, str], list[_Line]] = {}
    for row in sorted(came, key=lambda row: parse_order_id(row["fill_id"])):
        lines = places.setdefault((row["strategy_id"], row["symbol"]), [])
        if row["counts"]:
            lines.append(_Line(row, scales[row["symbol"]]))
    return {place: add_up(lines, *scales[place[1]]) for place, lines in places.items()}
