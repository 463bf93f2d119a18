"""What a ledger that stops leaves behind: the orders that are still open at the venue, said as lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

SHOWN_MAX: Final = 50
"""More than this nobody reads as they scroll by; the rest is counted."""


def left_open(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A heading and a line for each open order, as `show orders --open` has them; none if none is open."""
    shown: list[str] = []
    count = 0
    for row in rows:
        count += 1
        if count <= SHOWN_MAX:
            shown.append(f"  {_line(row)}")
    if not count:
        return []
    left = [f"  and {count - SHOWN_MAX:,} more"] if count > SHOWN_MAX else []
    orders = "1 order stays" if count == 1 else f"{count:,} orders stay"
    return [f"{orders} open at the venue while this ledger is down:", *shown, *left]


def _line(row: Mapping[str, Any]) -> str:
    px = f" at {row['px']}" if row.get("px") else ""
    return (
        f"{row['order_id']} {row['client_order_id']} {row['strategy_id']}: {row['side']} {row['leaves_qty']} of "
        f"{row['qty']} {row['symbol']}{px}, {row['status']}"
    )
