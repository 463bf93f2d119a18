"""What our commands about an order become: one event, a refusal with the lowest code that applies, or a repeat.

A cancel is never refused for risk, an instrument or the quality of its terms: only for its id, an unknown order, an
order that is over, or another cancel on its way.
"""

from __future__ import annotations

from typing import Final

from ledger.domain import events as e
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.context import PARTITION_SHIFT, Context, Instrument, Rejection
from ledger.domain.enums import Phase, RequestKind
from ledger.domain.identifiers import fault_of_client_order_id, fault_of_name
from ledger.domain.order_checks import (
    fault_of_expiry,
    fault_of_order,
    fault_of_prices,
    fault_of_qty,
    fault_of_support,
    fault_of_tif,
    is_plain,
)
from ledger.domain.order_state import OrderState, Request, expiry_after, phase, request_of, requests_of_kind
from ledger.domain.order_table import CELLS, Does
from ledger.domain.outcome import Repeated
from ledger.domain.risk import UNRESTRICTED, judge_replace, judge_submit, mark_of
from ledger.domain.values import format_decimal

Answer = list[e.Event] | Rejection | Repeated
EXCHANGE_MAX: Final = 20
_REFUSE: Final = Does.REFUSE
_CANCEL: Final = RequestKind.CANCEL
_SEQ_MASK: Final = (1 << PARTITION_SHIFT) - 1


def decide_submit(owner: OrderState | None, command: SubmitOrder, context: Context) -> Answer:
    """OrderSubmitted. `owner` is the order that has this client_order_id already, as any of its ids."""
    instrument, strategy = context.instrument, context.strategy
    fault = fault_of_client_order_id("client_order_id", command.client_order_id)
    if not fault and (instrument is None or command.exchange != instrument.exchange):
        fault = fault_of_name("exchange", command.exchange, EXCHANGE_MAX)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if owner is not None:
        return _submitted_again(owner, command)
    plain = instrument is not None and is_plain(command, instrument)
    unsupported = None if plain else fault_of_support(command)
    if unsupported is not None:
        return unsupported
    if instrument is None:
        return _unknown_symbol(command.symbol)
    if strategy is None:
        detail = f"strategy {command.strategy_id} is not defined: send DefineStrategy first"
        return Rejection(Code.UNKNOWN_STRATEGY, detail)
    refusal = None if plain else fault_of_order(command, instrument, context.now_ns)
    risk = context.risk
    if risk is not None or command.reduce_only:
        refusal = judge_submit(command, instrument, risk or UNRESTRICTED, refusal)
    if refusal is not None:
        return refusal
    twice_mark, mark_seq = (None, 0) if risk is None else mark_of(risk)
    return [
        e.OrderSubmitted(
            command.client_order_id,
            command.strategy_id,
            strategy.account,
            command.symbol,
            command.exchange,
            command.side,
            command.order_type,
            command.qty,
            command.px,
            command.stop_px,
            command.time_in_force,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.side_flag,
            command.expire_ts,
            command.display_qty,
            command.post_only,
            command.reduce_only,
            command.algo_id,
            command.trader_id,
            command.session_id,
            command.on_behalf_of,
            twice_mark,
            mark_seq,
        )
    ]


def _unknown_symbol(symbol: str) -> Rejection:
    return Rejection(Code.UNKNOWN_SYMBOL, f"symbol {symbol} is not defined: send DefineInstrument first")


def _duplicate(client_order_id: str, owner: OrderState) -> Rejection:
    terms = owner.terms
    detail = f"client_order_id {client_order_id} is taken by order {terms.client_order_id} of {terms.symbol}"
    return Rejection(Code.DUPLICATE_CLIENT_ORDER_ID, detail)


def _submitted_again(owner: OrderState, command: SubmitOrder) -> Answer:
    """FIX F.1.b: the same order again is answered as at first. Session and claimed sender are not content."""
    terms = owner.terms
    same = not terms.adopted and (
        terms.client_order_id,
        terms.strategy_id,
        terms.symbol,
        terms.exchange,
        terms.side,
        terms.order_type,
        terms.qty,
        terms.px,
        terms.stop_px,
        terms.time_in_force,
        terms.side_flag,
        terms.expire_ts,
        terms.display_qty,
        terms.post_only,
        terms.reduce_only,
        terms.algo_id,
        terms.trader_id,
    ) == (
        command.client_order_id,
        command.strategy_id,
        command.symbol,
        command.exchange,
        command.side,
        command.order_type,
        command.qty,
        command.px,
        command.stop_px,
        command.time_in_force,
        command.side_flag,
        command.expire_ts,
        command.display_qty,
        command.post_only,
        command.reduce_only,
        command.algo_id,
        command.trader_id,
    )
    if same:
        return Repeated(terms.order_id, terms.order_id & _SEQ_MASK)
    return _duplicate(command.client_order_id, owner)


def decide_cancel(
    state: OrderState | None, command: CancelOrder, context: Context, owner: OrderState | None
) -> Answer:
    """CancelRequested. `owner` is the order that has the request's own client_order_id already."""
    fault = fault_of_client_order_id("client_order_id", command.client_order_id)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if owner is not None:
        return _asked_again(owner, state, command.client_order_id, _CANCEL, _NO_CHANGE)
    if state is None:
        return _unknown_order(command.orig_client_order_id, command.symbol)
    cell = CELLS[CancelOrder][phase(state)]
    if cell.does is _REFUSE:
        return _too_late(state, context)
    pending = requests_of_kind(state, _CANCEL)
    if pending:
        detail = f"cancel {pending[0].client_order_id} of order {state.terms.client_order_id} is on its way"
        return Rejection(Code.ALREADY_PENDING_CANCEL, detail)
    terms = state.terms
    return [
        e.CancelRequested(
            terms.symbol,
            terms.client_order_id,
            terms.strategy_id,
            terms.exchange,
            command.client_order_id,
            state.client_order_id,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.session_id,
            command.on_behalf_of,
        )
    ]


_Change = tuple[object, ...]
_NO_CHANGE: Final[_Change] = (None, None, None, None, None)


def _asked_again(
    owner: OrderState, state: OrderState | None, request_id: str, kind: RequestKind, change: _Change
) -> Answer:
    """The same request of the same order while it is outstanding is a repeat; any other use of its id is not."""
    request = request_of(owner, request_id)
    aimed = state is not None and state.terms.order_id == owner.terms.order_id
    if (
        aimed
        and request is not None
        and request.seq
        and request.kind is kind
        and _change_of(request) == change
    ):
        return Repeated(owner.terms.order_id, request.seq)
    return _duplicate(request_id, owner)


def _change_of(request: Request) -> _Change:
    return (request.qty, request.px, request.stop_px, request.time_in_force, request.expire_ts)


def _unknown_order(client_order_id: str, symbol: str) -> Rejection:
    return Rejection(Code.UNKNOWN_ORDER, f"no order of {symbol} has the client_order_id {client_order_id}")


def _too_late(state: OrderState, context: Context) -> Rejection:
    filled, qty = context.qty_text(state.cum), context.qty_text(state.qty)
    detail = f"order {state.terms.client_order_id} is over: {phase(state).name}, {filled} filled of {qty}"
    return Rejection(Code.TOO_LATE_TO_CANCEL, detail)


def decide_replace(
    state: OrderState | None, command: ReplaceOrder, context: Context, owner: OrderState | None
) -> Answer:
    """ReplaceRequested. `owner` is the order that has the request's own client_order_id already."""
    fault = fault_of_client_order_id("client_order_id", command.client_order_id)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if owner is not None:
        change = (command.qty, command.px, command.stop_px, command.time_in_force, command.expire_ts)
        return _asked_again(owner, state, command.client_order_id, RequestKind.REPLACE, change)
    instrument = context.instrument
    if instrument is None:
        return _unknown_symbol(command.symbol)
    if state is None:
        return _unknown_order(command.orig_client_order_id, command.symbol)
    refusal = (
        _fault_of_change(state, command, instrument, context.now_ns)
        or _fault_of_phase(state, command, context)
        or _fault_of_effect(state, command, instrument)
    )
    risk = context.risk
    if risk is not None:
        refusal = judge_replace(state, command, instrument, risk, refusal)
    if refusal is not None:
        return refusal
    twice_mark, mark_seq = (None, 0) if risk is None else mark_of(risk)
    terms = state.terms
    return [
        e.ReplaceRequested(
            terms.symbol,
            terms.client_order_id,
            terms.strategy_id,
            terms.exchange,
            command.client_order_id,
            state.client_order_id,
            command.qty,
            command.px,
            command.stop_px,
            command.time_in_force,
            command.expire_ts,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.session_id,
            command.on_behalf_of,
            twice_mark,
            mark_seq,
        )
    ]


def _fault_of_change(
    state: OrderState, command: ReplaceOrder, instrument: Instrument, now_ns: int
) -> Rejection | None:
    """Codes 17 to 27 of the order as it would be; what stays as it is was judged before."""
    px = state.px if command.px is None else command.px
    stop_px = state.stop_px if command.stop_px is None else command.stop_px
    repriced = command.px is not None or command.stop_px is not None
    tif, expire_ts = expiry_after(state, command.time_in_force, command.expire_ts)
    retimed = command.time_in_force is not None or command.expire_ts is not None
    terms = state.terms
    return (
        (fault_of_tif(terms.order_type, tif, terms.post_only, expire_ts) if retimed else None)
        or (fault_of_qty("qty", command.qty, instrument) if command.qty is not None else None)
        or (fault_of_prices(terms.order_type, px, stop_px, instrument) if repriced else None)
        or (fault_of_expiry(tif, expire_ts, now_ns) if retimed else None)
    )


def _fault_of_phase(state: OrderState, command: ReplaceOrder, context: Context) -> Rejection | None:
    """Codes 30 to 33: whether an order in this phase may be replaced."""
    stands = phase(state)
    cell = CELLS[ReplaceOrder][stands]
    refused = cell.does is _REFUSE and not (cell.unless and getattr(context.rules, cell.unless))
    qty = state.qty if command.qty is None else command.qty
    if cell.code is Code.TOO_LATE_TO_CANCEL and (refused or qty <= state.cum):
        return _too_late(state, context)
    pending = requests_of_kind(state, RequestKind.REPLACE)
    if context.rules.max_outstanding_replaces and len(pending) >= context.rules.max_outstanding_replaces:
        detail = f"replace {pending[0].client_order_id} of order {state.terms.client_order_id} is on its way"
        return Rejection(Code.ALREADY_PENDING_REPLACE, detail)
    if refused and stands is Phase.PEND:
        detail = f"order {state.terms.client_order_id} is not acknowledged yet: cancel it or wait"
        return Rejection(Code.ORDER_NOT_ACKED, detail)
    return None


def _fault_of_effect(state: OrderState, command: ReplaceOrder, instrument: Instrument) -> Rejection | None:
    """Codes 34 and 35: whether the change leaves something to trade, and changes something."""
    if command.qty is not None and command.qty <= state.cum:
        qty = format_decimal(command.qty, instrument.qty_scale)
        cum = format_decimal(state.cum, instrument.qty_scale)
        return Rejection(Code.NEW_QTY_NOT_ABOVE_CUM, f"qty {qty} is not above {cum} filled: send CancelOrder")
    asked = (command.qty, command.px, command.stop_px, command.time_in_force, command.expire_ts)
    now = (state.qty, state.px, state.stop_px, state.time_in_force, state.expire_ts)
    if all(new is None or new == old for new, old in zip(asked, now, strict=True)):
        return Rejection(Code.NOTHING_TO_CHANGE, f"order {state.terms.client_order_id} is as asked already")
    return None
