"""Fills and adjustments of one position for Hypothesis, and the oracle: an average price that is never rounded.

Quantities go to 2^62 and prices over all of 64 bits, negative ones too, so that cost leaves 64 bits at once; others are
so small that positions are often flat.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import Struct

from ledger.domain.adjustments import Adjustment
from ledger.domain.enums import AdjustReason
from ledger.domain.events import OrderFilled, PositionRestated
from ledger.domain.operator_events import PositionAdjusted, PositionTransferred
from ledger.domain.position import EffectiveFill, empty, refold, restated
from ledger.testing.made_fills import effective, filled

STRATEGY: Final = "MM_01"
OTHER: Final = "MM_02"
SYMBOL: Final = "AAPL"
ACCOUNT: Final = "ACC"
PRICES: Final = st.one_of(st.integers(-300, 300), st.integers(-(2**63), 2**63 - 1))
QUANTITIES: Final = st.one_of(st.integers(1, 9), st.integers(1, 2**62))


@final
class Fill(Struct, frozen=True):
    """A fill of the position."""

    side: str
    """B or S."""
    qty: int
    px: int
    fee: int = 0
    """In USD, 10^-8."""

    @property
    def signed(self) -> int:
        """The quantity, negative for a sale."""
        return self.qty if self.side == "B" else -self.qty

    def event(self) -> OrderFilled:
        """As the journal has it."""
        return filled(self.side, self.qty, self.px, self.fee)


@final
class Adjust(Struct, frozen=True):
    """An operator's adjustment."""

    dqty: int
    dcost: int
    dcash: int

    def event(self) -> PositionAdjusted:
        """As the journal has it."""
        reason = AdjustReason.MANUAL
        return PositionAdjusted(STRATEGY, SYMBOL, ACCOUNT, reason, "", self.dqty, self.dcost, self.dcash)


@final
class Transfer(Struct, frozen=True):
    """What came from another strategy; negative: went to it."""

    dqty: int
    px: int

    def event(self) -> PositionTransferred:
        """As the journal has it."""
        names = (OTHER, STRATEGY) if self.dqty > 0 else (STRATEGY, OTHER)
        qty = abs(self.dqty)
        return PositionTransferred(*names, SYMBOL, qty, self.px, qty, ACCOUNT, ACCOUNT)


Change = Fill | Adjust | Transfer


def fills(px: SearchStrategy[int] = PRICES, qty: SearchStrategy[int] = QUANTITIES) -> SearchStrategy[Fill]:
    """One fill of any size."""
    return st.builds(Fill, st.sampled_from("BS"), qty, px, st.just(0) | st.integers(-50, 50))


def fill_streams() -> SearchStrategy[list[Fill]]:
    """Few fills of any size, or many small ones that often meet zero."""
    small = fills(st.integers(-30, 30), st.integers(1, 9))
    return st.lists(fills(), min_size=1, max_size=12) | st.lists(small, min_size=1, max_size=30)


def changes() -> SearchStrategy[list[Change]]:
    """Fills with adjustments and transfers among them."""
    small = st.integers(-40, 40)
    adjusts = st.builds(Adjust, small, small, small)
    transfers = st.builds(Transfer, st.integers(-30, 30).filter(bool), st.integers(1, 50))
    some = fills(st.integers(1, 50), st.integers(1, 30))
    return st.lists(st.one_of(some, some, adjusts, transfers), min_size=1, max_size=14)


def effect(change: Change, seq: int) -> EffectiveFill | Adjustment:
    """The change as a position keeps it, recorded at 1000 times its seq."""
    if isinstance(change, Fill):
        return effective(change.side, change.qty, change.px, change.fee, seq * 1000)
    if isinstance(change, Adjust):
        return Adjustment(STRATEGY, SYMBOL, ACCOUNT, change.dqty, change.dcost, change.dcash, seq * 1000)
    value = change.dqty * change.px
    return Adjustment(STRATEGY, SYMBOL, ACCOUNT, change.dqty, value, -value, seq * 1000, change.px)


def restatement(stream: Sequence[Change], at: int, instead: Fill | None = None) -> PositionRestated:
    """The event beside a bust of the fill at that index of the stream, or beside its correction."""
    kept: list[Any] = [effect(change, seq) for seq, change in enumerate(stream, 1)]
    before = refold(kept, empty(STRATEGY, SYMBOL, ACCOUNT))
    gone = kept[at]
    kept[at : at + 1] = [] if instead is None else [effect(instead, at + 1)]
    return restated(before, kept, gone, None if instead is None else effect(instead, at + 1))  # type: ignore[arg-type]


@final
class Exact(Struct, frozen=True):
    """A position by the textbook."""

    qty: int
    cost: Fraction
    realized: Fraction
    closes: int
    """How many fills closed something: each may cost a rounded fold half a unit."""


def exact(stream: Sequence[Fill]) -> Exact:
    """The textbook's position: an average price as a Fraction."""
    qty, average, realized, closes = 0, Fraction(0), Fraction(0), 0
    for fill in stream:
        change = fill.signed
        closing = 0 if qty * change >= 0 else min(abs(qty), abs(change)) * (1 if change > 0 else -1)
        if closing:
            realized += -closing * (fill.px - average)
            closes += 1
        opening, kept = change - closing, qty + closing
        if kept + opening == 0:
            average = Fraction(0)
        elif opening:
            average = (average * kept + fill.px * opening) / (kept + opening)
        qty = kept + opening
    return Exact(qty, average * qty, realized, closes)
