"""Reports that name no symbol, as FIX's cancel reject does not: the one order that they can mean, by its ids there.

Looked for among the orders of this partition. None or several: the report is kept as it came, for an operator.
"""

from __future__ import annotations

from typing import Any

from ledger.fold import OrderKey, TradingFold


def symbol_of_order(fold: TradingFold, report: Any) -> tuple[str, str]:
    """(symbol, "") of the order that a report or its text means; ("", why) where that is not exactly one."""
    exchange, named = report.exchange, report.client_order_id
    venue_order_id = getattr(report, "venue_order_id", "")
    found: set[OrderKey] = set()
    if venue_order_id:
        key = fold.order_of_venue_id.get((exchange, venue_order_id))
        if key is not None:
            found.add(key)
    if not found and named:
        for symbol in fold.instruments.states:
            key = fold.find_order(symbol, named)
            state = fold.orders.get(key) if key is not None else None
            if key is not None and state is not None and state.terms.exchange == exchange:
                found.add(key)
    if len(found) == 1:
        return found.pop()[0], ""
    many = "no order" if not found else f"{len(found)} orders"
    return "", f"it names no symbol, and {many} of {exchange} can be meant by {venue_order_id or named!r}"
