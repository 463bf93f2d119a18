"""A book to a plain value and back: books are changed in place, so they are no structs."""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

from ledger.domain.book import Book
from ledger.domain.enums import BookSource, BookStatus, OrderAction, Side, TradingPhase
from ledger.domain.events import BookDeltaApplied, MarketQuoted, MarketTraded
from ledger.domain.ladder import ASK, BID, Ladder
from ledger.domain.resting import Resting

_Levels: TypeAlias = tuple[tuple[int, int], ...]
_COUNTS: Final = ("snapshots", "deltas", "buffered", "stale", "trades", "quotes", "clock_regressions")


class StoredBook(Struct, frozen=True, array_like=True):
    """A book as a value."""

    exchange: str
    symbol: str
    status: BookStatus
    phase: TradingPhase
    bids: _Levels
    asks: _Levels
    last_update: int
    fresh: bool
    continuity: BookSource
    source: str
    source_epoch: int
    buffer: tuple[tuple[int, BookDeltaApplied | None], ...]
    resting: tuple[tuple[str, Side, int, int], ...] | None
    bad_prices: tuple[int, ...]
    trade: MarketTraded | None
    quote: MarketQuoted | None
    last_mark: tuple[int, int] | None
    crossed_since: int
    counts: tuple[int, ...]
    ts_event: int
    version: int
    requested: int
    sound_trade: MarketTraded | None = None


def store_book(book: Book) -> StoredBook:
    """The book as it is now."""
    resting = None
    if book.resting is not None:
        resting = tuple((name, *order) for name, order in book.resting.orders.items())
    return StoredBook(
        book.exchange,
        book.symbol,
        book.status,
        book.phase,
        tuple(book.bids.items()),
        tuple(book.asks.items()),
        book.last_update,
        book.fresh,
        book.continuity,
        book.source,
        book.source_epoch,
        tuple(book.buffer.items()),
        resting,
        tuple(sorted(book.bad_prices)),
        book.trade,
        book.quote,
        book.last_mark,
        book.crossed_since,
        tuple(getattr(book.statistics, name) for name in _COUNTS),
        book.ts_event,
        book.version,
        book.requested,
        book.sound_trade,
    )


def restore_book(stored: StoredBook) -> Book:
    """The book that `store_book` was given."""
    book = Book(stored.exchange, stored.symbol)
    book.status, book.phase = stored.status, stored.phase
    book.bids, book.asks = Ladder(BID, stored.bids), Ladder(ASK, stored.asks)
    book.last_update, book.fresh, book.continuity = stored.last_update, stored.fresh, stored.continuity
    book.source, book.source_epoch = stored.source, stored.source_epoch
    book.buffer = dict(stored.buffer)
    if stored.resting is not None:
        book.resting = Resting()
        for name, side, px, qty in stored.resting:
            book.resting.apply(OrderAction.ADDED, name, side, px, qty)
    book.bad_prices = set(stored.bad_prices)
    book.trade, book.quote, book.last_mark = stored.trade, stored.quote, stored.last_mark
    book.sound_trade = stored.sound_trade
    book.crossed_since = stored.crossed_since
    for name, count in zip(_COUNTS, stored.counts, strict=True):
        setattr(book.statistics, name, count)
    book.ts_event, book.version, book.requested = stored.ts_event, stored.version, stored.requested
    return book
