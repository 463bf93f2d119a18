"""What a market fact becomes: the event as it came, and the anomalies that it shows. Looks only, changes nothing.

Old and repeated messages become nothing. Everything else is journaled, also what a STALE book can only keep, so
that the journal alone tells the book's story.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, final

from msgspec import Struct

from ledger.domain.book import Book, bridge, continues, is_crossed
from ledger.domain.book_order_decide import decide_order
from ledger.domain.book_outcome import TOO_LONG, Decided, crossed_too_long, record_cases
from ledger.domain.book_prints import decide_quote, decide_trade
from ledger.domain.book_table import FAULTS, SNAPSHOT_FAULTS, Case
from ledger.domain.context import Context, Instrument
from ledger.domain.continuity import precedes
from ledger.domain.enums import BookFault, BookSource, BookStatus, TradingPhase
from ledger.domain.events import (
    BookDeltaApplied,
    BookSnapshotApplied,
    PhaseChanged,
)
from ledger.domain.facts import (
    BookDelta,
    BookOrder,
    BookSnapshot,
    MarketData,
    MarketPhase,
    MarketTrade,
    Quote,
)
from ledger.domain.ladder import ASK, BID, Ladder
from ledger.domain.price_band import HIGHEST, LOWEST, band
from ledger.domain.units import Levels

_LIVE: Final = BookStatus.LIVE
_CONTINUOUS: Final = TradingPhase.CONTINUOUS
_QTY: Final = itemgetter(1)
_SOUND: Final[tuple[bool, tuple[int, ...]]] = (False, ())


@final
class Checksum(Struct, frozen=True):
    """How a venue sums up its book, for comparing ours with it."""

    depth: int
    """Levels of each side that it covers."""
    of: Callable[[Levels, Levels, Instrument | None], int]
    """From bids and asks, best first."""


Checksums = Mapping[str, Checksum]
NO_CHECKSUMS: Final[Checksums] = {}


def decide(
    book: Book | None,
    fact: MarketData,
    context: Context,
    checksums: Checksums = NO_CHECKSUMS,
) -> Decided:
    """The events of a market fact, anomalies after the event beside which they stand; [] for an old or repeated one.

    `checksums` by exchange: where a message brings a checksum and the exchange has none here, it is not compared.
    """
    return BOOK_DECIDERS[type(fact)](book, fact, context, checksums)


def _order(book: Book | None, fact: BookOrder, context: Context, _checksums: Checksums) -> Decided:
    return decide_order(book, fact, context)


def _phase(book: Book | None, fact: MarketPhase, context: Context, _checksums: Checksums) -> Decided:
    if fact.phase is (_CONTINUOUS if book is None else book.phase):
        return []
    events: Decided = [
        PhaseChanged(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.phase,
            context.told_ns,
            context.told_by,
        )
    ]
    if book is not None and fact.phase is _CONTINUOUS and book.status is _LIVE and is_crossed(book):
        found = [(Case.TRADING_BEGINS_CROSSED, "crossed as continuous trading begins")]
        record_cases(events, found, _LIVE, fact, context, book.last_update)
    return events


def _delta(book: Book | None, fact: BookDelta, context: Context, checksums: Checksums) -> Decided:
    applies = False
    if book is not None:
        # A later number can only be among those kept: nearly always there are none.
        if (fact.last_update <= book.last_update or book.buffer) and _contains(book, fact):
            return []
        applies = book.status is _LIVE and continues(book, fact)
    negative, bad_prices = _inspect(fact.bids + fact.asks, context.instrument)
    fault = BookFault.NONE
    if negative:
        fault = BookFault.NEGATIVE_SIZE
    elif applies and book is not None and (fact.checksum is not None or book.crossed_since):
        fault = _fault_once_applied(book, fact, context, checksums)
    events: Decided = [
        BookDeltaApplied(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.first_update,
            fact.last_update,
            fact.bids,
            fact.asks,
            fact.prev_update,
            fact.continuity,
            fact.checksum,
            fault,
            bad_prices,
            context.told_ns,
            context.told_by,
        )
    ]
    found: list[tuple[Case, str]] = []
    if book is not None and book.status is _LIVE:
        if not applies:
            found.append((Case.GAP, f"{_numbers(fact)} after {book.last_update} leaves a hole"))
        elif not fault and book.phase is _CONTINUOUS and _will_cross(book, fact):
            found.append((Case.CROSSED, f"after {_numbers(fact)}"))
    if found or fault or bad_prices:
        found += _faults(FAULTS, fault, bad_prices, fact)
        _record_found(events, found, book, fact, context)
    return events


def _record_found(
    events: Decided,
    found: list[tuple[Case, str]],
    book: Book | None,
    fact: BookDelta | BookSnapshot,
    context: Context,
) -> None:
    status, last_update = (BookStatus.EMPTY, 0) if book is None else (book.status, book.last_update)
    record_cases(events, found, status, fact, context, last_update)


def _fault_once_applied(
    book: Book, fact: BookDelta, context: Context, checksums: Mapping[str, Checksum]
) -> BookFault:
    fault = BookFault.NONE
    if fact.checksum is not None:
        fault = _compare(book.bids, book.asks, fact, context, checksums)
    if not fault and crossed_too_long(book, context) and _stays_crossed(book, fact):
        return BookFault.CROSSED
    return fault


def _contains(book: Book, fact: BookDelta) -> bool:
    """Whether the delta is in the levels or among those kept already."""
    if book.status is not BookStatus.EMPTY and precedes(fact, book.last_update, fresh=book.fresh):
        return True
    return fact.last_update in book.buffer


def _snapshot(book: Book | None, fact: BookSnapshot, context: Context, checksums: Checksums) -> Decided:
    if book is not None and _is_old(book, fact):
        return []
    negative, bad_prices = _inspect(fact.bids + fact.asks, context.instrument)
    bids, asks = Ladder(BID, fact.bids), Ladder(ASK, fact.asks)
    fault = BookFault.NONE
    if negative:
        fault = BookFault.NEGATIVE_SIZE
    elif fact.checksum is not None:
        fault = _compare(bids, asks, fact, context, checksums)
    event = BookSnapshotApplied(
        fact.symbol,
        fact.exchange,
        fact.source,
        fact.source_epoch,
        fact.source_seq,
        fact.event_time_ns,
        fact.last_update,
        fact.bids,
        fact.asks,
        fact.continuity,
        fact.checksum,
        fault,
        bad_prices,
        context.told_ns,
        context.told_by,
    )
    events: Decided = [event]
    if not fault:
        _judge_bridge(events, book, event, bids, asks, fact, context)
    if fault or bad_prices:
        _record_found(events, _faults(SNAPSHOT_FAULTS, fault, bad_prices, fact), book, fact, context)
    return events


def _is_old(book: Book, fact: BookSnapshot) -> bool:
    """Whether the same run of the sender told us more already; another run may have begun to count anew."""
    return (
        book.status is _LIVE
        and fact.continuity is not BookSource.UNNUMBERED
        and 0 < fact.last_update <= book.last_update
        and (fact.source, fact.source_epoch) == (book.source, book.source_epoch)
    )


def _judge_bridge(
    events: Decided,
    book: Book | None,
    event: BookSnapshotApplied,
    bids: Ladder,
    asks: Ladder,
    fact: BookSnapshot,
    context: Context,
) -> None:
    """Add what shows only once the deltas that waited for the snapshot are upon it; uses up `bids` and `asks`."""
    chain, rest = bridge(book.buffer, event) if book is not None else ([], {})
    if rest:
        assert book is not None
        detail = f"snapshot {event.last_update} is not continued by update {next(iter(rest))}"
        reached = chain[-1].last_update if chain else event.last_update
        record_cases(events, [(Case.SNAPSHOT_SHORT, detail)], book.status, fact, context, reached)
        return
    for delta in chain:
        bids.apply(delta.bids)
        asks.apply(delta.asks)
    was_crossed = book is not None and book.status is _LIVE and is_crossed(book)
    phase = _CONTINUOUS if book is None else book.phase
    bid, ask = bids.best, asks.best
    if phase is _CONTINUOUS and not was_crossed and bid is not None and ask is not None and bid > ask:
        found = [(Case.CROSSED, f"after snapshot {event.last_update}")]
        record_cases(events, found, _LIVE, fact, context, 0)


def _inspect(levels: Levels, instrument: Instrument | None) -> tuple[bool, tuple[int, ...]]:
    """(whether a size is negative, the prices that the instrument cannot have)."""
    tick = 1 if instrument is None else instrument.tick
    lowest, highest = band(instrument)
    if tick == 1:
        if not levels or (
            min(levels)[0] >= lowest
            and min(map(_QTY, levels)) >= 0
            and (highest == HIGHEST or max(levels)[0] <= highest)
        ):
            return _SOUND  # nearly always, and several times faster than looking at each level
    else:
        for px, qty in levels:
            if qty < 0 or not lowest <= px <= highest or px % tick:
                break
        else:
            return _SOUND
    negative = any(qty < 0 for _, qty in levels)
    return negative, tuple(px for px, qty in levels if qty > 0 and (px % tick or not lowest <= px <= highest))


def _will_cross(book: Book, fact: BookDelta) -> bool:
    """Whether the delta crosses a book that is not crossed yet; exact, with a short way for nearly all deltas."""
    bids, asks = book.bids.ranks, book.asks.ranks
    bid = bids[-1] if bids else LOWEST
    ask = -asks[-1] if asks else HIGHEST
    if bid > ask:
        return False
    highest = max(fact.bids)[0] if fact.bids else LOWEST
    lowest = min(fact.asks)[0] if fact.asks else HIGHEST
    if highest <= ask and highest <= lowest and bid <= lowest:
        return False
    new_bid, new_ask = book.bids.best_after(fact.bids), book.asks.best_after(fact.asks)
    return new_bid is not None and new_ask is not None and new_bid > new_ask


def _stays_crossed(book: Book, fact: BookDelta) -> bool:
    bid, ask = book.bids.best_after(fact.bids), book.asks.best_after(fact.asks)
    return bid is not None and ask is not None and bid > ask


def _compare(
    bids: Ladder,
    asks: Ladder,
    fact: BookDelta | BookSnapshot,
    context: Context,
    checksums: Checksums,
) -> BookFault:
    """CHECKSUM if the venue's sum of the book after the message is not ours."""
    checksum = checksums.get(fact.exchange)
    if checksum is None:
        return BookFault.NONE
    if type(fact) is BookDelta:
        after = bids.top_after(fact.bids, checksum.depth), asks.top_after(fact.asks, checksum.depth)
    else:
        after = list(bids.top(checksum.depth)), list(asks.top(checksum.depth))
    same = checksum.of(tuple(after[0]), tuple(after[1]), context.instrument) == fact.checksum
    return BookFault.NONE if same else BookFault.CHECKSUM


def _faults(
    cases: Mapping[BookFault, Case],
    fault: BookFault,
    bad_prices: tuple[int, ...],
    fact: BookDelta | BookSnapshot,
) -> list[tuple[Case, str]]:
    found = [(cases[fault], _said_of(fault, fact))] if fault else []
    if bad_prices:
        found.append((Case.BAD_PRICE, f"{_numbers(fact)}: px {bad_prices[0]}"))
    return found


def _said_of(fault: BookFault, fact: BookDelta | BookSnapshot) -> str:
    if fault is BookFault.CHECKSUM:
        return f"{_numbers(fact)}: the venue says {fact.checksum}"
    return f"{_numbers(fact)}: {TOO_LONG}" if fault is BookFault.CROSSED else f"{_numbers(fact)} is set aside"


def _numbers(fact: BookDelta | BookSnapshot) -> str:
    if type(fact) is BookDelta:
        return f"update {fact.first_update}..{fact.last_update}"
    return f"snapshot {fact.last_update}"


_Decider = Callable[[Book | None, Any, Context, Checksums], Decided]
BOOK_DECIDERS: Final[dict[type, _Decider]] = {
    Quote: decide_quote,
    BookDelta: _delta,
    BookSnapshot: _snapshot,
    MarketTrade: decide_trade,
    BookOrder: _order,
    MarketPhase: _phase,
}
"""`decide` by type of fact, for whoever has looked at the type already."""
