"""What the venue's reports about an order become; fills, busts and corrections stand in `order_executions.py`.

A report is never refused. The table says whether it is applied, changes nothing or is set aside; the functions here
build the event and the anomalies that depend on more than the phase.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.anomalies import Anomaly
from ledger.domain.context import Context
from ledger.domain.enums import (
    CancelReason,
    CancelRejectReason,
    OrderType,
    RequestKind,
    RequestState,
    Side,
    TimeInForce,
)
from ledger.domain.identifiers import EXTERNAL, fault_of_client_order_id
from ledger.domain.order_state import OrderState, expiry_after, phase, request_of, requests_of_kind
from ledger.domain.order_table import CELLS, Cell, Does
from ledger.domain.outcome import Unfit, anomaly

Head = tuple[str, str, str, str, str, int, int, int, int, str]
"""The fields of OrderReported, in order."""


class Made(NamedTuple):
    """An event and the anomalies beside it; no event sets the report aside with them."""

    event: e.Event | None
    kinds: tuple[Anomaly, ...] = ()


_NOTHING: Final = Made(None)


def decide_report(state: OrderState | None, fact: f.OrderReport, context: Context) -> list[e.Event] | Unfit:
    """The events of a report other than an execution; [] if it tells nothing new."""
    cell = CELLS[type(fact)][phase(state)]
    if state is None:
        return _of_unknown_order(fact, cell, context)
    if cell.does is Does.SAME and not cell.may:
        return _with_cum(state, fact, [], context)
    if cell.does is Does.ASIDE:
        assert cell.record is not None
        return _with_cum(state, fact, [_note(state, fact, cell.record, context, None)], context)
    fault = _fault(fact)
    if fault:
        return Unfit(fault)
    made = _MAKERS[type(fact)](state, fact, head_of(state, fact, context))
    if made.event is None:
        return _with_cum(state, fact, [_note(state, fact, it, context, None) for it in made.kinds], context)
    events: list[e.Event] = [made.event]
    if cell.record is not None:
        events.append(_note(state, fact, cell.record, context, 0))
    for kind in made.kinds:
        events.append(_note(state, fact, kind, context, 0))
    return _with_cum(state, fact, events, context)


def head_of(state: OrderState, fact: f.OrderFact, context: Context) -> Head:
    """The head of the event that a report about a known order becomes."""
    terms = state.terms
    return (
        terms.symbol,
        terms.client_order_id,
        terms.strategy_id,
        terms.exchange,
        fact.source,
        fact.source_epoch,
        fact.source_seq,
        fact.event_time_ns,  # type: ignore[attr-defined]
        context.received_at_ns,
        context.actor,
    )


def _note(
    state: OrderState, fact: f.OrderFact, kind: Anomaly, context: Context, beside: int | None
) -> e.AnomalyRecorded:
    terms = state.terms
    detail = (
        f"{type(fact).__name__} from {fact.source} met order {terms.client_order_id} in {phase(state).name}"
    )
    return anomaly(context, kind, detail, order_id=terms.order_id, symbol=terms.symbol, beside=beside)


def _with_cum(
    state: OrderState, fact: f.OrderReport, events: list[e.Event], context: Context
) -> list[e.Event]:
    """A venue that counts more than we do has told us of a fill that we miss; less is only late."""
    venue_cum: int | None = getattr(fact, "venue_cum", None)
    if venue_cum is not None and venue_cum > state.cum:
        detail = f"the venue counts {venue_cum} filled of order {state.terms.client_order_id}, we {state.cum}"
        events.append(
            cum_mismatch(state, detail, context, 0 if events and _is_order_event(events[0]) else None)
        )
    return events


def cum_mismatch(state: OrderState, detail: str, context: Context, beside: int | None) -> e.AnomalyRecorded:
    """CUM_MISMATCH of an order."""
    terms = state.terms
    return anomaly(
        context, Anomaly.CUM_MISMATCH, detail, order_id=terms.order_id, symbol=terms.symbol, beside=beside
    )


def _is_order_event(event: e.Event) -> bool:
    return type(event) is not e.AnomalyRecorded


def _fault(fact: f.OrderReport) -> str:
    if type(fact) in _WITH_QTY:
        qty: int | None = fact.qty  # type: ignore[union-attr]
        if qty is not None and qty < 0:
            return f"{type(fact).__name__} with the negative qty {qty}"
    return ""


def _of_unknown_order(fact: f.OrderReport, cell: Cell, context: Context) -> list[e.Event]:
    assert cell.record is not None
    events: list[e.Event] = []
    if type(fact) is f.ReportAccepted and _says_enough(fact):
        events.append(_adopted(fact, context))
    name = fact.client_order_id or getattr(fact, "venue_order_id", "") or getattr(fact, "request_id", "")
    detail = f"{type(fact).__name__} from {fact.source} for an order that is unknown here: {name!r}"
    beside = 0 if events else None
    events.append(anomaly(context, cell.record, detail, symbol=fact.symbol, beside=beside))
    return events


def _says_enough(fact: f.ReportAccepted) -> bool:
    if fact.side is None or fact.qty is None or fact.qty <= 0 or not fact.account:
        return False
    return not fault_of_client_order_id("client_order_id", fact.client_order_id)


def _adopted(fact: f.ReportAccepted, context: Context) -> e.OrderAdopted:
    limit = OrderType.MARKET if fact.px is None else OrderType.LIMIT
    return e.OrderAdopted(
        fact.symbol,
        fact.client_order_id,
        fact.strategy_id or EXTERNAL,
        fact.exchange,
        fact.source,
        fact.source_epoch,
        fact.source_seq,
        fact.event_time_ns,
        context.received_at_ns,
        context.actor,
        fact.client_order_id,
        fact.account,
        fact.side or Side.BUY,
        limit if fact.order_type is None else fact.order_type,
        fact.qty or 0,
        fact.px,
        TimeInForce.DAY if fact.time_in_force is None else fact.time_in_force,
        fact.venue_order_id,
    )


def _accepted(state: OrderState, fact: f.ReportAccepted, head: Head) -> Made:
    said, known = fact.venue_order_id, state.venue_order_id
    changed = bool(said and known and said != known)
    kinds = (Anomaly.VENUE_ID_CHANGED,) if changed else ()
    if CELLS[f.ReportAccepted][phase(state)].does is Does.SAME and (not said or said == known):
        return _NOTHING
    return Made(e.OrderAccepted(*head, said, fact.venue_cum), kinds)


def _rejected(state: OrderState, fact: f.ReportRejected, head: Head) -> Made:
    event = e.OrderRejected(*head, fact.reason_code, fact.text)
    if not state.acked:
        return Made(event)
    return Made(event, (Anomaly.REJECT_WITH_FILLS if state.cum else Anomaly.REJECT_AFTER_ACK,))


_BY_ITS_NATURE: Final = {
    CancelReason.IOC_REMAINDER: TimeInForce.IOC,
    CancelReason.FOK_KILL: TimeInForce.FOK,
}


def _canceled(state: OrderState, fact: f.ReportCanceled, head: Head) -> Made:
    event = e.OrderCanceled(*head, fact.solicited, fact.request_id, fact.reason, fact.venue_cum)
    asked = bool(requests_of_kind(state, RequestKind.CANCEL)) or not state.acked
    # Whoever sends an IOC or FOK has asked for its remainder to be canceled.
    asked = asked or _BY_ITS_NATURE.get(fact.reason) is state.time_in_force
    return Made(event) if asked else Made(event, (Anomaly.UNSOLICITED_CANCEL,))


def _cancel_rejected(state: OrderState, fact: f.ReportCancelRejected, head: Head) -> Made:
    if request_of(state, fact.request_id) is None:
        return Made(None, (Anomaly.UNKNOWN_REQUEST,))
    event = e.CancelRejected(*head, fact.request_id, fact.reason_code, fact.text)
    missed = fact.reason_code is CancelRejectReason.TOO_LATE and state.acked and state.cum < state.qty
    return Made(event, (Anomaly.MISSED_FILL_SUSPECTED,)) if missed else Made(event)


def _replace_rejected(state: OrderState, fact: f.ReportReplaceRejected, head: Head) -> Made:
    if request_of(state, fact.request_id) is None:
        return Made(None, (Anomaly.UNKNOWN_REQUEST,))
    return Made(e.ReplaceRejected(*head, fact.request_id, fact.reason_code, fact.text))


def _replaced(state: OrderState, fact: f.ReportReplaced, head: Head) -> Made:
    request = request_of(state, fact.request_id)
    if request is None and not fact.request_id:
        # A venue that names no request can only mean the one that there is.
        replaces = requests_of_kind(state, RequestKind.REPLACE)
        request = replaces[0] if len(replaces) == 1 else None
    kinds = () if request is not None else (Anomaly.UNSOLICITED_REPLACE,)
    request_id = fact.request_id if request is None else request.client_order_id
    qty = _first(fact.qty, request and request.qty, state.qty)
    if qty < state.cum:
        qty = state.cum
        kinds = (*kinds, Anomaly.REPLACE_BELOW_CUM)
    tif, expire_ts = expiry_after(state, request and request.time_in_force, request and request.expire_ts)
    event = e.OrderReplaced(
        *head,
        request_id or state.client_order_id,
        request_id,
        qty,
        _px(fact.px, request and request.px, state.px),
        _px(fact.stop_px, request and request.stop_px, state.stop_px),
        tif,
        expire_ts,
        fact.venue_order_id,
        fact.venue_cum,
    )
    return Made(event, kinds)


def _first(said: int | None, asked: int | None, was: int) -> int:
    return said if said is not None else asked if asked is not None else was


def _px(said: int | None, asked: int | None, was: int | None) -> int | None:
    return said if said is not None else asked if asked is not None else was


def _pending_cancel(state: OrderState, fact: f.ReportPendingCancel, head: Head) -> Made:
    return _NOTHING if _in_hand(state, fact.request_id) else Made(e.CancelPending(*head, fact.request_id))


def _pending_replace(state: OrderState, fact: f.ReportPendingReplace, head: Head) -> Made:
    return _NOTHING if _in_hand(state, fact.request_id) else Made(e.ReplacePending(*head, fact.request_id))


def _in_hand(state: OrderState, request_id: str) -> bool:
    request = request_of(state, request_id)
    return request is not None and request.state is RequestState.PENDING


def _expired(state: OrderState, fact: f.ReportExpired, head: Head) -> Made:
    return Made(e.OrderExpired(*head, venue_cum=fact.venue_cum))


def _done_for_day(state: OrderState, fact: f.ReportDoneForDay, head: Head) -> Made:
    return _NOTHING if state.dfd else Made(e.OrderDoneForDay(*head))


def _restated(state: OrderState, fact: f.ReportRestated, head: Head) -> Made:
    qty = fact.qty
    if qty is not None and qty < state.cum:
        return Made(e.OrderRestated(*head, state.cum, fact.px), (Anomaly.REPLACE_BELOW_CUM,))
    if not state.dfd and qty in (None, state.qty) and fact.px in (None, state.px):
        return _NOTHING
    return Made(e.OrderRestated(*head, qty, fact.px))


def _reduced(state: OrderState, fact: f.ReportReduced, head: Head) -> Made:
    qty = max(fact.qty, state.cum)
    return _NOTHING if qty >= state.qty else Made(e.OrderRestated(*head, qty, None, True))


def _suspended(state: OrderState, fact: f.ReportSuspended, head: Head) -> Made:
    return _NOTHING if state.suspended else Made(e.OrderSuspended(*head))


def _resumed(state: OrderState, fact: f.ReportResumed, head: Head) -> Made:
    return Made(e.OrderResumed(*head)) if state.suspended else _NOTHING


def _triggered(state: OrderState, fact: f.ReportTriggered, head: Head) -> Made:
    return _NOTHING if state.triggered else Made(e.OrderTriggered(*head))


_WITH_QTY: Final = (f.ReportReplaced, f.ReportRestated, f.ReportReduced)
_Maker = Callable[[OrderState, Any, Head], Made]
_MAKERS: Final[dict[type, _Maker]] = {
    f.ReportAccepted: _accepted,
    f.ReportRejected: _rejected,
    f.ReportCanceled: _canceled,
    f.ReportCancelRejected: _cancel_rejected,
    f.ReportReplaced: _replaced,
    f.ReportReplaceRejected: _replace_rejected,
    f.ReportPendingCancel: _pending_cancel,
    f.ReportPendingReplace: _pending_replace,
    f.ReportExpired: _expired,
    f.ReportDoneForDay: _done_for_day,
    f.ReportRestated: _restated,
    f.ReportReduced: _reduced,
    f.ReportSuspended: _suspended,
    f.ReportResumed: _resumed,
    f.ReportTriggered: _triggered,
}
