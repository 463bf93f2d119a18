"""Compare the book that LOBSTER's messages give with every row of its book file.

The level in the last visible place is the file's own where another one emptied (see `lobster`); all else must be what
the messages made of the opening snapshot.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

from ledger.domain.anomalies import Anomaly
from ledger.domain.book_view import levels
from ledger.domain.enums import BookStatus
from ledger.domain.units import Levels
from ledger.feeds.check import BookFold, Checked, Difference, found
from ledger.feeds.lobster import Pair, Row, rows

DEPTH_MAX: Final = 10_000
"""More levels than any file shows: a level too many is a difference as well."""
_ACCEPTED: Final = frozenset((Anomaly.BOOK_CROSSED, Anomaly.BOOK_BAD_PRICE))
"""Whether the book is so at the venue as well, each row says."""


def check_lobster(pair: Pair) -> Checked:
    """Fold the pair and compare; raises CaptureError."""
    fold = BookFold(pair.terms, _ACCEPTED)
    fold.file = pair.messages.name
    for row in rows(pair, pair.terms):
        for fact in row.facts:
            fold.take(fact)
        _compare(fold, row)
    return found((fold,))


def _compare(fold: BookFold, row: Row) -> None:
    book = fold.book
    assert book is not None, "row 0 is a snapshot"
    fold.compared += 1
    ours = levels(book, DEPTH_MAX)
    if ours == (row.bids, row.asks) and book.status is BookStatus.LIVE:
        fold.equal += 1
    elif fold.first is None:
        fold.differs(_difference(fold, row, ours, book.last_update))


def _difference(fold: BookFold, row: Row, ours: tuple[Levels, Levels], update: int) -> Difference:
    for name, own, theirs in (("bid", ours[0], row.bids), ("ask", ours[1], row.asks)):
        for place, (mine, venue) in enumerate(zip_longest(own, theirs), 1):
            if mine != venue:
                what = f"{name} {place} of row {row.number}"
                return Difference(fold.file, row.number, update, what, fold.text(mine), fold.text(venue))
    return Difference(fold.file, row.number, update, f"row {row.number}: the book is not LIVE")
