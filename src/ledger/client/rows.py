"""Rows of a query as a program wants them: decimal text under the names of numbers becomes Decimal."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

DECIMAL_NAMES: Final = frozenset(
    [
        "px",
        "qty",
        "stop_px",
        "display_qty",
        "tick",
        "lot",
        "multiplier",
        "fee",
        "last_px",
        "last_qty",
        "avg_px",
        "cum_qty",
        "leaves_qty",
        "cum",
        "leaves",
        "overfill_qty",
        "cum_cost",
        "cost",
        "cash",
        "realized",
        "unrealized",
        "upnl",
        "total",
        "net",
        "net_realized",
        "buy_qty",
        "sell_qty",
        "adj_dqty",
        "adj_dcost",
        "adj_dcash",
        "bid",
        "ask",
        "bid_px",
        "bid_qty",
        "ask_px",
        "ask_qty",
        "mark",
        "venue_cum",
        "venue_leaves",
        "fees",
        "bids",
        "asks",
        "best_bid",
        "best_ask",
        "last_trade",
        "last_quote",
    ]
)
"""Names under which rows show a number as decimal text, alone or inside lists and mappings."""
_NESTED: Final = frozenset(("last_trade", "last_quote"))


def _number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    if isinstance(value, (list, tuple)):
        return [_number(part) for part in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _number(part) for key, part in cast("dict[str, Any]", value).items()}
    return value


def decimal_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with Decimals in place of decimal text; exact, since text holds every digit."""
    return {name: _column(name, value) for name, value in row.items()}


def _column(name: str, value: Any) -> Any:
    if name in _NESTED and isinstance(value, dict):
        return decimal_row(cast("dict[str, Any]", value))
    return _number(value) if name in DECIMAL_NAMES else value
