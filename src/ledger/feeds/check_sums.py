"""Compare the book that a capture gives with the venue's checksum after every update, which Kraken ships with it.

Where a sum differs the book is not to be trusted until the venue's next snapshot, so nothing is compared until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.domain.anomalies import Anomaly
from ledger.domain.book import Book
from ledger.domain.enums import BookStatus
from ledger.domain.facts import BookDelta
from ledger.feeds.check import BookFold, Checked, found
from ledger.feeds.kraken import recordings


def check_kraken(paths: Sequence[Path], symbol: str = "") -> Checked:
    """Fold each pair of the files, in their order, and compare; raises CaptureError."""
    folds: dict[str, BookFold] = {}
    for recording in recordings(paths, symbol):
        for terms in recording.terms:
            folds.setdefault(terms.symbol, BookFold(terms)).file = recording.path.name
        for _, fact in recording.facts(recording.terms, None):
            fold = folds[fact.symbol]
            comparable = type(fact) is BookDelta and fact.checksum is not None and _is_live(fold.book)
            kinds = fold.take(fact)
            if comparable and Anomaly.BOOK_GAP not in kinds:
                fold.compared += 1
                fold.equal += Anomaly.BOOK_CHECKSUM not in kinds
    return found(folds.values())


def _is_live(book: Book | None) -> bool:
    return book is not None and book.status is BookStatus.LIVE
