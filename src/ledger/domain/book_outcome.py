"""What decide says of a market fact: the events it becomes, and beside them what the table of books says of its cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ledger.domain.anomalies import SEVERITY
from ledger.domain.book import Book
from ledger.domain.book_table import BOOK_TABLE, Case
from ledger.domain.context import Context
from ledger.domain.enums import BookSource, BookStatus, TradingPhase
from ledger.domain.events import AnomalyRecorded, BookEvent
from ledger.domain.facts import MarketData
from ledger.domain.request_events import SnapshotRequested

Decided = list[BookEvent | AnomalyRecorded]
TOO_LONG: Final = "crossed for longer than book.crossed_max_ms; the book is stale until a snapshot comes"


def record_cases(
    events: Decided,
    found: Sequence[tuple[Case, str]],
    status: BookStatus,
    fact: MarketData,
    context: Context,
    last_update: int,
) -> None:
    """Add what the table says of these cases, each with its detail, in a book of this status.

    The anomalies stand beside the event that stands first; the request for a snapshot, if there is one, stands last.
    """
    asks = False
    for case, detail in found:
        cell = BOOK_TABLE[case][status]
        assert cell is not None, f"{case.name} cannot be in a book that is {status.name}"
        asks = asks or cell.asks
        if cell.record is not None:
            events.append(
                AnomalyRecorded(
                    cell.record.value,
                    SEVERITY[cell.record],
                    0,
                    fact.symbol,
                    context.next_seq,
                    f"{fact.exchange}/{fact.symbol}: {detail}",
                )
            )
    if asks:
        events.append(
            SnapshotRequested(fact.symbol, fact.exchange, fact.source, last_update, context.next_seq)
        )


def crossed_too_long(book: Book, context: Context) -> bool:
    """Whether a LIVE book has been crossed in continuous trading for longer than it may, at the time of this turn."""
    since = book.crossed_since
    return (
        since != 0
        and context.now_ns - since > context.crossed_max_ns
        and book.phase is TradingPhase.CONTINUOUS
        and book.status is BookStatus.LIVE
    )


def asked_after_loss(books: Iterable[Book], ref_seq: int) -> list[SnapshotRequested]:
    """The requests beside a MarketTailLost, `ref_seq`: of the books that it makes STALE, by name."""
    stale = [
        book for book in books if book.status is BookStatus.LIVE and book.continuity is BookSource.UNNUMBERED
    ]
    return [
        SnapshotRequested(book.symbol, book.exchange, "", book.last_update, ref_seq)
        for book in sorted(stale, key=lambda book: (book.exchange, book.symbol))
    ]
