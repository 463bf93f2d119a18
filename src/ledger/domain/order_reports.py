"""What the venue's reports about an order become; fills, busts and corrections stand in `order_executions.py`.

A report is never refused. The table says whether it is applied, changes nothing or is set aside; the functions here
build the event and the anomalies that depend on more than the phase.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.anomalies import Anomaly
from ledger.domain.context import Context
from ledger.domain.enums import (
    CancelReason,
    CancelRejectReason,
    OrderType,
    Phase,
    RequestKind,
    RequestState,
    TimeInForce,
)
from ledger.domain.identifiers import EXTERNAL, fault_of_client_order_id
from ledger.domain.order_birth import adopted
from ledger.domain.order_inquiry import ask
from ledger.domain.order_state import OrderState, Request, expiry_after, phase, request_of, requests_of_kind
from ledger.domain.order_status import compare_status
from ledger.domain.order_table import CELLS, Cell, Does
from ledger.domain.outcome import Unfit, anomaly

Head = tuple[str, str, str, str, str, int, int, int, int, str]
"""The fields of OrderReported, in order."""


Kinds = list[Anomaly]
"""What is to be recorded beside the event that is made, or instead of it."""

_SAME: Final = Does.SAME
_ASIDE: Final = Does.ASIDE
_PENDING: Final = RequestState.PENDING
_CANCEL: Final = RequestKind.CANCEL
_REPLACE: Final = RequestKind.REPLACE
_WITH_CUM: Final = frozenset((f.ReportAccepted, f.ReportCanceled, f.ReportReplaced, f.ReportExpired))
_WITH_QTY: Final = frozenset((f.ReportReplaced, f.ReportRestated, f.ReportReduced))


def decide_report(state: OrderState | None, fact: f.OrderReport, context: Context) -> list[e.Event] | Unfit:
    """The events of a report other than an execution; [] if it tells nothing new."""
    kind = type(fact)
    cell = CELLS[kind][phase(state)]
    if state is None:
        return _of_unknown_order(fact, cell, context)
    if kind is f.ReportStatus:
        return _status_shown(state, fact, context)  # type: ignore[arg-type]
    kinds: Kinds = []
    event: e.Event | None = None
    if cell.does is _ASIDE:
        assert cell.record is not None
        kinds.append(cell.record)
    elif cell.does is not _SAME or cell.may:
        if kind in _WITH_QTY:
            qty: int | None = fact.qty  # type: ignore[union-attr]
            if qty is not None and qty < 0:
                return Unfit(f"{kind.__name__} with the negative qty {context.qty_text(qty)}")  # type: ignore[reportUnknownArgumentType]
        if cell.record is not None:
            kinds.append(cell.record)
        event = _MAKERS[kind](state, fact, context, kinds)
    beside = None if event is None else 0
    events: list[e.Event] = [] if event is None else [event]
    for anomaly_kind in kinds:
        events.append(_note(state, fact, anomaly_kind, context, beside))
    venue_cum: int | None = fact.venue_cum if kind in _WITH_CUM else None  # type: ignore[union-attr]
    if venue_cum is not None or kinds:
        _judge_cum(state, venue_cum, context, beside, events)  # type: ignore[reportUnknownArgumentType]
    return events


def _status_shown(state: OrderState, fact: f.ReportStatus, context: Context) -> list[e.Event]:
    """What differs; where nothing does, the answer to what the venue was asked."""
    differs = compare_status(state, fact, context)
    if differs or not state.needs_recon:
        return differs
    return [e.OrderStatusAnswered(*head_of(state, fact, context))]


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


def _judge_cum(
    state: OrderState, venue_cum: int | None, context: Context, beside: int | None, events: list[e.Event]
) -> None:
    """A venue that counts more than we do has told us of a fill that we miss; less is only late. It is asked for it,
    and after other anomalies that show that it knows more."""
    if venue_cum is not None and venue_cum > state.cum:
        theirs, ours = context.qty_text(venue_cum), context.qty_text(state.cum)
        detail = f"the venue counts {theirs} filled of order {state.terms.client_order_id}, we {ours}"
        events.append(cum_mismatch(state, detail, context, beside))
    if events:
        ask(state, events, context, venue_cum)


def cum_mismatch(state: OrderState, detail: str, context: Context, beside: int | None) -> e.AnomalyRecorded:
    """CUM_MISMATCH of an order."""
    terms = state.terms
    return anomaly(
        context, Anomaly.CUM_MISMATCH, detail, order_id=terms.order_id, symbol=terms.symbol, beside=beside
    )


def _of_unknown_order(fact: f.OrderReport, cell: Cell, context: Context) -> list[e.Event]:
    assert cell.record is not None
    events: list[e.Event] = []
    if isinstance(fact, (f.ReportAccepted, f.ReportStatus)) and _says_enough(fact):
        events.append(_adopted(fact, context))
    name = fact.client_order_id or getattr(fact, "venue_order_id", "") or getattr(fact, "request_id", "")
    detail = f"{type(fact).__name__} from {fact.source} for an order that is unknown here: {name!r}"
    beside = 0 if events else None
    events.append(anomaly(context, cell.record, detail, symbol=fact.symbol, beside=beside))
    if events and type(fact) is f.ReportStatus and type(events[0]) is e.OrderAdopted:
        state = adopted(events[0], context.next_seq, context.now_ns, context.partition)
        events += compare_status(state, fact, context, behind=len(events))
    return events


def _says_enough(fact: f.ReportAccepted | f.ReportStatus) -> bool:
    if type(fact) is f.ReportStatus and not fact.is_open:
        return False  # nothing can happen to it any more
    if fact.side is None or fact.qty is None or fact.qty <= 0 or not fact.account:
        return False
    return not fault_of_client_order_id("client_order_id", fact.client_order_id)


def _adopted(fact: f.ReportAccepted | f.ReportStatus, context: Context) -> e.OrderAdopted:
    assert fact.side is not None
    assert fact.qty is not None
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
        fact.side,
        limit if fact.order_type is None else fact.order_type,
        fact.qty,
        fact.px,
        TimeInForce.DAY if fact.time_in_force is None else fact.time_in_force,
        fact.venue_order_id,
    )


def _accepted(state: OrderState, fact: f.ReportAccepted, context: Context, kinds: Kinds) -> e.Event | None:
    said, known = fact.venue_order_id, state.venue_order_id
    if said and known and said != known:
        kinds.append(Anomaly.VENUE_ID_CHANGED)
    elif (not said or said == known) and CELLS[f.ReportAccepted][phase(state)].does is _SAME:
        return None
    return e.OrderAccepted(*head_of(state, fact, context), said, fact.venue_cum, fact.leaves)


def _rejected(state: OrderState, fact: f.ReportRejected, context: Context, kinds: Kinds) -> e.Event:
    if state.acked:
        kinds.append(Anomaly.REJECT_WITH_FILLS if state.cum else Anomaly.REJECT_AFTER_ACK)
    return e.OrderRejected(*head_of(state, fact, context), fact.reason_code, fact.text)


def _canceled(state: OrderState, fact: f.ReportCanceled, context: Context, kinds: Kinds) -> e.Event:
    if state.acked and not requests_of_kind(state, _CANCEL) and not _by_its_nature(state, fact.reason):
        kinds.append(Anomaly.UNSOLICITED_CANCEL)
    return e.OrderCanceled(
        *head_of(state, fact, context), fact.solicited, fact.request_id, fact.reason, fact.venue_cum
    )


def _by_its_nature(state: OrderState, reason: CancelReason) -> bool:
    """Whoever sends an IOC or FOK has asked for its remainder to be canceled."""
    if reason is CancelReason.IOC_REMAINDER:
        return state.time_in_force is TimeInForce.IOC
    return reason is CancelReason.FOK_KILL and state.time_in_force is TimeInForce.FOK


def _cancel_rejected(
    state: OrderState, fact: f.ReportCancelRejected, context: Context, kinds: Kinds
) -> e.Event | None:
    if request_of(state, fact.request_id) is None:
        kinds.append(Anomaly.UNKNOWN_REQUEST)
        return None
    if fact.reason_code is CancelRejectReason.TOO_LATE and phase(state) is Phase.LIVE:
        kinds.append(Anomaly.MISSED_FILL_SUSPECTED)
    return e.CancelRejected(*head_of(state, fact, context), fact.request_id, fact.reason_code, fact.text)


def _replace_rejected(
    state: OrderState, fact: f.ReportReplaceRejected, context: Context, kinds: Kinds
) -> e.Event | None:
    if request_of(state, fact.request_id) is None:
        kinds.append(Anomaly.UNKNOWN_REQUEST)
        return None
    return e.ReplaceRejected(*head_of(state, fact, context), fact.request_id, fact.reason_code, fact.text)


def _replaced(state: OrderState, fact: f.ReportReplaced, context: Context, kinds: Kinds) -> e.Event:
    request = _request_meant(state, fact.request_id)
    if request is None:
        kinds.append(Anomaly.UNSOLICITED_REPLACE)
    request_id = fact.request_id if request is None else request.client_order_id
    qty = _px(fact.qty, request and request.qty, state.qty)
    assert qty is not None
    if qty < state.cum:
        # A fill was quicker than the replace: the venue has filled what it was to reduce to.
        qty = state.cum
        kinds.append(Anomaly.REPLACE_BELOW_CUM)
    tif, expire_ts = expiry_after(state, request and request.time_in_force, request and request.expire_ts)
    return e.OrderReplaced(
        *head_of(state, fact, context),
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


def _request_meant(state: OrderState, request_id: str) -> Request | None:
    request = request_of(state, request_id)
    if request is None and not request_id:
        # A venue that names no request can only mean the one that there is.
        replaces = requests_of_kind(state, _REPLACE)
        return replaces[0] if len(replaces) == 1 else None
    return request


def _px(said: int | None, asked: int | None, was: int | None) -> int | None:
    return said if said is not None else asked if asked is not None else was


def _pending_cancel(
    state: OrderState, fact: f.ReportPendingCancel, context: Context, kinds: Kinds
) -> e.Event | None:
    return (
        None
        if _in_hand(state, fact.request_id)
        else e.CancelPending(*head_of(state, fact, context), fact.request_id)
    )


def _pending_replace(
    state: OrderState, fact: f.ReportPendingReplace, context: Context, kinds: Kinds
) -> e.Event | None:
    return (
        None
        if _in_hand(state, fact.request_id)
        else e.ReplacePending(*head_of(state, fact, context), fact.request_id)
    )


def _in_hand(state: OrderState, request_id: str) -> bool:
    request = request_of(state, request_id)
    return request is not None and request.state is _PENDING


def _expired(state: OrderState, fact: f.ReportExpired, context: Context, kinds: Kinds) -> e.Event:
    return e.OrderExpired(*head_of(state, fact, context), venue_cum=fact.venue_cum)


def _done_for_day(
    state: OrderState, fact: f.ReportDoneForDay, context: Context, kinds: Kinds
) -> e.Event | None:
    return None if state.dfd else e.OrderDoneForDay(*head_of(state, fact, context))


def _restated(state: OrderState, fact: f.ReportRestated, context: Context, kinds: Kinds) -> e.Event | None:
    qty = fact.qty
    if qty is not None and qty < state.cum:
        kinds.append(Anomaly.REPLACE_BELOW_CUM)
        qty = state.cum
    elif not state.dfd and qty in (None, state.qty) and fact.px in (None, state.px):
        return None
    return e.OrderRestated(*head_of(state, fact, context), qty, fact.px)


def _reduced(state: OrderState, fact: f.ReportReduced, context: Context, kinds: Kinds) -> e.Event | None:
    qty = max(fact.qty, state.cum)
    return None if qty >= state.qty else e.OrderRestated(*head_of(state, fact, context), qty, None, True)


def _suspended(state: OrderState, fact: f.ReportSuspended, context: Context, kinds: Kinds) -> e.Event | None:
    return None if state.suspended else e.OrderSuspended(*head_of(state, fact, context))


def _resumed(state: OrderState, fact: f.ReportResumed, context: Context, kinds: Kinds) -> e.Event | None:
    return e.OrderResumed(*head_of(state, fact, context)) if state.suspended else None


def _triggered(state: OrderState, fact: f.ReportTriggered, context: Context, kinds: Kinds) -> e.Event | None:
    return None if state.triggered else e.OrderTriggered(*head_of(state, fact, context))


_Maker = Callable[[OrderState, Any, Context, Kinds], e.Event | None]
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
