"""Which price says what a symbol is worth now: the book's mid, else its last trade, else the settlement price, else none.

The mid counts while the book is LIVE in continuous trading, two-sided, not crossed, and no wider than the cap; the
trade while it is younger than the cap; one at a price outside the instrument's band never counts. A pure function of the folds and of the caps, which are journaled (the spread's
in EngineStarted, the age's in RiskLimitSet), so the same everywhere it is asked. Nothing of it is journaled but the
price that a decision used.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.book import Book, mark
from ledger.domain.events import EngineStarted
from ledger.domain.risk import Reference
from ledger.domain.trading_day import Settlement

SPREAD_MAX: Final = "book.mark_spread_max_bp"
"""The setting of the spread's cap, as EngineStarted has it."""
BOOK: Final = "BOOK"
TRADE: Final = "TRADE"
SETTLEMENT: Final = "SETTLEMENT"
_BASIS_POINTS: Final = 10_000
_NS_PER_MS: Final = 10**6


@final
class Caps(Struct, frozen=True, gc=False):
    """How wide and how old a price may be."""

    spread_max_bp: int
    """Spread as a share of the mid, in ten thousandths; 0 sets no cap."""
    age_max_ns: int


@final
class Valuation(Struct, frozen=True, gc=False):
    """The price that values a position."""

    twice_px: int
    came_from: str
    """BOOK, TRADE or SETTLEMENT."""


def caps_of(started: EngineStarted | None, age_max_ms: int) -> Caps:
    """The caps of this start; a start that says no spread had none."""
    spread = started.settings.get(SPREAD_MAX, 0) if started is not None else 0
    return Caps(int(spread), age_max_ms * _NS_PER_MS)


def mid_of(book: Book, spread_max_bp: int) -> int | None:
    """Twice the mid where the book gives a mark and its spread keeps the cap. Prices off the tick are looked over."""
    twice = mark(book)
    if twice is None or not spread_max_bp:
        return twice
    if book.bad_prices:
        bid, ask = book.bids.best_outside(book.bad_prices), book.asks.best_outside(book.bad_prices)
    else:
        bid, ask = book.bids.best, book.asks.best
    assert bid is not None
    assert ask is not None
    return twice if 2 * (ask - bid) * _BASIS_POINTS <= spread_max_bp * abs(twice) else None


def reference_of(
    book: Book | None, settlement: Settlement | None, caps: Caps, now_ns: int
) -> Reference | None:
    """The price of a decision at `now_ns`: mid and trade no older than the cap, a settlement of whatever day."""
    if book is not None:
        oldest_ns = now_ns - caps.age_max_ns
        if book.last_mark is not None and book.last_mark[1] >= oldest_ns:
            twice = mid_of(book, caps.spread_max_bp)
            if twice is not None:
                return Reference(twice, book.version)
        trade = book.sound_trade
        if trade is not None and trade.event_time_ns >= oldest_ns:
            return Reference(2 * trade.px, book.version, "last trade")
    if settlement is not None:
        return Reference(2 * settlement.px, 0, f"settlement price of {settlement.trade_date}")
    return None


def valuation_of(book: Book | None, settlement: Settlement | None, caps: Caps) -> Valuation | None:
    """The price of a position, by the same steps, from the folds alone: a trade's age is taken at the book's last event."""
    if book is not None:
        twice = mid_of(book, caps.spread_max_bp)
        if twice is not None:
            return Valuation(twice, BOOK)
        trade = book.sound_trade
        if trade is not None and trade.event_time_ns >= book.ts_event - caps.age_max_ns:
            return Valuation(2 * trade.px, TRADE)
    return None if settlement is None else Valuation(2 * settlement.px, SETTLEMENT)
