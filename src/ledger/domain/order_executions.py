"""What fills, busts and corrections become: each execution counts once, whatever the order in which they come.

The caller passes the executions that a report is about (`fill.find_fills`) and, where the fill is known, the state
of that fill's order. A bust or correction that comes first is remembered under the fill's id and applied in the
turn in which the fill comes. The restatement of the position beside a bust or correction is the engine's.
"""

from __future__ import annotations

from typing import Final

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.anomalies import Anomaly
from ledger.domain.calendars import is_date
from ledger.domain.context import Context
from ledger.domain.enums import FillStanding, Side, TimeInForce
from ledger.domain.fill import (
    EXECUTION_ID_MAX,
    Fills,
    FillState,
    content_of,
    content_text,
    fault_of_key,
    is_orphan,
    is_repeat,
)
from ledger.domain.identifiers import UNALLOCATED
from ledger.domain.order_filled import filled_event, unattributed_event
from ledger.domain.order_inquiry import ask
from ledger.domain.order_reports import Head, cum_mismatch
from ledger.domain.order_state import OrderState, phase
from ledger.domain.order_table import CELLS, EXECUTIONS, Cell, Does, Known
from ledger.domain.outcome import Unfit, anomaly

Correction = f.ReportTradeCancel | f.ReportTradeCorrect
_ALIAS: Final = FillStanding.ALIAS
_FOK: Final = TimeInForce.FOK
_FILL_CELLS: Final = CELLS[f.ReportFill]


def decide_fill(
    state: OrderState | None, fact: f.ReportFill, context: Context, fills: Fills
) -> list[e.Event] | Unfit:
    """One OrderFilled for each execution id, and what waited for it."""
    if not is_date(fact.trade_date) or not 0 < len(fact.execution_id) <= EXECUTION_ID_MAX:
        return Unfit(fault_of_key(fact))
    own = fills.own
    orphan = None
    if own is not None:
        if not is_orphan(own):
            return _known_fill(own, state, fact, context)
        orphan = own
    if fact.qty <= 0:
        return Unfit(f"fill {fact.execution_id} of {context.qty_text(fact.qty)}: a fill's qty is positive")
    if state is not None and state.terms.side is not fact.side:
        # Against our order's side the fill cannot be its; the account still has it.
        why = f"{fact.side.name} fill {fact.execution_id} of the {state.terms.side.name} order {fact.client_order_id}"
        place = (state.terms.account, state.terms.exchange)
        return _unattributed(fact, context, orphan, place, why)
    if state is None:
        why = f"fill {fact.execution_id} of an order that is unknown here: {fact.client_order_id!r}"
        return _unattributed(fact, context, orphan, (fact.account, fact.exchange), why)
    return _filled(state, fact, context, orphan)


def _known_fill(
    own: FillState, state: OrderState | None, fact: f.ReportFill, context: Context
) -> list[e.Event]:
    same_order = state is None or not own.order or own.order == state.terms.client_order_id
    if own.standing is not _ALIAS and same_order and is_repeat(own.known_content, content_of(fact)):
        return []
    return [_conflict(fact, own, context, state)]


def _conflict(
    fact: f.ReportFill | Correction, known: FillState, context: Context, state: OrderState | None
) -> e.AnomalyRecorded:
    cell = EXECUTIONS[type(fact)][Known.CONFLICT]
    assert cell.record is not None
    detail = (
        f"execution {fact.execution_id} said {content_text(known.known_content, context)}, "
        f"now {content_text(content_of(fact), context)}; the first stands"
    )
    order_id = state.terms.order_id if state is not None else 0
    return anomaly(context, cell.record, detail, order_id=order_id, symbol=fact.symbol)


def _filled(
    state: OrderState, fact: f.ReportFill, context: Context, orphan: FillState | None
) -> list[e.Event]:
    event = filled_event(state, fact, context)
    events: list[e.Event] = [event]
    net = state.cum + fact.qty
    if orphan is not None:
        events.append(_applied_late(orphan, event))
        net += _net_of(orphan, fact.qty)
    cell = _FILL_CELLS[phase(state)]
    if (
        net > state.qty
        or cell.record is not None
        or fact.venue_cum is not None
        or state.time_in_force is _FOK
    ):
        _judge_fill(state, fact, context, cell, net, events)
    return events


def _net_of(orphan: FillState, qty: int) -> int:
    """What the waiting bust or correction adds to a fill of `qty`."""
    return -qty if orphan.standing is FillStanding.ORPHAN_BUST else orphan.qty - qty


def _judge_fill(
    state: OrderState, fact: f.ReportFill, context: Context, cell: Cell, net: int, events: list[e.Event]
) -> None:
    kinds: list[Anomaly] = []
    if cell.record is not None:
        kinds.append(cell.record)
    if cell.record is Anomaly.FILL_AFTER_REJECT and not state.acked:
        kinds.append(Anomaly.FILL_BEFORE_ACK)
    if net > state.qty:
        kinds.append(Anomaly.OVERFILL)
    if state.time_in_force is _FOK and fact.qty < state.qty and state.cum == 0:
        kinds.append(Anomaly.FOK_PARTIAL)
    terms = state.terms
    for kind in kinds:
        detail = f"fill {fact.execution_id} met order {terms.client_order_id} in {phase(state).name}, {context.qty_text(net)} of {context.qty_text(state.qty)}"
        events.append(anomaly(context, kind, detail, order_id=terms.order_id, symbol=terms.symbol, beside=0))
    counted = state.cum + fact.qty
    if fact.venue_cum is not None and fact.venue_cum > counted:
        theirs, ours = context.qty_text(fact.venue_cum), context.qty_text(counted)
        detail = f"the venue counts {theirs} filled of order {terms.client_order_id}, we {ours}"
        events.append(cum_mismatch(state, detail, context, 0))
    if len(events) > 1:
        ask(state, events, context, fact.venue_cum)


def _unattributed(
    fact: f.ReportFill, context: Context, orphan: FillState | None, place: tuple[str, str], why: str
) -> list[e.Event]:
    """A fill that no order explains is held by who claims it, so that the account agrees with the broker."""
    event = unattributed_event(fact, context, place)
    events: list[e.Event] = [event]
    if orphan is not None:
        events.append(_applied_late(orphan, event))
    events.append(anomaly(context, Anomaly.UNKNOWN_ORDER, why, symbol=fact.symbol, beside=0))
    return events


def _applied_late(orphan: FillState, fill: e.OrderFilled) -> e.FillBusted | e.FillCorrected:
    """The bust or correction that waited, now that its fill is here."""
    return _applied(
        _head_of(fill),
        orphan,
        fill.account,
        fill.trade_date,
        fill.execution_id,
        (fill.side, fill.qty, fill.px, fill.fee, fill.fee_ccy),
    )


_Terms = tuple[Side, int, int, int, str]


def _applied(
    head: Head, waiting: FillState, account: str, root_date: str, root: str, was: _Terms, known: bool = True
) -> e.FillBusted | e.FillCorrected:
    side, qty, px, fee, fee_ccy = was
    named = (account, waiting.reported_by, waiting.refers_to, root_date, root)
    if waiting.standing is FillStanding.ORPHAN_BUST:
        return e.FillBusted(
            *head,
            *named,
            waiting.reinstated,
            known,
            qty,
            px,
            fee,
            fee_ccy,
            side,
            waiting.reason,
            _date_if_other(waiting.report_date or waiting.root_date, root_date),
        )
    return e.FillCorrected(
        *head,
        *named,
        known,
        side,
        waiting.qty,
        waiting.px,
        waiting.fee,
        waiting.fee_ccy,
        qty,
        px,
        fee,
        fee_ccy,
        _date_if_other(waiting.report_date or waiting.root_date, root_date),
    )


def _date_if_other(date: str, root_date: str) -> str:
    return "" if date == root_date else date


def _head_of(fill: e.OrderFilled | e.FillCorrected) -> Head:
    return (
        fill.symbol,
        fill.order,
        fill.strategy_id,
        fill.exchange,
        fill.source,
        fill.source_epoch,
        fill.source_seq,
        fill.event_time_ns,
        fill.received_at_ns,
        fill.actor,
    )


def decide_correction(
    state: OrderState | None, fact: Correction, context: Context, fills: Fills
) -> list[e.Event] | Unfit:
    """One FillBusted or FillCorrected for each report; where its fill has not come, remembered until it does."""
    fault = fault_of_key(fact)
    if fault:
        return Unfit(fault)
    if type(fact) is f.ReportTradeCorrect and fact.qty < 0:
        return Unfit(f"correction {fact.execution_id} to the negative qty {context.qty_text(fact.qty)}")
    known = _known_of(fact, fills)
    if known is Known.CONFLICT:
        first = fills.own or fills.root
        assert first is not None
        return [_conflict(fact, first, context, state)]
    cell = EXECUTIONS[type(fact)].get(known)
    if cell is not None and cell.does is Does.SAME:
        return []
    if cell is not None and cell.does is Does.ASIDE:
        assert cell.record is not None
        why = f"{type(fact).__name__} {fact.execution_id} of {fact.ref_execution_id}, which is busted already"
        return [_beside(state, fact, context, cell.record, why, None)]
    root = fills.root
    events: list[e.Event] = [_event_of(state, fact, context, root, known is Known.REF)]
    if cell is not None and cell.record is not None:
        why = f"{type(fact).__name__} {fact.execution_id} came before fill {fact.ref_execution_id}"
        events.append(_beside(state, fact, context, cell.record, why, 0))
    if fills.own is not None and is_orphan(fills.own):
        _follow_up(state, fact, context, fills.own, events)
    if state is not None and known is Known.REF:
        _judge_cum(state, fact, context, events)
    return events


def _known_of(fact: Correction, fills: Fills) -> Known:
    own, root = fills.own, fills.root
    if own is not None and (not is_orphan(own) or own.reported_by == fact.execution_id):
        repeat = own.standing is _ALIAS and is_repeat(own.known_content, content_of(fact))
        return Known.REPEATED if repeat else Known.CONFLICT
    if root is None:
        return Known.ORPHAN
    if (fact.execution_id, fact.trade_date or fact.ref_trade_date) == (root.root, root.root_date):
        return _known_of_shared_id(fact, root)
    return _known_of_root(root)


def _known_of_root(root: FillState) -> Known:
    if root.standing in (FillStanding.BUSTED, FillStanding.ORPHAN_BUST):
        return Known.GONE
    return Known.REF if root.standing is FillStanding.EFFECTIVE else Known.ORPHAN


def _known_of_shared_id(fact: Correction, root: FillState) -> Known:
    """Some venues give a bust or correction the id of its fill: only the fill can tell a repeat, and only the last."""
    known = _known_of_root(root)
    if type(fact) is f.ReportTradeCancel:
        return Known.REPEATED if known is Known.GONE and root.reported_by == root.root else known
    assert type(fact) is f.ReportTradeCorrect
    if known is Known.GONE or not root.reported_by:
        return known
    as_it_is = (root.qty, root.px, root.fee, root.fee_ccy) == (fact.qty, fact.px, fact.fee, fact.fee_ccy)
    return Known.REPEATED if as_it_is and root.reported_by == root.root else Known.CONFLICT


def _beside(
    state: OrderState | None, fact: Correction, context: Context, kind: Anomaly, why: str, beside: int | None
) -> e.AnomalyRecorded:
    order_id = state.terms.order_id if state is not None else 0
    return anomaly(context, kind, why, order_id=order_id, symbol=fact.symbol, beside=beside)


def _event_of(
    state: OrderState | None, fact: Correction, context: Context, root: FillState | None, known: bool
) -> e.FillBusted | e.FillCorrected:
    order, strategy_id, account, exchange = "", UNALLOCATED, fact.account, fact.exchange
    side = Side.BUY
    if state is not None:
        terms = state.terms
        order, strategy_id, account = terms.client_order_id, terms.strategy_id, terms.account
        exchange, side = terms.exchange, terms.side
    root_date, root_id = fact.ref_trade_date, fact.ref_execution_id
    was: _Terms = (side, 0, 0, 0, "")
    if root is not None:
        root_date, root_id = root.root_date, root.root
    if root is not None and (known or state is None):
        # The fill says whose it is; the report may not.
        order, strategy_id = root.order, root.strategy_id
    if root is not None and known:
        was = (root.side, root.qty, root.px, root.fee, root.fee_ccy)
    report_date = _date_if_other(fact.trade_date or fact.ref_trade_date, root_date)
    head: Head = (
        fact.symbol,
        order,
        strategy_id,
        exchange,
        fact.source,
        fact.source_epoch,
        fact.source_seq,
        fact.event_time_ns,
        context.received_at_ns,
        context.actor,
    )
    named = (account, fact.execution_id, fact.ref_execution_id, root_date, root_id)
    side, qty, px, fee, fee_ccy = was
    if type(fact) is f.ReportTradeCancel:
        return e.FillBusted(
            *head, *named, fact.reinstated, known, qty, px, fee, fee_ccy, side, fact.reason, report_date
        )
    assert type(fact) is f.ReportTradeCorrect
    new = (fact.qty, fact.px, fact.fee, fact.fee_ccy)
    return e.FillCorrected(*head, *named, known, side, *new, qty, px, fee, fee_ccy, report_date)


def _follow_up(
    state: OrderState | None, fact: Correction, context: Context, waiting: FillState, events: list[e.Event]
) -> None:
    """What waited for this very correction (a correction of a correction that came first) is applied after it."""
    first = events[0]
    if type(first) is not e.FillCorrected:
        why = f"{waiting.reported_by} refers to {fact.execution_id}, which is no fill that counts"
        events.append(_beside(state, fact, context, Anomaly.DOUBLE_BUST, why, None))
        return
    terms: _Terms = (first.side, 0, 0, 0, "")
    if first.known:
        terms = (first.side, first.qty, first.px, first.fee, first.fee_ccy)
    events.append(
        _applied(_head_of(first), waiting, first.account, first.trade_date, first.root, terms, first.known)
    )


def _judge_cum(state: OrderState, fact: Correction, context: Context, events: list[e.Event]) -> None:
    cum = state.cum
    for event in events:
        if type(event) is e.FillBusted and event.known:
            cum -= event.qty
        elif type(event) is e.FillCorrected and event.known:
            cum += event.qty - event.old_qty
    if cum > state.qty and cum > state.cum:
        why = f"{type(fact).__name__} {fact.execution_id} makes {context.qty_text(cum)} of {context.qty_text(state.qty)}"
        events.append(_beside(state, fact, context, Anomaly.OVERFILL, why, 0))
