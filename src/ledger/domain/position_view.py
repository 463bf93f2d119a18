"""What people read off a position: average price, unrealised and total profit, profit after fees.

Views only: evaluated by readers and projections at a mark, never an input of a decision and never journaled. Exact:
marks come as twice the price (the mid of a book), money as a Fraction where it need not be whole. The contract
multiplier enters here and nowhere else.
"""

from __future__ import annotations

from fractions import Fraction

from ledger.domain.context import Instrument
from ledger.domain.position import PositionState
from ledger.domain.units import FEE_SCALE

_MULTIPLIER_SCALE = 8


def avg_px(state: PositionState) -> tuple[int, int] | None:
    """Average price of the open quantity as (numerator, denominator > 0) in price units; None when flat."""
    if state.qty == 0:
        return None
    return (state.cost, state.qty) if state.qty > 0 else (-state.cost, -state.qty)


def twice_upnl(state: PositionState, twice_px: int) -> int:
    """Twice the unrealised profit at a mark of `twice_px / 2`, in money units before the multiplier."""
    return state.qty * twice_px - 2 * state.cost


def twice_total(state: PositionState, twice_px: int) -> int:
    """Twice the realised and unrealised profit together: what came in, and what the rest would bring."""
    return 2 * state.cash + state.qty * twice_px


def money(value: int | Fraction, instrument: Instrument) -> Fraction:
    """A position's cost, cash or profit in whole units of the quote currency, multiplier included."""
    scale = instrument.price_scale + instrument.qty_scale + _MULTIPLIER_SCALE
    return Fraction(value) * instrument.multiplier / 10**scale


def fee(state: PositionState, currency: str) -> Fraction:
    """Fees paid in `currency`, in whole units of it; negative where rebates exceed them."""
    return Fraction(dict(state.fees).get(currency, 0), 10**FEE_SCALE)


def net(state: PositionState, twice_px: int, instrument: Instrument) -> Fraction:
    """Total profit at the mark less the fees in the quote currency, in whole units of it."""
    total = money(Fraction(twice_total(state, twice_px), 2), instrument)
    return total - fee(state, instrument.quote_ccy)


def net_realized(state: PositionState, instrument: Instrument) -> Fraction:
    """Realised profit less the fees in the quote currency, in whole units of it."""
    return money(state.realized, instrument) - fee(state, instrument.quote_ccy)
