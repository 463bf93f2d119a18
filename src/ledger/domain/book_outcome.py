"""What decide says of a market fact: the events it becomes, each anomaly beside the event that stands first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.book import Book
from ledger.domain.context import Context
from ledger.domain.enums import BookSource, BookStatus, TradingPhase
from ledger.domain.events import AnomalyRecorded, BookEvent, BookSnapshotApplied
from ledger.domain.facts import MarketData
from ledger.domain.request_events import SnapshotRequested

Decided = list[BookEvent | AnomalyRecorded]
TOO_LONG: Final = "crossed for longer than book.crossed_max_ms; the book is stale until a snapshot comes"


def record(
    events: Decided, kind: Anomaly, about: MarketData | BookSnapshotApplied, context: Context, detail: str
) -> None:
    """Add the anomaly beside the event that stands first."""
    events.append(
        AnomalyRecorded(
            kind.value,
            SEVERITY[kind],
            0,
            about.symbol,
            context.next_seq,
            f"{about.exchange}/{about.symbol}: {detail}",
        )
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


def ask_for_snapshot(events: Decided, about: MarketData, context: Context, last_update: int) -> None:
    """Add the request of a book that is not LIVE after this message; it stands last."""
    events.append(
        SnapshotRequested(about.symbol, about.exchange, about.source, last_update, context.next_seq)
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
