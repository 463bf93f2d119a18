"""What is known of one order, and what follows from it: leaves, average price, phase and status are never stored.

An order's state does not grow with its history: its fills are entities of their own (`fill.py`), its past ids are
kept to a bounded number here and wholly in the journal. Prices and quantities are integers in the instrument's
scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

import msgspec
from msgspec import Struct

from ledger.domain.enums import (
    Closed,
    OrderStatus,
    OrderType,
    Phase,
    RequestKind,
    RequestState,
    Side,
    SideFlag,
    TimeInForce,
)
from ledger.domain.values import to_money

CHAIN_MAX: Final = 16
"""How many former ids an order's state shows; the id index and the journal hold them all."""

Fees = tuple[tuple[str, int], ...]
"""(currency, sum) by currency, without zeros."""


@final
class OrderTerms(Struct, frozen=True, array_like=True, gc=False):
    """What never changes: the order as it was submitted or adopted."""

    order_id: int
    """Partition in the top 16 bits, seq of its OrderSubmitted or OrderAdopted below."""
    client_order_id: str
    """Its first id, which names its actor."""
    strategy_id: str
    account: str
    symbol: str
    exchange: str
    side: Side
    order_type: OrderType
    qty: int
    px: int | None
    stop_px: int | None
    time_in_force: TimeInForce
    side_flag: SideFlag
    expire_ts: int
    display_qty: int
    post_only: bool
    reduce_only: bool
    algo_id: str
    trader_id: str
    session_id: str
    actor: str
    ts_created: int
    """recorded_at_ns of its first event."""
    adopted: bool


@final
class Request(Struct, frozen=True, array_like=True, gc=False):
    """A cancel or replace that the venue has not answered; None asks for no change."""

    client_order_id: str
    kind: RequestKind
    state: RequestState
    qty: int | None
    px: int | None
    stop_px: int | None
    time_in_force: TimeInForce | None
    expire_ts: int | None
    seq: int
    """Of its CancelRequested or ReplaceRequested; 0 for one that only the venue knows."""


@final
class OrderState(Struct, frozen=True, array_like=True, gc=False):
    """An order as it is now."""

    terms: OrderTerms
    client_order_id: str
    """The current id; moves with each OrderReplaced."""
    chain: tuple[str, ...]
    """The ids before it, newest last, at most CHAIN_MAX."""
    venue_order_id: str
    time_in_force: TimeInForce
    expire_ts: int
    px: int | None
    stop_px: int | None
    qty: int
    cum: int
    """Sum of the effective fills' quantities; passes qty when overfilled."""
    cum_cost: int
    """Sum of qty * px over the effective fills; unbounded."""
    acked: bool
    """The venue has shown that it has the order, by an acknowledgement or a fill."""
    closed: Closed
    dfd: bool
    """Done for the day."""
    suspended: bool
    triggered: bool
    requests: tuple[Request, ...]
    """In the order in which they were asked."""
    fees: Fees
    fill_count: int
    """Effective fills."""
    unconfirmed: bool
    """The venue has not said whether it has the order."""
    needs_recon: bool
    """A report disagreed with us: the venue was asked (OrderStatusRequested) and has not answered."""
    ts_updated: int
    """recorded_at_ns of its last event."""
    version: int
    """seq of its last event."""


_OPEN: Final = Closed.OPEN
_PHASE_OF_CLOSED: Final = {Closed.CANCELED: Phase.CXL, Closed.EXPIRED: Phase.EXP, Closed.REJECTED: Phase.REJ}
_NONE, _PEND, _LIVE, _FULL = Phase.NONE, Phase.PEND, Phase.LIVE, Phase.FULL


def leaves(state: OrderState) -> int:
    """What can still trade; 0 when closed or overfilled."""
    if state.closed is not _OPEN:
        return 0
    return max(0, state.qty - state.cum)


def overfill(state: OrderState) -> int:
    """What traded beyond the order's quantity."""
    return max(0, state.cum - state.qty)


def avg_px(state: OrderState) -> tuple[int, int] | None:
    """The average price of the effective fills as (numerator, denominator) in price units; None without fills."""
    return (state.cum_cost, state.cum) if state.cum else None


def phase(state: OrderState | None) -> Phase:
    """The column of `order_table` that the order stands in."""
    if state is None:
        return _NONE
    if state.closed is not _OPEN:
        return _PHASE_OF_CLOSED[state.closed]
    if state.cum >= state.qty:
        return _FULL
    return _LIVE if state.acked else _PEND


def is_open(state: OrderState) -> bool:
    """Whether anything can still happen to it by itself; this is what a restart must load."""
    return state.closed is _OPEN and (state.cum < state.qty or bool(state.requests))


def status(state: OrderState) -> OrderStatus:
    """FIX 39 as a trader must see it: a request counts from when it was sent."""
    return _status(state, state.requests)


def status_of_broker(state: OrderState) -> OrderStatus:
    """FIX 39 as the venue shows it: a request counts once the venue has it in hand."""
    if state.requests:
        return _status(state, tuple(it for it in state.requests if it.state is RequestState.PENDING))
    return _status(state, ())


def _status(state: OrderState, requests: tuple[Request, ...]) -> OrderStatus:
    if requests:
        for request in requests:
            if request.kind is RequestKind.CANCEL:
                return OrderStatus.PENDING_CANCEL
        return OrderStatus.PENDING_REPLACE
    if state.dfd:
        return OrderStatus.DONE_FOR_DAY
    if state.cum >= state.qty > 0:
        return OrderStatus.FILLED
    if state.suspended:
        return OrderStatus.SUSPENDED
    return _status_of_rest(state)


def _status_of_rest(state: OrderState) -> OrderStatus:
    if state.closed is Closed.CANCELED:
        return OrderStatus.CANCELED
    if state.closed is Closed.EXPIRED:
        return OrderStatus.EXPIRED
    if state.cum > 0:
        return OrderStatus.PARTIALLY_FILLED
    if state.closed is Closed.REJECTED:
        return OrderStatus.REJECTED
    if state.qty == 0:
        # All of it was broken and not given back, or reduced away: nothing is left that could be NEW.
        return OrderStatus.CANCELED
    return OrderStatus.NEW if state.acked else OrderStatus.PENDING_NEW


def request_of(state: OrderState, request_id: str) -> Request | None:
    """The outstanding request with this id."""
    for request in state.requests:
        if request.client_order_id == request_id:
            return request
    return None


def requests_of_kind(state: OrderState, kind: RequestKind) -> tuple[Request, ...]:
    """The outstanding cancels or replaces."""
    requests = state.requests
    return tuple([request for request in requests if request.kind is kind]) if requests else requests


def expiry_after(
    state: OrderState, tif: TimeInForce | None, expire_ts: int | None
) -> tuple[TimeInForce, int]:
    """Time in force and expiry once a change is made: an old expiry does not outlive GTD."""
    after = state.time_in_force if tif is None else tif
    if expire_ts is not None:
        return after, expire_ts
    return after, state.expire_ts if after is TimeInForce.GTD else 0


def fees_with(fees: Fees, currency: str, amount: int) -> Fees:
    """The sums by currency with `amount` more; a sum of zero leaves."""
    if not fees:
        return ((currency, amount),) if amount else fees
    if len(fees) == 1 and fees[0][0] == currency:
        total = fees[0][1] + amount
        return ((currency, total),) if total else ()
    sums = dict(fees)
    sums[currency] = sums.get(currency, 0) + amount
    return tuple(sorted(item for item in sums.items() if item[1]))


def canonical(state: OrderState) -> tuple[object, ...]:
    """The state as msgpack can hold it: the fields in order, integers beyond 64 bits as decimal text."""
    fields: list[object] = list(msgspec.structs.astuple(state))
    for index in _WIDE:
        fields[index] = to_money(fields[index])  # type: ignore[arg-type]
    fields[_FEES] = tuple((currency, to_money(amount)) for currency, amount in state.fees)
    return tuple(fields)


def from_canonical(stored: Sequence[object]) -> OrderState:
    """The state that `canonical` made these fields of; msgspec.ValidationError if they are not an order's."""
    fields = list(stored)
    for index in _WIDE:
        fields[index] = int(fields[index])  # type: ignore[call-overload]
    fees: Sequence[tuple[str, int | str]] = fields[_FEES]  # type: ignore[assignment]
    fields[_FEES] = tuple((currency, int(amount)) for currency, amount in fees)
    fields[0] = msgspec.to_builtins(fields[0])
    fields[_REQUESTS] = msgspec.to_builtins(fields[_REQUESTS])
    return msgspec.convert(fields, OrderState)


_WIDE: Final = tuple(OrderState.__struct_fields__.index(name) for name in ("cum", "cum_cost"))
_FEES: Final = OrderState.__struct_fields__.index("fees")
_REQUESTS: Final = OrderState.__struct_fields__.index("requests")
