"""How an order begins: submitted by us, or adopted from a venue that has one we did not know."""

from __future__ import annotations

from typing import Final

from ledger.domain.context import PARTITION_SHIFT
from ledger.domain.enums import Closed, SideFlag
from ledger.domain.events import OrderAdopted, OrderSubmitted
from ledger.domain.order_state import OrderState, OrderTerms

_OPEN: Final = Closed.OPEN


def submitted(event: OrderSubmitted, seq: int, at: int, partition: int) -> OrderState:
    """Ours, not yet shown to be at the venue."""
    first = event.client_order_id
    qty, px, stop_px = event.qty, event.px, event.stop_px
    time_in_force, expire_ts = event.time_in_force, event.expire_ts
    terms = OrderTerms(
        partition << PARTITION_SHIFT | seq,
        first,
        event.strategy_id,
        event.account,
        event.symbol,
        event.exchange,
        event.side,
        event.order_type,
        qty,
        px,
        stop_px,
        time_in_force,
        event.side_flag,
        expire_ts,
        event.display_qty,
        event.post_only,
        event.reduce_only,
        event.algo_id,
        event.trader_id,
        event.session_id,
        event.actor,
        at,
        False,
    )
    return _fresh(terms, "", False, at, seq)


def adopted(event: OrderAdopted, seq: int, at: int, partition: int) -> OrderState:
    """The venue's, taken over as it stands there."""
    terms = OrderTerms(
        partition << PARTITION_SHIFT | seq,
        event.client_order_id,
        event.strategy_id,
        event.account,
        event.symbol,
        event.exchange,
        event.side,
        event.order_type,
        event.qty,
        event.px,
        None,
        event.time_in_force,
        SideFlag.NONE,
        0,
        0,
        False,
        False,
        "",
        "",
        "",
        event.actor,
        at,
        True,
    )
    return _fresh(terms, event.venue_order_id, True, at, seq)


def _fresh(terms: OrderTerms, venue_order_id: str, acked: bool, at: int, seq: int) -> OrderState:
    return OrderState(
        terms,
        terms.client_order_id,
        (),
        venue_order_id,
        terms.time_in_force,
        terms.expire_ts,
        terms.px,
        terms.stop_px,
        terms.qty,
        0,
        0,
        acked,
        _OPEN,
        False,
        False,
        False,
        (),
        (),
        0,
        False,
        False,
        at,
        seq,
    )
