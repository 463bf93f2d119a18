"""Whether risk and control let an order pass: codes 25 and 40 to 50. Cancels never come here.

The engine fills `Surroundings` with all that may be looked at: what restricts the order's scopes, the limits that
apply with the exposure of each, the order's own position, a reference price. Every check is O(1).
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.commands import ReplaceOrder, SubmitOrder
from ledger.domain.context import Instrument, Rejection
from ledger.domain.enums import OrderType, Side
from ledger.domain.exposure import NOTHING, Exposure, notional_of, reference_px, worst_px, worst_qty
from ledger.domain.limit import RiskLimit
from ledger.domain.order_state import OrderState
from ledger.domain.scope import ScopeKey, scope_text
from ledger.domain.values import format_decimal

_BUY: Final = Side.BUY
_POW10: Final = tuple(10**exponent for exponent in range(25))
_ONE: Final = 10**8


@final
class Reference(Struct, frozen=True, gc=False):
    """A price that the market has shown lately."""

    twice_px: int
    seq: int
    """Where it stands in the market journal; 0 for a settlement price, which the trading journal has."""
    what: str = "mark"


@final
class Applied(Struct, frozen=True, gc=False):
    """A limit that applies to the order, and how far its scope is."""

    key: ScopeKey
    limit: RiskLimit
    total: Exposure = NOTHING
    """Of the scope: open orders and notional."""
    in_symbol: Exposure = NOTHING
    """Of the scope in the order's symbol: position and open quantities."""


@final
class Surroundings(Struct, frozen=True, gc=False):
    """What risk may look at for one order."""

    killed: str = ""
    """A sentence: which kill switch holds; "" for none."""
    halted: str = ""
    reducing: str = ""
    own: Exposure = NOTHING
    """Of the order's strategy in its symbol; known where anything needs it."""
    reference: Reference | None = None
    order_mark: int | None = None
    """Of a replace: twice the reference price that its order was taken at, if that has no price."""
    limits: tuple[Applied, ...] = ()
    twin: str = ""
    """client_order_id of the last equal order; "" for none."""
    twin_age_ms: int = 0


UNRESTRICTED: Final = Surroundings()
"""Nothing limits or restricts the order, and its strategy has neither position nor orders."""


@final
class _Change(Struct, frozen=True, gc=False):
    """What an order would add."""

    side: Side
    qty: int
    """Quantity of the whole order."""
    px: int | None
    """For its notional, without its sign; None where it has no price and the market shows none."""
    added_qty: int
    """How much more may trade than before."""
    added_notional: int
    limit_px: int | None
    """The limit price, if it is new."""
    is_new: bool
    reduce_only: bool


def judge_submit(
    order: SubmitOrder, instrument: Instrument, about: Surroundings, fault: Rejection | None
) -> Rejection | None:
    """The lowest code of `fault` (what else is wrong with the order) and what risk refuses."""
    reference = about.reference
    priced = [abs(px) for px in (order.px, order.stop_px) if px is not None]
    px = max(priced) if priced else None
    if px is None and reference is not None:
        px = reference_px(reference.twice_px)
    notional = 0 if px is None or fault is not None else notional_of(order.qty, px, instrument)
    change = _Change(order.side, order.qty, px, order.qty, notional, order.px, True, order.reduce_only)
    if fault is not None:
        collared = _fault_of_collar(change, instrument, about) if fault.code > Code.PX_OUT_OF_COLLAR else None
        return collared or fault
    return _judge(change, instrument, about)


def judge_replace(
    state: OrderState,
    command: ReplaceOrder,
    instrument: Instrument,
    about: Surroundings,
    fault: Rejection | None,
) -> Rejection | None:
    """The same for a replace: only what it adds is judged; one that adds nothing passes all but the collar."""
    change = _change_of(state, command, instrument, about, sound=fault is None)
    collared = None
    if fault is None or fault.code > Code.PX_OUT_OF_COLLAR:
        collared = _fault_of_collar(change, instrument, about)
    if collared is not None or fault is not None or not increases(state, command):
        return collared or fault
    return _judge(change, instrument, about)


def _change_of(
    state: OrderState, command: ReplaceOrder, instrument: Instrument, about: Surroundings, *, sound: bool
) -> _Change:
    terms = state.terms
    qty = state.qty if command.qty is None else command.qty
    was_px, was_qty = worst_px(state, about.order_mark), max(worst_qty(state) - state.cum, 0)
    px = max((abs(it) for it in (command.px, command.stop_px) if it is not None), default=0)
    px, after = max(px, was_px), max(was_qty, qty - state.cum)
    added = 0
    if sound:
        added = notional_of(after, px, instrument) - notional_of(was_qty, was_px, instrument)
    limit_px = command.px if command.px != state.px else None
    return _Change(terms.side, qty, px or None, after - was_qty, added, limit_px, False, terms.reduce_only)


def increases(state: OrderState, command: ReplaceOrder) -> bool:
    """Whether the order could trade more, or sooner, than before: a larger quantity or a more aggressive price."""
    if command.qty is not None and command.qty > state.qty:
        return True
    buys = state.terms.side is _BUY
    px, stop_px = command.px, command.stop_px
    if px is not None and px != state.px and (state.px is None or (px > state.px) == buys):
        return True
    if stop_px is None or stop_px == state.stop_px:
        return False
    return state.stop_px is None or (stop_px < state.stop_px) == buys


def mark_of(about: Surroundings) -> tuple[int | None, int]:
    """Twice the reference price that a decision was given, and its seq in the market journal; (None, 0) for none."""
    reference = about.reference
    return (None, 0) if reference is None else (reference.twice_px, reference.seq)


def only_reduces(side: Side, added_qty: int, own: Exposure) -> bool:
    """Whether the position stays on its side of zero, or at it, if this and every open order of this side are filled."""
    if side is _BUY:
        return own.position + own.buy_qty + added_qty <= 0
    return own.position - own.sell_qty - added_qty >= 0


def _judge(change: _Change, instrument: Instrument, about: Surroundings) -> Rejection | None:
    return (
        _fault_of_collar(change, instrument, about)
        or _fault_of_state(change, instrument, about)
        or (_fault_of_limits(change, instrument, about) if about.limits else None)
    )


def _fault_of_state(change: _Change, instrument: Instrument, about: Surroundings) -> Rejection | None:
    """Codes 40 to 43."""
    if about.killed:
        return Rejection(Code.KILL_SWITCH, about.killed)
    if about.halted:
        return Rejection(Code.TRADING_HALTED, about.halted)
    if not about.reducing and not change.reduce_only:
        return None
    if only_reduces(change.side, change.added_qty, about.own):
        return None
    if about.reducing:
        return Rejection(Code.REDUCE_ONLY_STATE, about.reducing)
    own, scale = about.own, instrument.qty_scale
    position, buys, sells = (format_decimal(it, scale) for it in (own.position, own.buy_qty, own.sell_qty))
    detail = (
        f"reduce_only, but the position is {position}, with {buys} to buy and {sells} to sell in open orders"
    )
    return Rejection(Code.WOULD_INCREASE_POSITION, detail)


def _fault_of_collar(change: _Change, instrument: Instrument, about: Surroundings) -> Rejection | None:
    """Code 25. Where no reference is, code 50 comes later, in its place."""
    reference, px = about.reference, change.limit_px
    if px is None or reference is None:
        return None
    for applied in about.limits:
        collar = applied.limit.px_collar
        if collar is not None and abs(2 * px - reference.twice_px) * _ONE > collar * abs(reference.twice_px):
            scale = instrument.price_scale
            detail = (
                f"px {format_decimal(px, scale)} is more than {format_decimal(collar, 8)} away from the"
                f" {reference.what} {_mark_text(reference, scale)}, limit of {scope_text(applied.key)}"
            )
            return Rejection(Code.PX_OUT_OF_COLLAR, detail)
    return None


def _mark_text(reference: Reference, price_scale: int) -> str:
    text = format_decimal(reference.twice_px * 5, price_scale + 1)
    return f"{text} at market seq {reference.seq}" if reference.seq else text


def _fault_of_limits(change: _Change, instrument: Instrument, about: Surroundings) -> Rejection | None:
    """Codes 44 to 50, the lowest of all limits that apply."""
    found: Rejection | None = None
    for applied in about.limits:
        fault = _fault_of_limit(change, instrument, about, applied)
        if fault is not None and (found is None or fault.code < found.code):
            found = fault
    return found


def _fault_of_limit(
    change: _Change, instrument: Instrument, about: Surroundings, applied: Applied
) -> Rejection | None:
    limit = applied.limit
    fault = None
    if limit.max_order_qty is not None or limit.max_order_notional is not None:
        fault = _fault_of_size(change, instrument, applied)
    if fault is None and limit.max_position is not None:
        fault = _fault_of_position(change, instrument, applied)
    if fault is None and (limit.max_open_orders is not None or limit.max_gross_notional is not None):
        fault = _fault_of_totals(change, applied, about.own)
    if fault is None and about.twin:
        fault = _fault_of_twin(change, applied, about)
    if fault is None and about.reference is None:
        fault = _fault_of_reference(change, applied)
    return fault


def _fault_of_size(change: _Change, instrument: Instrument, applied: Applied) -> Rejection | None:
    limit, scale = applied.limit, instrument.qty_scale
    most = limit.max_order_qty
    if most is not None and change.qty * _ONE > most * _POW10[scale]:
        return _over(
            Code.MAX_ORDER_QTY, "qty", format_decimal(change.qty, scale), "max_order_qty", most, applied
        )
    most = limit.max_order_notional
    if most is not None and change.px is not None:
        notional = notional_of(change.qty, change.px, instrument)
        if notional > most:
            return _over(
                Code.MAX_ORDER_NOTIONAL,
                "notional",
                format_decimal(notional, 8),
                "max_order_notional",
                most,
                applied,
            )
    return None


def _fault_of_position(change: _Change, instrument: Instrument, applied: Applied) -> Rejection | None:
    most = applied.limit.max_position
    if most is None or change.added_qty == 0:
        return None
    held = applied.in_symbol
    if change.side is _BUY:
        worst = held.position + held.buy_qty + change.added_qty
        excess = worst
    else:
        worst = held.position - held.sell_qty - change.added_qty
        excess = -worst
    if excess * _ONE <= most * _POW10[instrument.qty_scale]:
        return None
    text = format_decimal(worst, instrument.qty_scale)
    return _over(
        Code.MAX_POSITION, "position with all open orders filled", text, "max_position", most, applied
    )


def _fault_of_totals(change: _Change, applied: Applied, own: Exposure) -> Rejection | None:
    limit, total = applied.limit, applied.total
    most = limit.max_open_orders
    if most is not None and change.is_new and total.open_orders >= most:
        detail = (
            f"{total.open_orders} orders are open, max_open_orders of {scope_text(applied.key)} is {most}"
        )
        return Rejection(Code.MAX_OPEN_ORDERS, detail)
    most = limit.max_gross_notional
    if most is None or change.added_notional == 0:
        return None
    gross = total.gross_notional + change.added_notional
    if gross <= most or only_reduces(change.side, change.added_qty, own):
        return None
    text = format_decimal(gross, 8)
    return _over(Code.MAX_GROSS_NOTIONAL, "gross notional", text, "max_gross_notional", most, applied)


def _fault_of_twin(change: _Change, applied: Applied, about: Surroundings) -> Rejection | None:
    window = applied.limit.duplicate_window_ms
    if not window or not change.is_new or about.twin_age_ms >= window:
        return None
    detail = (
        f"order {about.twin} with the same side, qty and px came {about.twin_age_ms} ms before,"
        f" duplicate_window_ms of {scope_text(applied.key)} is {window}"
    )
    return Rejection(Code.DUPLICATE_ORDER_SUSPECTED, detail)


def _fault_of_reference(change: _Change, applied: Applied) -> Rejection | None:
    """Code 50, where there is no reference price."""
    limit, name = applied.limit, ""
    if limit.px_collar is not None and change.limit_px is not None:
        name = "px_collar"
    elif change.px is None:
        if limit.max_order_notional is not None:
            name = "max_order_notional"
        elif limit.max_gross_notional is not None:
            name = "max_gross_notional"
    if not name:
        return None
    needs = "needs a mark, a recent trade or a settlement price, and there is none"
    detail = f"{name} of {scope_text(applied.key)} {needs}"
    return Rejection(Code.NO_REFERENCE_PRICE, detail)


def _over(code: Code, what: str, value: str, name: str, most: int, applied: Applied) -> Rejection:
    return Rejection(
        code, f"{what} {value} is more than {name} {format_decimal(most, 8)} of {scope_text(applied.key)}"
    )


def needs_reference(limit: RiskLimit, order_type: OrderType, *, priced: bool) -> bool:
    """Whether the limit's checks look at a reference price for such an order."""
    if limit.px_collar is not None and order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return True
    return not priced and (limit.max_order_notional is not None or limit.max_gross_notional is not None)
