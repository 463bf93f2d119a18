"""Every cell of the table of books, written a second time as text and played against the real code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.domain.book import lose_tail, mark
from ledger.domain.book_decide import Checksum
from ledger.domain.book_outcome import asked_after_loss
from ledger.domain.book_table import BOOK_TABLE, FAULTS, SNAPSHOT_FAULTS, Case
from ledger.domain.enums import BookFault, BookSource, BookStatus, OrderAction, Side, TradingPhase
from ledger.domain.facts import BookOrder
from ledger.testing.made_market import BTC, HEAD, Feed, delta, phase, snapshot, trade

BIDS, ASKS = [(10000, 5), (9998, 7)], [(10004, 5), (10006, 7)]
TICK_2 = type(BTC)("BTCUSDT", "BINANCE", 2, 8, 2, 1, 100_000_000, "USDT", False, False, "24/7")
SUMS = {"BINANCE": Checksum(1, lambda bids, asks, _: bids[0][0] + asks[0][0])}

# DOMAIN.md 1.9 once more: EMPTY | LIVE | STALE. Empty: it cannot be.
TABLE = """
NEXT                   |EMPTY, kept|LIVE|STALE, kept
OLD                    |=|=|=
GAP                    |EMPTY, kept|STALE, kept !BOOK_GAP ?|STALE, kept
ABSENT_LEVEL           |EMPTY, kept|LIVE|STALE, kept
NEGATIVE_SIZE          |STALE, set aside !BOOK_NEGATIVE_SIZE ?|STALE, set aside !BOOK_NEGATIVE_SIZE ?|STALE, set aside !BOOK_NEGATIVE_SIZE
ORDER_UNDERFLOW        |EMPTY, set aside|STALE, set aside !BOOK_ORDER_UNDERFLOW ?|STALE, set aside
UNKNOWN_ORDER          |EMPTY, set aside|STALE, set aside !BOOK_UNKNOWN_ORDER ?|STALE, set aside
CROSSED_INSIDE         |EMPTY, kept|LIVE|STALE, kept
CROSSED                |EMPTY, kept|LIVE !BOOK_CROSSED (no mark)|STALE, kept
CROSSED_TOO_LONG       |EMPTY, kept|STALE, kept !BOOK_CROSSED ?|STALE, kept
CROSSED_AUCTION        |EMPTY, kept|LIVE (no mark)|STALE, kept
LOCKED                 |EMPTY, kept|LIVE|STALE, kept
BAD_PRICE              |EMPTY, kept !BOOK_BAD_PRICE|LIVE !BOOK_BAD_PRICE|STALE, kept !BOOK_BAD_PRICE
BAD_PRINT              |EMPTY !BOOK_BAD_PRICE|LIVE !BOOK_BAD_PRICE|STALE !BOOK_BAD_PRICE
CHECKSUM               |EMPTY, kept|STALE, kept !BOOK_CHECKSUM ?|STALE, kept
TIME_BACK              |EMPTY, kept|LIVE|STALE, kept
SNAPSHOT               |LIVE|LIVE|LIVE
SNAPSHOT_OLD           ||=|LIVE
SNAPSHOT_SHORT         |STALE !BOOK_GAP ?||STALE ?
SNAPSHOT_NEGATIVE      |STALE, set aside !BOOK_NEGATIVE_SIZE ?|STALE, set aside !BOOK_NEGATIVE_SIZE ?|STALE, set aside !BOOK_NEGATIVE_SIZE ?
SNAPSHOT_CHECKSUM      |STALE, set aside !BOOK_CHECKSUM ?|STALE, set aside !BOOK_CHECKSUM ?|STALE, set aside !BOOK_CHECKSUM ?
TRADING_BEGINS_CROSSED ||LIVE !BOOK_CROSSED (no mark)|
TAIL_LOST              ||STALE ?|
"""
ROWS = {
    name.strip(): tuple(cells) for name, *cells in (line.split("|") for line in TABLE.strip().splitlines())
}
CELLS = [
    (case, status, ROWS[case.name][status])
    for case in Case
    for status in BookStatus
    if ROWS[case.name][status]
]


def order(number: int, action: OrderAction, qty: int) -> BookOrder:
    return BookOrder(*HEAD, number, action, "a", Side.BUY, 10000, qty)


def crossed(feed: Feed) -> list:
    """Crossed by 101, still so with 102."""
    feed.take(delta(101, 101, [(10005, 1)]))
    return [delta(102, 102, [(10005, 2)])]


def in_auction(feed: Feed) -> list:
    feed.take(phase(TradingPhase.AUCTION))
    return [delta(101, 101, [(10005, 1)])]


def begins_crossed(feed: Feed) -> list:
    feed.take(phase(TradingPhase.AUCTION))
    feed.take(delta(101, 101, [(10005, 1)]))
    return [phase(TradingPhase.CONTINUOUS)]


def short(feed: Feed) -> list:
    feed.take(delta(150, 150))
    return [snapshot(120, BIDS, ASKS)]


def known(feed: Feed) -> list:
    """A change that the book has; where it is kept, that one again."""
    if feed.book is not None and feed.live.status is not BookStatus.EMPTY:
        return [delta(99, 100)]
    feed.take(delta(101, 101))
    return [delta(101, 101)]


Make = Callable[[Feed], list]
PLAYS: dict[Case, Make] = {
    Case.NEXT: lambda feed: [delta(101, 101, [(10001, 1)])],
    Case.OLD: known,
    Case.GAP: lambda feed: [delta(103, 103, [(10001, 1)])],
    Case.ABSENT_LEVEL: lambda feed: [delta(101, 101, [(1, 0)])],
    Case.NEGATIVE_SIZE: lambda feed: [delta(101, 101, [(10001, -1)])],
    Case.ORDER_UNDERFLOW: lambda feed: [order(102, OrderAction.REDUCED, 6)] if added(feed) else [],
    Case.UNKNOWN_ORDER: lambda feed: [order(102, OrderAction.ADDED, 1)] if added(feed) else [],
    Case.CROSSED_INSIDE: lambda feed: [delta(101, 101, [(10005, 1)], [(10004, 0)])],
    Case.CROSSED: lambda feed: [delta(101, 101, [(10005, 1)])],
    Case.CROSSED_TOO_LONG: crossed,
    Case.CROSSED_AUCTION: in_auction,
    Case.LOCKED: lambda feed: [delta(101, 101, [(10004, 1)])],
    Case.BAD_PRICE: lambda feed: [delta(101, 101, [(10001, 1)])],
    Case.BAD_PRINT: lambda feed: [trade(0)],
    Case.CHECKSUM: lambda feed: [delta(101, 101, checksum=1)],
    Case.TIME_BACK: lambda feed: [delta(101, 101, [(10001, 1)], event_time_ns=-1)],
    Case.SNAPSHOT: lambda feed: [snapshot(200, BIDS, ASKS)],
    Case.SNAPSHOT_OLD: lambda feed: [snapshot(100, BIDS, ASKS)],
    Case.SNAPSHOT_SHORT: short,
    Case.SNAPSHOT_NEGATIVE: lambda feed: [snapshot(200, [(1, -1)])],
    Case.SNAPSHOT_CHECKSUM: lambda feed: [snapshot(200, BIDS, ASKS, checksum=1)],
    Case.TRADING_BEGINS_CROSSED: begins_crossed,
}


def added(feed: Feed) -> bool:
    """Order a rests already where the book is LIVE."""
    feed.take(order(101, OrderAction.ADDED, 1))
    return True


def given(case: Case, status: BookStatus) -> Feed:
    """A book of this status; STALE has nothing in its buffer that a snapshot of 100 would not contain."""
    feed = Feed(
        instrument=TICK_2 if case is Case.BAD_PRICE else BTC,
        crossed_max_ns=1 if case is Case.CROSSED_TOO_LONG else 10**12,
        checksums=SUMS,
    )
    if status is BookStatus.EMPTY:
        return feed
    continuity = BookSource.UNNUMBERED if case is Case.TAIL_LOST else BookSource.SPOT
    feed.take(snapshot(100, BIDS, ASKS, continuity=continuity))
    if status is BookStatus.STALE:
        feed.take(snapshot(100 if case is Case.SNAPSHOT_OLD else 101, [(1, -1)]))
        if feed.live.status is not BookStatus.STALE:  # the same number again is nothing new to a LIVE book
            feed.take(snapshot(101, [(1, -1)]))
    assert feed.live.status is status
    return feed


def played(case: Case, feed: Feed) -> str:
    """What the case becomes, in the table's notation."""
    if case is Case.TAIL_LOST:
        asked = asked_after_loss([feed.live], 9)
        return f"{lose_tail(feed.live, 9).status.name}{' ?' * len(asked)}"
    (fact,) = PLAYS[case](feed)
    kept = 0 if feed.book is None else len(feed.live.buffer)
    deltas = 0 if feed.book is None else feed.live.statistics.deltas + feed.live.statistics.snapshots
    names = feed.take(fact)
    if names == ["-"]:
        return "="
    book = feed.live
    did = ""
    if len(book.buffer) > kept and book.buffer[max(book.buffer)] is not None:
        did = ", kept"
    elif (
        case not in (Case.TRADING_BEGINS_CROSSED, Case.BAD_PRINT)  # of no level
        and book.statistics.deltas + book.statistics.snapshots == deltas
    ):
        did = ", set aside"
    words = [book.status.name + did]
    words += [f"!{name}" for name in names if name.startswith("BOOK_")]
    words += ["?"] * names.count("SnapshotRequested")
    assert bool(book.requested) == ("?" in words) or book.status is BookStatus.STALE
    if book.status is BookStatus.LIVE and mark(book) is None:
        words.append("(no mark)")
    return " ".join(words)


def test_the_transcription_has_every_row_and_no_other() -> None:
    assert list(ROWS) == [case.name for case in Case] == [case.name for case in BOOK_TABLE]
    assert set(FAULTS) == set(BookFault) - {BookFault.NONE}
    assert set(SNAPSHOT_FAULTS) < set(FAULTS)


@pytest.mark.parametrize("case", Case, ids=lambda case: case.name)
def test_the_table_says_what_the_specification_says(case: Case) -> None:
    cells = (BOOK_TABLE[case][status] for status in BookStatus)
    assert tuple("" if cell is None else cell.text() for cell in cells) == ROWS[case.name]


@pytest.mark.parametrize(("case", "status", "wanted"), CELLS, ids=lambda it: getattr(it, "name", ""))
def test_the_code_does_what_the_cell_says(case: Case, status: BookStatus, wanted: str) -> None:
    assert played(case, given(case, status)) == wanted
