"""The order: one door to its state, `decide` and `evolve`.

`decide(state, input, context)` says what a command or a report becomes: events, a Rejection, a Repeated request, or
Unfit for a fact that no state can take; `[]` tells nothing new. It changes nothing and may be asked twice.
`evolve(state, event, seq, recorded_at_ns, partition)` says what an event makes of the order.

The caller finds the order that a report means (its first, current or any request id, or its venue_order_id), and
for executions the fills: `find_fills(fact, account, get, exchange)` with the order's account and exchange, or the
fact's where the order is unknown. For a bust or correction of a known fill the order is the fill's (`root.order`).
"""

from __future__ import annotations

from typing import Final

from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.context import Context
from ledger.domain.events import (
    CancelPending,
    CancelRequested,
    Event,
    OrderAdopted,
    OrderReplaced,
    OrderSubmitted,
    ReplacePending,
    ReplaceRequested,
)
from ledger.domain.facts import OrderReport, ReportFill, ReportTradeCancel, ReportTradeCorrect
from ledger.domain.fill import NO_FILLS, Fills, find_fills
from ledger.domain.order_commands import Answer, decide_cancel, decide_replace, decide_submit
from ledger.domain.order_evolve import evolve
from ledger.domain.order_executions import decide_correction, decide_fill
from ledger.domain.order_reports import decide_report
from ledger.domain.order_state import (
    OrderState,
    OrderTerms,
    Request,
    avg_px,
    canonical,
    from_canonical,
    is_open,
    leaves,
    overfill,
    phase,
    status,
    status_of_broker,
)
from ledger.domain.outcome import Repeated, Unfit

OrderInput = SubmitOrder | CancelOrder | ReplaceOrder | OrderReport

__all__ = [
    "NO_FILLS",
    "Fills",
    "OrderInput",
    "OrderState",
    "OrderTerms",
    "Repeated",
    "Request",
    "Unfit",
    "avg_px",
    "canonical",
    "decide",
    "evolve",
    "find_fills",
    "from_canonical",
    "id_given",
    "is_open",
    "leaves",
    "overfill",
    "phase",
    "status",
    "status_of_broker",
]


def decide(
    state: OrderState | None,
    said: OrderInput,
    context: Context,
    fills: Fills = NO_FILLS,
    owner: OrderState | None = None,
) -> Answer | Unfit:
    """The outcome of one input for the order `state`, None if it is unknown.

    `fills` is for fills, busts and corrections. `owner` is for commands: the order that already has the command's
    own client_order_id as any of its ids (of a SubmitOrder it may be given as `state` as well).
    """
    kind = type(said)
    if kind is ReportFill:
        return decide_fill(state, said, context, fills)  # type: ignore[arg-type]
    if kind is SubmitOrder:
        return decide_submit(owner or state, said, context)  # type: ignore[arg-type]
    if kind is CancelOrder:
        return decide_cancel(state, said, context, owner)  # type: ignore[arg-type]
    if kind is ReplaceOrder:
        return decide_replace(state, said, context, owner)  # type: ignore[arg-type]
    if kind is ReportTradeCancel or kind is ReportTradeCorrect:
        return decide_correction(state, said, context, fills)  # type: ignore[arg-type]
    return decide_report(state, said, context)  # type: ignore[arg-type]


def id_given(event: Event) -> str:
    """The client_order_id that an event gives to its order (the id index holds it for ever), "" for none."""
    kind = type(event)
    if kind in _GIVE_CLIENT_ORDER_ID:
        return event.client_order_id  # type: ignore[union-attr]
    if kind in _GIVE_REQUEST_ID:
        return event.request_id  # type: ignore[union-attr]
    return ""


_GIVE_CLIENT_ORDER_ID: Final = frozenset(
    (OrderSubmitted, OrderAdopted, CancelRequested, ReplaceRequested, OrderReplaced)
)
_GIVE_REQUEST_ID: Final = frozenset((CancelPending, ReplacePending))
