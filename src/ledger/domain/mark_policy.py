"""Which price says what a symbol is worth now: the book's mid, else its last trade, else the settlement price, else none.

A pure function of the folds and of how old a price may be, so the same everywhere it is asked. Nothing of it is
journaled but the price that a decision used.
"""

from __future__ import annotations

from ledger.domain.book import Book, mark
from ledger.domain.risk import Reference
from ledger.domain.trading_day import Settlement


def reference_of(book: Book | None, settlement: Settlement | None, oldest_ns: int) -> Reference | None:
    """The reference price: mark and trade none older than `oldest_ns`, a settlement of whatever day."""
    if book is not None:
        twice = mark(book)
        if twice is not None and book.last_mark is not None and book.last_mark[1] >= oldest_ns:
            return Reference(twice, book.version)
        trade = book.trade
        if trade is not None and trade.event_time_ns >= oldest_ns:
            return Reference(2 * trade.px, book.version, "last trade")
    if settlement is not None:
        return Reference(2 * settlement.px, 0, f"settlement price of {settlement.trade_date}")
    return None
