"""From a row of the outward stream to the command that a venue's gateway acts on; numbers scaled to integers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.enums import OrderType, Side, TimeInForce

Instruction = SubmitOrder | CancelOrder | ReplaceOrder
Scales = Mapping[str, tuple[int, int]]
"""(price_scale, qty_scale) by symbol."""


def instruction_of(row: Mapping[str, Any], scales: Scales) -> Instruction | None:
    """What the row asks the venue to do; None for one that asks about an order (OrderUnconfirmed,
    OrderStatusRequested)."""
    ps, qs = scales[row["symbol"]]
    identity = uuid.UUID(row["command_id"]).bytes if row.get("command_id") else b""
    if row["type"] == "OrderSubmitted":
        return SubmitOrder(
            identity,
            row["client_order_id"],
            row["strategy_id"],
            row["symbol"],
            row["exchange"],
            Side[row["side"]],
            OrderType[row["order_type"]],
            _scaled(row["qty"], qs) or 0,
            _scaled(row["px"], ps),
            _scaled(row["stop_px"], ps),
            TimeInForce[row["time_in_force"]],
        )
    ids = (row["symbol"], row.get("client_order_id", ""), row.get("orig_client_order_id", ""))
    if row["type"] == "CancelRequested":
        return CancelOrder(identity, *ids)
    if row["type"] == "ReplaceRequested":
        return ReplaceOrder(identity, *ids, _scaled(row["qty"], qs), _scaled(row["px"], ps))
    return None


def _scaled(value: Any, scale: int) -> int | None:
    return None if value is None else int(Decimal(value).scaleb(scale))
