"""The book of one symbol at one venue: levels, last trade and quote, phase, and whether it can be trusted.

EMPTY until a snapshot; LIVE while the source's numbers are unbroken since it; STALE after a gap, a negative size or
a wrong checksum, until a snapshot bridges the deltas that were kept meanwhile. Deltas are kept, bounded, while the
book is EMPTY or STALE. No mark is given unless the book is LIVE in continuous trading, two-sided and not crossed; the last
valid one stays readable, flagged stale. A book is changed in place, by `evolve` only; `decide` (book_decide) looks first. Where the
venue shows single orders, the book knows which of them hold its levels (resting); while it is not LIVE their messages
are not held back, since a snapshot of levels says nothing about orders: it must contain them.
"""

from __future__ import annotations

from typing import Final, final

from ledger.domain.continuity import Delta, follows, precedes
from ledger.domain.enums import BookFault, BookSource, BookStatus, Side, TradingPhase
from ledger.domain.events import (
    BookDeltaApplied,
    BookEvent,
    BookOrderApplied,
    BookSnapshotApplied,
    MarketQuoted,
    MarketTraded,
    PhaseChanged,
)
from ledger.domain.facts import BookOrder
from ledger.domain.ladder import ASK, BID, Ladder
from ledger.domain.resting import Resting

BUFFER_MAX: Final = 10_000
"""Deltas kept while EMPTY or STALE; beyond it the oldest go, and the next snapshot must be newer."""

_LIVE: Final = BookStatus.LIVE
_CONTINUOUS: Final = TradingPhase.CONTINUOUS


@final
class Book:
    """State of the actor (exchange, symbol)."""

    __slots__ = (
        "asks",
        "bad_prices",
        "bids",
        "buffer",
        "continuity",
        "crossed_since",
        "exchange",
        "fresh",
        "last_mark",
        "last_update",
        "phase",
        "quote",
        "requested",
        "resting",
        "sound_trade",
        "source",
        "source_epoch",
        "statistics",
        "status",
        "symbol",
        "trade",
        "ts_event",
        "version",
    )

    def __init__(self, exchange: str, symbol: str) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.status = BookStatus.EMPTY
        self.phase = TradingPhase.CONTINUOUS
        self.bids = Ladder(BID)
        self.asks = Ladder(ASK)
        self.last_update = 0
        """The venue's number of the last update in the levels."""
        self.fresh = False
        """No delta was applied since the snapshot: the next one may overlap it."""
        self.continuity = BookSource.SPOT
        self.source = ""
        """Who sent the last snapshot, in which run."""
        self.source_epoch = 0
        self.buffer: dict[int, BookDeltaApplied | None] = {}
        """Deltas kept, by last_update, in the order they came; None stands for one with a negative size, and for a
        message about one order: a snapshot must contain it."""
        self.resting: Resting | None = None
        """The single orders known; None where the venue has shown none."""
        self.bad_prices: set[int] = set()
        self.trade: MarketTraded | None = None
        self.sound_trade: MarketTraded | None = None
        """The last one at a price that the instrument can have: what a mark may be made of."""
        self.quote: MarketQuoted | None = None
        self.last_mark: tuple[int, int] | None = None
        """(twice the price, recorded_at_ns) of the last valid mark."""
        self.crossed_since = 0
        """recorded_at_ns when a LIVE book became crossed in continuous trading; 0 when it is not."""
        self.requested = 0
        """seq of the SnapshotRequested that nothing has answered yet; 0 for none."""
        self.statistics = Statistics()
        self.ts_event = 0
        """event_time_ns of the last event; may go back."""
        self.version = 0
        """seq of the last event."""


@final
class Statistics:
    """Counts since the book's first event; gauges, never an input of a decision."""

    __slots__ = ("buffered", "clock_regressions", "deltas", "quotes", "snapshots", "stale", "trades")

    def __init__(self) -> None:
        self.snapshots = 0
        self.deltas = 0
        """Applied."""
        self.buffered = 0
        self.stale = 0
        """How often the book became STALE."""
        self.trades = 0
        self.quotes = 0
        self.clock_regressions = 0
        """Events whose event_time_ns was before the previous one's; applied in sequence order all the same."""


def evolve(
    book: Book | None, event: BookEvent, seq: int, recorded_at_ns: int, buffer_max: int = BUFFER_MAX
) -> Book:
    """The book after `event`, changed in place; total."""
    if book is None:
        book = Book(event.exchange, event.symbol)
    if type(event) is BookDeltaApplied:
        _delta(book, event, recorded_at_ns, buffer_max)
    elif type(event) is MarketQuoted:
        book.quote = event
        book.statistics.quotes += 1
    elif type(event) is MarketTraded:
        take_trade(book, event)
        book.statistics.trades += 1
    elif type(event) is BookSnapshotApplied:
        _snapshot(book, event, recorded_at_ns)
    elif type(event) is BookOrderApplied:
        _order(book, event, recorded_at_ns, buffer_max)
    elif type(event) is PhaseChanged:
        book.phase = event.phase
        if book.status is _LIVE:
            _settle(book, recorded_at_ns)
    else:
        book.requested = book.version = seq
        return book
    at = event.event_time_ns
    if at < book.ts_event:
        book.statistics.clock_regressions += 1
    book.ts_event = at
    book.version = seq
    return book


def take_trade(book: Book, event: MarketTraded) -> None:
    """The book's last trade; one at a price that the instrument cannot have makes no mark."""
    book.trade = event
    if not event.bad_price:
        book.sound_trade = event


def lose_tail(book: Book, seq: int) -> Book:
    """The book after a MarketTailLost, which concerns every book of the partition.

    Numbers show by themselves that events were lost; where the feed has none, the book is no longer to be trusted.
    """
    if book.status is _LIVE and book.continuity is BookSource.UNNUMBERED:
        _set_stale(book)
    book.version = seq
    return book


def continues(book: Book, delta: Delta) -> bool:
    """Whether a delta that the book does not contain is the next one."""
    if delta.continuity is BookSource.UNNUMBERED:  # only the run of the sender vouches for it
        return delta.source_epoch == book.source_epoch and delta.source == book.source
    return follows(delta, book.last_update, fresh=book.fresh)


def continues_with(book: Book, order: BookOrder | BookOrderApplied) -> bool:
    """Whether a message about one order that the book does not contain is the next one."""
    if order.continuity is BookSource.UNNUMBERED:
        return order.source_epoch == book.source_epoch and order.source == book.source
    return order.update == book.last_update + 1


def is_crossed(book: Book) -> bool:
    """Whether the best bid is above the best ask, in any phase and status."""
    bids, asks = book.bids.ranks, book.asks.ranks
    return bool(bids) and bool(asks) and bids[-1] > -asks[-1]


def mark(book: Book) -> int | None:
    """Twice the mid, from the levels; None unless LIVE in continuous trading, two-sided and not crossed.

    `mark_policy` says when it is too wide or too old to be a price.
    """
    bids, asks = book.bids.ranks, book.asks.ranks
    if book.status is not _LIVE or not bids or not asks or bids[-1] > -asks[-1]:
        return None
    if book.phase is not _CONTINUOUS:
        return None
    if not book.bad_prices:
        return bids[-1] - asks[-1]
    bid, ask = book.bids.best_outside(book.bad_prices), book.asks.best_outside(book.bad_prices)
    return None if bid is None or ask is None else bid + ask


def bridge(
    buffer: dict[int, BookDeltaApplied | None], snapshot: BookSnapshotApplied
) -> tuple[list[BookDeltaApplied], dict[int, BookDeltaApplied | None]]:
    """Of the deltas kept: those that continue the snapshot, in order, and those beyond a gap after it.

    What the snapshot already contains is in neither. The second part is empty exactly if the book becomes LIVE.
    """
    chain: list[BookDeltaApplied] = []
    last = snapshot.last_update
    rest = sorted(buffer.items())
    for index, (number, delta) in enumerate(rest):
        if delta is None:
            if number > last:
                return chain, dict(rest[index:])
        elif not precedes(delta, last, fresh=not chain):
            if not follows(delta, last, fresh=not chain):
                return chain, dict(rest[index:])
            chain.append(delta)
            last = number
    return chain, {}


def _delta(book: Book, event: BookDeltaApplied, recorded_at_ns: int, buffer_max: int) -> None:
    if event.fault is BookFault.NEGATIVE_SIZE:
        _keep(book, event, None, buffer_max)
        _set_stale(book)
    elif book.status is not _LIVE:
        _keep(book, event, event, buffer_max)
    elif event.fault is BookFault.NONE and continues(book, event):
        _apply(book, event)
        _settle(book, recorded_at_ns)
    else:
        _keep(book, event, event, buffer_max)
        _set_stale(book)


def _order(book: Book, event: BookOrderApplied, recorded_at_ns: int, buffer_max: int) -> None:
    if book.status is not _LIVE or event.fault is not BookFault.NONE or not continues_with(book, event):
        _hold(book, event.update, event.continuity, None, buffer_max)
        if book.status is _LIVE:
            _set_stale(book)
        return
    if book.resting is None:
        book.resting = Resting()
    side, px, grows = book.resting.apply(event.action, event.order_ref, event.side, event.px, event.qty)
    ladder = book.bids if side is Side.BUY else book.asks
    ladder.apply(((px, max(0, ladder.sizes.get(px, 0) + grows)),))
    _count(book, event.update, event.bad_prices)
    _settle(book, recorded_at_ns)


def _apply(book: Book, event: BookDeltaApplied) -> None:
    if book.resting is not None:
        for side, levels in ((Side.BUY, event.bids), (Side.SELL, event.asks)):
            for px, _ in levels:
                book.resting.forget(side, px)
    if event.bids:
        book.bids.apply(event.bids)
    if event.asks:
        book.asks.apply(event.asks)
    _count(book, event.last_update, event.bad_prices)


def _count(book: Book, update: int, bad_prices: tuple[int, ...]) -> None:
    book.last_update = update
    book.fresh = False
    book.statistics.deltas += 1
    if bad_prices:
        book.bad_prices.update(bad_prices)


def _settle(book: Book, recorded_at_ns: int) -> None:
    """At the end of a venue's message: keep the mark, or note since when the book is crossed."""
    if book.bad_prices:
        book.bad_prices &= book.bids.sizes.keys() | book.asks.sizes.keys()
    if book.phase is not _CONTINUOUS:  # crossing is normal there, and counts from when trading begins
        book.crossed_since = 0
        return
    twice_px = mark(book)
    if twice_px is not None:
        book.last_mark = (twice_px, recorded_at_ns)
        book.crossed_since = 0
    elif not is_crossed(book):
        book.crossed_since = 0
    elif not book.crossed_since:
        book.crossed_since = recorded_at_ns


def _keep(book: Book, event: BookDeltaApplied, kept: BookDeltaApplied | None, buffer_max: int) -> None:
    _hold(book, event.last_update, event.continuity, kept, buffer_max)


def _hold(
    book: Book, number: int, continuity: BookSource, kept: BookDeltaApplied | None, buffer_max: int
) -> None:
    """Hold a delta back for the next snapshot; one without a number cannot be placed after it, so is not held."""
    if continuity is BookSource.UNNUMBERED:
        return
    book.buffer[number] = kept
    book.statistics.buffered += 1
    while len(book.buffer) > buffer_max:
        del book.buffer[next(iter(book.buffer))]


def _snapshot(book: Book, event: BookSnapshotApplied, recorded_at_ns: int) -> None:
    if event.fault is not BookFault.NONE:
        _set_stale(book)
        return
    chain, rest = bridge(book.buffer, event)
    book.bids = Ladder(BID, event.bids)
    book.asks = Ladder(ASK, event.asks)
    book.resting = None
    book.bad_prices = set(event.bad_prices)
    book.last_update = event.last_update
    book.continuity = event.continuity
    book.source, book.source_epoch = event.source, event.source_epoch
    book.fresh = True
    book.statistics.snapshots += 1
    for delta in chain:
        _apply(book, delta)
    book.buffer = rest
    if rest:
        _set_stale(book)
    else:
        book.status = _LIVE
        book.requested = 0
        _settle(book, recorded_at_ns)


def _set_stale(book: Book) -> None:
    if book.status is not BookStatus.STALE:
        book.status = BookStatus.STALE
        book.statistics.stale += 1
    book.crossed_since = 0
