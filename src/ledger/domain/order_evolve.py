"""What each event makes of an order: total, O(1), pure. Replay is nothing but this.

The paths of every order (submitted, accepted, filled, cancel requested, canceled) build the new state directly;
the rest copies it with the changed fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from ledger.domain import events as e
from ledger.domain.enums import CancelRejectReason, Closed, RequestKind, RequestState
from ledger.domain.events import OrderAdopted, OrderSubmitted
from ledger.domain.order_birth import adopted, submitted
from ledger.domain.order_state import (
    CHAIN_MAX,
    OrderState,
    Request,
    fees_with,
    leaves,
    request_of,
)

_OPEN, _CANCELED, _REJECTED = Closed.OPEN, Closed.CANCELED, Closed.REJECTED
_CANCEL = RequestKind.CANCEL
_SENT, _PENDING = RequestState.SENT, RequestState.PENDING


def evolve(
    state: OrderState | None, event: e.OrderEvent, seq: int, recorded_at_ns: int, partition: int = 0
) -> OrderState:
    """The order after `event`. An event that makes no order of nothing (a journal never holds one) is an assertion.

    `partition` is used by the events that create an order, for its order_id.
    """
    kind = type(event)
    if kind is OrderSubmitted:
        return submitted(event, seq, recorded_at_ns, partition)  # type: ignore[arg-type]
    if kind is OrderAdopted:
        return adopted(event, seq, recorded_at_ns, partition)  # type: ignore[arg-type]
    assert state is not None
    return ORDER_STEPS[kind](state, event, seq, recorded_at_ns)


def _filled(state: OrderState, event: e.OrderFilled, seq: int, at: int) -> OrderState:
    qty = event.qty
    cum = state.cum + qty
    fee = event.fee
    closed = state.closed
    needs_recon = state.needs_recon
    if closed is _REJECTED:
        # A reject may be inferred, a fill cannot be: the order lives.
        closed = _OPEN
        needs_recon = True
    if event.venue_cum is not None and event.venue_cum > cum:
        needs_recon = True
    return OrderState(
        state.terms,
        state.client_order_id,
        state.chain,
        state.venue_order_id or event.venue_order_id,
        state.time_in_force,
        state.expire_ts,
        state.px,
        state.stop_px,
        state.qty,
        cum,
        state.cum_cost + qty * event.px,
        True,
        closed,
        state.dfd,
        state.suspended,
        state.triggered,
        state.requests,
        fees_with(state.fees, event.fee_ccy, fee) if fee else state.fees,
        state.fill_count + 1,
        False,
        needs_recon,
        at,
        seq,
    )


def _accepted(state: OrderState, event: e.OrderAccepted, seq: int, at: int) -> OrderState:
    cum = state.cum
    return OrderState(
        state.terms,
        state.client_order_id,
        state.chain,
        event.venue_order_id or state.venue_order_id,
        state.time_in_force,
        state.expire_ts,
        state.px,
        state.stop_px,
        state.qty,
        cum,
        state.cum_cost,
        True,
        _OPEN if state.closed is _REJECTED else state.closed,
        state.dfd,
        state.suspended,
        state.triggered,
        state.requests,
        state.fees,
        state.fill_count,
        False,
        state.needs_recon or (event.venue_cum is not None and event.venue_cum > cum),
        at,
        seq,
    )


def _closed(state: OrderState, how: Closed, venue_cum: int | None, seq: int, at: int) -> OrderState:
    """No request outlives its order, and a closed order is neither suspended nor only done for the day."""
    cum = state.cum
    return OrderState(
        state.terms,
        state.client_order_id,
        state.chain,
        state.venue_order_id,
        state.time_in_force,
        state.expire_ts,
        state.px,
        state.stop_px,
        state.qty,
        cum,
        state.cum_cost,
        state.acked,
        how,
        False,
        False,
        state.triggered,
        (),
        state.fees,
        state.fill_count,
        False,
        state.needs_recon or (venue_cum is not None and venue_cum > cum),
        at,
        seq,
    )


def _with_requests(state: OrderState, requests: tuple[Request, ...], seq: int, at: int) -> OrderState:
    return OrderState(
        state.terms,
        state.client_order_id,
        state.chain,
        state.venue_order_id,
        state.time_in_force,
        state.expire_ts,
        state.px,
        state.stop_px,
        state.qty,
        state.cum,
        state.cum_cost,
        state.acked,
        state.closed,
        state.dfd,
        state.suspended,
        state.triggered,
        requests,
        state.fees,
        state.fill_count,
        state.unconfirmed,
        state.needs_recon,
        at,
        seq,
    )


def _without(state: OrderState, request_id: str) -> tuple[Request, ...]:
    requests = state.requests
    if len(requests) == 1 and requests[0].client_order_id == request_id:
        return ()
    return tuple(request for request in requests if request.client_order_id != request_id)


def _canceled(state: OrderState, event: e.OrderCanceled, seq: int, at: int) -> OrderState:
    return _closed(state, _CANCELED, event.venue_cum, seq, at)


def _expired(state: OrderState, event: e.OrderExpired, seq: int, at: int) -> OrderState:
    return _closed(state, Closed.EXPIRED, event.venue_cum, seq, at)


def _rejected(state: OrderState, event: e.OrderRejected, seq: int, at: int) -> OrderState:
    return _closed(state, _CANCELED if state.cum else _REJECTED, None, seq, at)


def _cancel_requested(state: OrderState, event: e.CancelRequested, seq: int, at: int) -> OrderState:
    request = Request(event.client_order_id, _CANCEL, _SENT, None, None, None, None, None, seq)
    return _with_requests(state, (*state.requests, request), seq, at)


def _replace_requested(state: OrderState, event: e.ReplaceRequested, seq: int, at: int) -> OrderState:
    request = Request(
        event.client_order_id,
        RequestKind.REPLACE,
        _SENT,
        event.qty,
        event.px,
        event.stop_px,
        event.time_in_force,
        event.expire_ts,
        seq,
    )
    return _with_requests(state, (*state.requests, request), seq, at)


def _request_pending(state: OrderState, request_id: str, kind: RequestKind, seq: int, at: int) -> OrderState:
    request = request_of(state, request_id)
    if request is None:
        taken_up = Request(request_id, kind, _PENDING, None, None, None, None, None, 0)
        return _with_requests(state, (*state.requests, taken_up), seq, at)
    pending = replace(request, state=_PENDING)
    requests = tuple(pending if it is request else it for it in state.requests)
    return _with_requests(state, requests, seq, at)


def _cancel_pending(state: OrderState, event: e.CancelPending, seq: int, at: int) -> OrderState:
    return _request_pending(state, event.request_id, RequestKind.CANCEL, seq, at)


def _replace_pending(state: OrderState, event: e.ReplacePending, seq: int, at: int) -> OrderState:
    return _request_pending(state, event.request_id, RequestKind.REPLACE, seq, at)


def _cancel_rejected(state: OrderState, event: e.CancelRejected, seq: int, at: int) -> OrderState:
    after = _with_requests(state, _without(state, event.request_id), seq, at)
    if event.reason_code is CancelRejectReason.TOO_LATE and state.acked and leaves(state):
        # Too late, yet open as far as we know: the venue knows of a fill that we miss.
        return replace(after, needs_recon=True)
    return after


def _replace_rejected(state: OrderState, event: e.ReplaceRejected, seq: int, at: int) -> OrderState:
    return _with_requests(state, _without(state, event.request_id), seq, at)


def _replaced(state: OrderState, event: e.OrderReplaced, seq: int, at: int) -> OrderState:
    current, chain = state.client_order_id, state.chain
    if event.client_order_id != current:
        chain = (*chain[1 - CHAIN_MAX :], current)
    return replace(
        state,
        client_order_id=event.client_order_id,
        chain=chain,
        venue_order_id=event.venue_order_id or state.venue_order_id,
        time_in_force=event.time_in_force,
        expire_ts=event.expire_ts,
        px=event.px,
        stop_px=event.stop_px,
        qty=event.qty,
        acked=True,
        requests=_without(state, event.request_id) if state.requests else (),
        unconfirmed=False,
        needs_recon=state.needs_recon or (event.venue_cum is not None and event.venue_cum > state.cum),
        ts_updated=at,
        version=seq,
    )


def _restated(state: OrderState, event: e.OrderRestated, seq: int, at: int) -> OrderState:
    return replace(
        state,
        qty=state.qty if event.qty is None else event.qty,
        px=state.px if event.px is None else event.px,
        acked=state.acked or not event.reduced,
        dfd=state.dfd and event.reduced,
        ts_updated=at,
        version=seq,
    )


def _busted(state: OrderState, event: e.FillBusted, seq: int, at: int) -> OrderState:
    if not event.known:
        return _with_requests(state, state.requests, seq, at)
    cum = state.cum - event.qty
    qty = state.qty
    if not event.reinstated and state.closed is _OPEN:
        # The venue does not give the quantity back: what can still trade stays what it was.
        qty = min(qty, cum + leaves(state))
    return replace(
        state,
        qty=qty,
        cum=cum,
        cum_cost=state.cum_cost - event.qty * event.px,
        fees=fees_with(state.fees, event.fee_ccy, -event.fee),
        fill_count=state.fill_count - 1,
        ts_updated=at,
        version=seq,
    )


def _corrected(state: OrderState, event: e.FillCorrected, seq: int, at: int) -> OrderState:
    if not event.known:
        return _with_requests(state, state.requests, seq, at)
    fees = fees_with(state.fees, event.old_fee_ccy, -event.old_fee)
    return replace(
        state,
        cum=state.cum - event.old_qty + event.qty,
        cum_cost=state.cum_cost - event.old_qty * event.old_px + event.qty * event.px,
        fees=fees_with(fees, event.fee_ccy, event.fee),
        ts_updated=at,
        version=seq,
    )


def _done_for_day(state: OrderState, event: e.OrderDoneForDay, seq: int, at: int) -> OrderState:
    return replace(state, dfd=True, ts_updated=at, version=seq)


def _suspended(state: OrderState, event: e.OrderSuspended, seq: int, at: int) -> OrderState:
    return replace(state, suspended=True, ts_updated=at, version=seq)


def _resumed(state: OrderState, event: e.OrderResumed, seq: int, at: int) -> OrderState:
    return replace(state, suspended=False, ts_updated=at, version=seq)


def _triggered(state: OrderState, event: e.OrderTriggered, seq: int, at: int) -> OrderState:
    return replace(state, triggered=True, ts_updated=at, version=seq)


def _unconfirmed(state: OrderState, event: e.OrderUnconfirmed, seq: int, at: int) -> OrderState:
    return replace(state, unconfirmed=True, ts_updated=at, version=seq)


def _status_requested(state: OrderState, _event: e.OrderStatusRequested, seq: int, at: int) -> OrderState:
    return replace(state, needs_recon=True, ts_updated=at, version=seq)


def _status_answered(state: OrderState, _event: e.OrderStatusAnswered, seq: int, at: int) -> OrderState:
    return replace(state, needs_recon=False, ts_updated=at, version=seq)


_Step = Callable[[OrderState, Any, int, int], OrderState]
ORDER_STEPS: Final[dict[type, _Step]] = {
    e.OrderFilled: _filled,
    e.OrderAccepted: _accepted,
    e.OrderRejected: _rejected,
    e.CancelRequested: _cancel_requested,
    e.ReplaceRequested: _replace_requested,
    e.FillBusted: _busted,
    e.FillCorrected: _corrected,
    e.OrderCanceled: _canceled,
    e.CancelRejected: _cancel_rejected,
    e.OrderReplaced: _replaced,
    e.ReplaceRejected: _replace_rejected,
    e.CancelPending: _cancel_pending,
    e.ReplacePending: _replace_pending,
    e.OrderExpired: _expired,
    e.OrderDoneForDay: _done_for_day,
    e.OrderRestated: _restated,
    e.OrderSuspended: _suspended,
    e.OrderResumed: _resumed,
    e.OrderTriggered: _triggered,
    e.OrderUnconfirmed: _unconfirmed,
    e.OrderStatusRequested: _status_requested,
    e.OrderStatusAnswered: _status_answered,
}
"""`evolve` of an order that there is, by type of event."""
