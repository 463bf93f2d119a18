"""Exposure: what the open orders of a scope could still trade, and what its positions have cost.

Each open order loads the scopes that it is in with its worst outcome: the largest quantity that it, or a replace on
its way, may still trade, at the highest price of them. A scope's exposure is the sum of the loads, moved by the
difference that each event makes, so that it costs the same however many orders there are.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.context import Instrument
from ledger.domain.enums import Closed, RequestKind, Side
from ledger.domain.order_state import OrderState
from ledger.domain.position import PositionState

_OPEN: Final = Closed.OPEN
_BUY: Final = Side.BUY
_REPLACE: Final = RequestKind.REPLACE

_POW10: Final = tuple(10**exponent for exponent in range(25))
"""A look-up is a fifth of the cost of a power."""

Load = tuple[int, int, int, int]
"""(orders, buy qty, sell qty, notional) of one order; quantities in its instrument's scale, notional 10^-8."""
NO_LOAD: Final[Load] = (0, 0, 0, 0)


@final
class Exposure(Struct, frozen=True, array_like=True, gc=False):
    """The sum of one scope. Quantities only mean something where the scope has one symbol; elsewhere they are 0."""

    open_orders: int = 0
    buy_qty: int = 0
    """What the open buy orders may still buy."""
    sell_qty: int = 0
    position: int = 0
    """Signed net quantity of the positions."""
    order_notional: int = 0
    """10^-8 of the quote currencies, added up as they are."""
    position_notional: int = 0
    """|cost| of the positions, in the same unit."""
    version: int = 0
    """seq of the last event that changed it."""

    @property
    def gross_notional(self) -> int:
        """What `max_gross_notional` is compared with."""
        return self.order_notional + self.position_notional


NOTHING: Final = Exposure()


def worst_qty(state: OrderState) -> int:
    """The quantity of the order once every replace on its way is taken: the largest of them."""
    qty = state.qty
    for request in state.requests:
        if request.kind is _REPLACE and request.qty is not None and request.qty > qty:
            qty = request.qty
    return qty


def worst_px(state: OrderState, twice_mark: int | None) -> int:
    """The highest price, without its sign, that the order may trade or be triggered at; for a market order its mark."""
    px = state.px
    if px is not None and state.stop_px is None and not state.requests:
        return px if px >= 0 else -px
    prices = [px, state.stop_px]
    for request in state.requests:
        if request.kind is _REPLACE:
            prices += (request.px, request.stop_px)
    known = [abs(px) for px in prices if px is not None]
    return max(known) if known else reference_px(twice_mark)


def reference_px(twice_mark: int | None) -> int:
    """A price for an order that has none, rounded up; 0 where there was no reference."""
    return 0 if twice_mark is None else (abs(twice_mark) + 1) // 2


def notional_of(qty: int, px: int, instrument: Instrument) -> int:
    """qty * px * multiplier in 10^-8 of the quote currency, rounded up; px without its sign."""
    return -(-qty * px * instrument.multiplier // _POW10[instrument.price_scale + instrument.qty_scale])


def load_of(state: OrderState | None, instrument: Instrument, twice_mark: int | None) -> Load:
    """What one order adds to the exposure of its scopes; nothing once it can trade no more.

    `twice_mark` is twice the reference price of an order that has no price.
    """
    if state is None or state.closed is not _OPEN:
        return NO_LOAD
    qty = worst_qty(state) - state.cum
    if qty <= 0:
        return NO_LOAD
    notional = notional_of(qty, worst_px(state, twice_mark), instrument)
    return (1, qty, 0, notional) if state.terms.side is _BUY else (1, 0, qty, notional)


def position_notional(state: PositionState | None, instrument: Instrument) -> int:
    """|cost| of a position in 10^-8 of the quote currency, rounded up."""
    return 0 if state is None else notional_of(1, abs(state.cost), instrument)


def loaded(state: Exposure, before: Load, after: Load, seq: int, *, one_symbol: bool) -> Exposure:
    """The exposure once an order loads it with `after` instead of `before`."""
    return Exposure(
        state.open_orders + after[0] - before[0],
        state.buy_qty + after[1] - before[1] if one_symbol else 0,
        state.sell_qty + after[2] - before[2] if one_symbol else 0,
        state.position,
        state.order_notional + after[3] - before[3],
        state.position_notional,
        seq,
    )


def moved(state: Exposure, dqty: int, dnotional: int, seq: int, *, one_symbol: bool) -> Exposure:
    """The exposure once a position is `dqty` longer and costs `dnotional` more."""
    return Exposure(
        state.open_orders,
        state.buy_qty,
        state.sell_qty,
        state.position + dqty if one_symbol else 0,
        state.order_notional,
        state.position_notional + dnotional,
        seq,
    )
