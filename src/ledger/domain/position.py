"""The position of one strategy in one symbol: quantity, cost, realised profit and cash, folded from fills.

Netting: a fill first closes what is open on the other side, at the proportional share of the cost, and opens with
the rest. Only that share is rounded, half to even, so that `realized == cash + cost` holds to the last unit after
every fill and profit is exact whenever the position is flat. The average price is a derived fraction, never stored.
A fill costs the same whatever came before it. Units: quantities 10^-qty_scale, prices 10^-price_scale, money
10^-(price_scale + qty_scale) before the contract multiplier, fees 10^-8 of their currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, final

from msgspec import Struct
from msgspec.structs import replace

from ledger.domain.adjustments import Adjustment
from ledger.domain.enums import Side
from ledger.domain.events import (
    FillBusted,
    FillCorrected,
    OrderFilled,
    PositionRestated,
)
from ledger.domain.values import to_money

_BUY: Final = Side.BUY

PositionInput = OrderFilled | PositionRestated | FillBusted | FillCorrected | Adjustment
"""What concerns a position: busts and corrections change it only by the PositionRestated beside them, an event without
a fill by the Adjustment that is its route to this position."""


@final
class PositionState(Struct, frozen=True, array_like=True, gc=False):
    """All that is known of a position; its size does not grow with its history."""

    strategy_id: str
    symbol: str
    account: str
    """Of its first fill."""
    qty: int
    """Signed: negative is short."""
    cost: int
    """What the open quantity cost, signed like qty at positive prices; 0 when flat."""
    realized: int
    """Profit of what was closed, over all cycles, fees apart."""
    cash: int
    """Money that came in less money that went out, fees apart."""
    fees: tuple[tuple[str, int], ...]
    """(currency, sum) sorted by currency."""
    buy_qty: int
    sell_qty: int
    fill_count: int
    cycle: int
    """How often it was opened, a flip included."""
    adj_dqty: int
    """Sums of all adjustments and transfers; a transfer counts at its price, so its two routes sum to zero."""
    adj_dcost: int
    adj_dcash: int
    last_px: int
    """Price of its last fill."""
    ts_opened: int
    """recorded_at_ns of the fill that opened the present or last cycle."""
    ts_last: int
    """recorded_at_ns of its last event."""
    version: int
    """seq of its last event."""


@final
class EffectiveFill(Struct, frozen=True, gc=False):
    """A fill as it counts now: busts left out, corrections put in their place."""

    side: Side
    qty: int
    px: int
    fee: int = 0
    fee_ccy: str = ""
    recorded_at_ns: int = 0
    """Of the fill itself, not of its correction."""


def evolve(state: PositionState | None, event: PositionInput, seq: int, recorded_at_ns: int) -> PositionState:
    """The position after `event`; total, and O(1) whatever the history. Never vetoes a fill."""
    if type(event) is OrderFilled:
        if state is None:
            state = empty(event.strategy_id, event.symbol, event.account)
        return _filled(state, event, seq, recorded_at_ns)
    if type(event) is PositionRestated:
        return _restated(state, event, seq, recorded_at_ns)
    if type(event) is Adjustment:
        if state is None:
            state = empty(event.strategy_id, event.symbol, event.account)
        return _adjusted(state, event, seq, recorded_at_ns)
    return state if state is not None else empty(event.strategy_id, event.symbol, event.account)


def empty(strategy_id: str, symbol: str, account: str) -> PositionState:
    """A position before its first fill."""
    return PositionState(strategy_id, symbol, account, 0, 0, 0, 0, (), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def refold(changes: Iterable[EffectiveFill | Adjustment], origin: PositionState) -> PositionState:
    """The position that `changes`, in the order of their seq, make from nothing; O(n). Identity from `origin`."""
    state = empty(origin.strategy_id, origin.symbol, origin.account)
    for change in changes:
        if type(change) is Adjustment:
            state = _adjusted(state, change, origin.version, change.recorded_at_ns)
        else:
            state = _filled(state, change, origin.version, change.recorded_at_ns)  # type: ignore[arg-type]
    return state


def restated(
    state: PositionState,
    changes: Iterable[EffectiveFill | Adjustment],
    gone: EffectiveFill,
    instead: EffectiveFill | None = None,
    ref_seq: int = 0,
) -> PositionRestated:
    """The event that says what the position is once `gone` counts no longer, or counts as `instead`.

    `changes` are all fills that count afterwards and all adjustments, in the order of their seq, `instead` at the place
    of `gone`. Raises AssertionError if quantity and cash are not the old ones less `gone` plus `instead`, or the
    adjustments not those of the state: then `changes` was not complete.
    """
    new = refold(changes, state)
    qty, cash = state.qty, state.cash
    for fill, sign in ((gone, -1), (instead, 1)):
        if fill is not None:
            signed = sign * (fill.qty if fill.side is _BUY else -fill.qty)
            qty += signed
            cash -= signed * fill.px
    assert (new.qty, new.cash) == (qty, cash), (
        f"position {state.strategy_id}/{state.symbol}: the refold has qty {new.qty}, cash {new.cash}, "
        f"the fills' difference asks for qty {qty}, cash {cash}"
    )
    adjusted = (state.adj_dqty, state.adj_dcost, state.adj_dcash)
    assert (new.adj_dqty, new.adj_dcost, new.adj_dcash) == adjusted, (
        f"position {state.strategy_id}/{state.symbol} was adjusted by {adjusted}, the refold's adjustments make"
        f" {(new.adj_dqty, new.adj_dcost, new.adj_dcash)}"
    )
    return PositionRestated(
        strategy_id=state.strategy_id,
        symbol=state.symbol,
        qty=to_money(new.qty),
        cost=to_money(new.cost),
        realized=to_money(new.realized),
        cash=to_money(new.cash),
        fees={currency: to_money(amount) for currency, amount in new.fees},
        buy_qty=to_money(new.buy_qty),
        sell_qty=to_money(new.sell_qty),
        fill_count=new.fill_count,
        cycle=new.cycle,
        ts_opened=new.ts_opened,
        ref_seq=ref_seq,
    )


def canonical(state: PositionState) -> tuple[object, ...]:
    """The state as msgpack can hold it: the fields in order, integers beyond 64 bits as decimal text."""
    return (
        state.strategy_id,
        state.symbol,
        state.account,
        to_money(state.qty),
        to_money(state.cost),
        to_money(state.realized),
        to_money(state.cash),
        tuple((currency, to_money(amount)) for currency, amount in state.fees),
        to_money(state.buy_qty),
        to_money(state.sell_qty),
        state.fill_count,
        state.cycle,
        to_money(state.adj_dqty),
        to_money(state.adj_dcost),
        to_money(state.adj_dcash),
        state.last_px,
        state.ts_opened,
        state.ts_last,
        state.version,
    )


def from_canonical(stored: Sequence[object]) -> PositionState:
    """The state that `canonical` made these fields of."""
    fields = list(stored)
    for index in _WIDE:
        fields[index] = int(fields[index])  # type: ignore[call-overload]
    fields[_FEES] = tuple((currency, int(amount)) for currency, amount in fields[_FEES])  # type: ignore[union-attr]
    return PositionState(*fields)  # type: ignore[arg-type]


_WIDE: Final = tuple(
    PositionState.__struct_fields__.index(name)
    for name in (
        "qty",
        "cost",
        "realized",
        "cash",
        "buy_qty",
        "sell_qty",
        "adj_dqty",
        "adj_dcost",
        "adj_dcash",
    )
)
_FEES: Final = PositionState.__struct_fields__.index("fees")


def _filled(
    state: PositionState, fill: OrderFilled | EffectiveFill, seq: int, recorded_at_ns: int
) -> PositionState:
    """Open, add, reduce, close or flip (DOMAIN 2.1); written out in one piece because every fill passes here."""
    qty, cost, realized = state.qty, state.cost, state.realized
    buy_qty, sell_qty = state.buy_qty, state.sell_qty
    cycle, ts_opened = state.cycle, state.ts_opened
    px = fill.px
    if fill.side is _BUY:
        signed = fill.qty
        buy_qty += signed
    else:
        signed = -fill.qty
        sell_qty -= signed
    cash = state.cash - signed * px
    left = qty + signed
    if qty * signed >= 0:
        cost += signed * px
        if qty == 0 and signed:
            cycle += 1
            ts_opened = recorded_at_ns
    elif left * qty <= 0:  # closed; the remainder, if any, opens the other side at px
        realized += qty * px - cost
        cost = left * px
        if left:
            cycle += 1
            ts_opened = recorded_at_ns
    else:
        removed = _half_even(cost * signed, -qty)
        realized -= signed * px + removed
        cost -= removed
    fees = state.fees
    fee = fill.fee
    if fee:
        if len(fees) == 1 and fees[0][0] == fill.fee_ccy:
            fees = ((fill.fee_ccy, fees[0][1] + fee),)
        else:
            fees = _add_fee(fees, fill.fee_ccy, fee)
    return PositionState(
        state.strategy_id,
        state.symbol,
        state.account,
        left,
        cost,
        realized,
        cash,
        fees,
        buy_qty,
        sell_qty,
        state.fill_count + 1,
        cycle,
        state.adj_dqty,
        state.adj_dcost,
        state.adj_dcash,
        px,
        ts_opened,
        recorded_at_ns,
        seq,
    )


def _adjusted(state: PositionState, change: Adjustment, seq: int, recorded_at_ns: int) -> PositionState:
    """An adjustment sets what it says; a transfer trades at its price, but counts as neither bought nor sold."""
    sums = {
        "adj_dqty": state.adj_dqty + change.dqty,
        "adj_dcost": state.adj_dcost + change.dcost,
        "adj_dcash": state.adj_dcash + change.dcash,
        "ts_last": recorded_at_ns,
        "version": seq,
    }
    if change.px is not None:
        side = _BUY if change.dqty > 0 else Side.SELL
        traded = _filled(state, EffectiveFill(side, abs(change.dqty), change.px), seq, recorded_at_ns)
        return replace(
            traded,
            buy_qty=state.buy_qty,
            sell_qty=state.sell_qty,
            fill_count=state.fill_count,
            last_px=state.last_px,
            **sums,
        )
    qty = state.qty + change.dqty
    # Flat means no cost: what a later bust leaves of a cost that was adjusted by hand is profit or loss.
    cost = state.cost + change.dcost if qty else 0
    cash = state.cash + change.dcash
    opened = qty != 0 and qty * state.qty <= 0
    return replace(
        state,
        qty=qty,
        cost=cost,
        cash=cash,
        realized=cash + cost,
        cycle=state.cycle + opened,
        ts_opened=recorded_at_ns if opened else state.ts_opened,
        **sums,
    )


def _half_even(dividend: int, divisor: int) -> int:
    """dividend / divisor, rounded half to even, exact for any size and signs."""
    if divisor < 0:
        dividend, divisor = -dividend, -divisor
    quotient = dividend // divisor
    twice_rest = 2 * (dividend - quotient * divisor)
    if twice_rest < divisor or (twice_rest == divisor and not quotient & 1):
        return quotient
    return quotient + 1


def _add_fee(fees: tuple[tuple[str, int], ...], currency: str, amount: int) -> tuple[tuple[str, int], ...]:
    """The sums with `amount` added, sorted by currency."""
    sums = dict(fees)
    sums[currency] = sums.get(currency, 0) + amount
    return tuple(sorted(sums.items()))


def _restated(
    state: PositionState | None, event: PositionRestated, seq: int, recorded_at_ns: int
) -> PositionState:
    before = state if state is not None else empty(event.strategy_id, event.symbol, "")
    return PositionState(
        before.strategy_id,
        before.symbol,
        before.account,
        int(event.qty),
        int(event.cost),
        int(event.realized),
        int(event.cash),
        tuple(sorted((currency, int(amount)) for currency, amount in event.fees.items())),
        int(event.buy_qty),
        int(event.sell_qty),
        event.fill_count,
        event.cycle,
        before.adj_dqty,
        before.adj_dcost,
        before.adj_dcash,
        before.last_px,
        event.ts_opened,
        recorded_at_ns,
        seq,
    )
