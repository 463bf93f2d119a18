"""What a venue's prints and quotes become: neither changes a level, each is journaled, a price may be recorded as bad."""

from __future__ import annotations

from ledger.domain.book import Book
from ledger.domain.book_outcome import Decided, record_cases
from ledger.domain.book_table import Case
from ledger.domain.context import Context
from ledger.domain.enums import BookStatus
from ledger.domain.events import MarketQuoted, MarketTraded
from ledger.domain.facts import MarketTrade, Quote
from ledger.domain.price_band import is_bad, is_outside


def decide_quote(book: Book | None, fact: Quote, context: Context, _checksums: object) -> Decided:
    """MarketQuoted; BOOK_BAD_PRICE beside it where a side has a price that the instrument cannot have."""
    events: Decided = [
        MarketQuoted(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.bid_px,
            fact.bid_qty,
            fact.ask_px,
            fact.ask_qty,
            fact.update,
            context.told_ns,
            context.told_by,
        )
    ]
    bid, ask, instrument = fact.bid_px, fact.ask_px, context.instrument
    if instrument is None or (
        bid > 0 < ask
        and instrument.px_min is None is instrument.px_max
        and not (bid % instrument.tick or ask % instrument.tick)
    ):
        return events  # nearly always
    _record_bad_quote(events, book, fact, context)
    return events


def decide_trade(book: Book | None, fact: MarketTrade, context: Context, _checksums: object) -> Decided:
    """MarketTraded; BOOK_BAD_PRICE beside it where its price lies outside the instrument's band."""
    instrument, px = context.instrument, fact.px
    sure = instrument is None or (px > 0 and instrument.px_min is None is instrument.px_max)  # nearly always
    bad = not sure and is_outside(px, instrument)
    events: Decided = [
        MarketTraded(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.px,
            fact.qty,
            fact.side,
            fact.trade_id,
            bad,
            context.told_ns,
            context.told_by,
        )
    ]
    if bad:
        _record_bad_print(events, book, fact, context, f"trade {fact.trade_id} at px {fact.px}")
    return events


def _record_bad_quote(events: Decided, book: Book | None, fact: Quote, context: Context) -> None:
    """A side without a quantity is not there, whatever its price."""
    for side, px, qty in (("bid", fact.bid_px, fact.bid_qty), ("ask", fact.ask_px, fact.ask_qty)):
        if qty and is_bad(px, context.instrument):
            _record_bad_print(events, book, fact, context, f"quote with {side} px {px}")
            return


def _record_bad_print(
    events: Decided, book: Book | None, fact: Quote | MarketTrade, context: Context, what: str
) -> None:
    status = BookStatus.EMPTY if book is None else book.status
    record_cases(events, [(Case.BAD_PRINT, what)], status, fact, context, 0)
