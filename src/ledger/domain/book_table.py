"""What each message means to a book in each status: the table that the code, the tests and the docs share.

A cell says what is done with the message (APPLY: the levels follow it; KEEP: it waits for a snapshot; ASIDE: it is
journaled and changes no level; SAME: nothing is journaled), the status afterwards, what is recorded beside it, whether
the feed is asked for a snapshot, and whether the book gives a mark afterwards. No cell: it cannot be. A message may be
several cases at once, such as one that leaves a hole and has a bad price.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, final

from msgspec import Struct

from ledger.domain.anomalies import Anomaly
from ledger.domain.enums import BookFault, BookStatus


class Case(Enum):
    """What a message is to the book that it meets."""

    NEXT = "the next change"
    OLD = "a change that the book has, or keeps"
    GAP = "a change that leaves a hole"
    ABSENT_LEVEL = "a change that removes a level which is not there"
    NEGATIVE_SIZE = "a change with a negative size"
    ORDER_UNDERFLOW = "more taken from an order than rests there"
    UNKNOWN_ORDER = "a message about an order that is not there, or is there already"
    CROSSED_INSIDE = "crossed inside one message"
    CROSSED = "crossed at the end of a message, in continuous trading"
    CROSSED_TOO_LONG = "still crossed after book.crossed_max_ms"
    CROSSED_AUCTION = "crossed outside continuous trading"
    LOCKED = "best bid and best ask are equal"
    BAD_PRICE = "a price off the tick, outside the instrument's band, or that cannot be negative"
    BAD_PRINT = "a trade or quote at a price that the instrument cannot have"
    CHECKSUM = "the venue's checksum differs"
    TIME_BACK = "an event time before the last one"
    SNAPSHOT = "a snapshot that what is kept continues"
    SNAPSHOT_OLD = "a snapshot of what the book has already"
    SNAPSHOT_SHORT = "a snapshot that does not reach what is kept"
    SNAPSHOT_NEGATIVE = "a snapshot with a negative size"
    SNAPSHOT_CHECKSUM = "a snapshot whose checksum differs"
    TRADING_BEGINS_CROSSED = "continuous trading begins and the book is crossed"
    TAIL_LOST = "a start that lost the journal's tail, of a feed without numbers"


class BookDoes(Enum):
    """What is done with the message."""

    APPLY = "applied"
    KEEP = "kept"
    ASIDE = "set aside"
    SAME = "nothing"


@final
class BookCell(Struct, frozen=True):
    """One cell of the table."""

    does: BookDoes
    to: BookStatus
    record: Anomaly | None = None
    asks: bool = False
    """The feed is asked for a snapshot."""
    gives_mark: bool = False
    """Afterwards, where bid and ask are there."""

    def text(self) -> str:
        """The cell as the docs show it."""
        if self.does is BookDoes.SAME:
            return "="
        words = [self.to.name if self.does is BookDoes.APPLY else f"{self.to.name}, {self.does.value}"]
        if self.record is not None:
            words.append(f"!{self.record}")
        if self.asks:
            words.append("?")
        if self.to is BookStatus.LIVE and not self.gives_mark:
            words.append("(no mark)")
        return " ".join(words)


BookRow = dict[BookStatus, BookCell | None]
_EMPTY, _LIVE, _STALE = BookStatus.EMPTY, BookStatus.LIVE, BookStatus.STALE
_APPLY, _KEEP, _ASIDE = BookDoes.APPLY, BookDoes.KEEP, BookDoes.ASIDE
_applied: Final = BookCell(_APPLY, _LIVE, gives_mark=True)
_kept: Final[BookRow] = {_EMPTY: BookCell(_KEEP, _EMPTY), _STALE: BookCell(_KEEP, _STALE)}


def _same(status: BookStatus) -> BookCell:
    return BookCell(BookDoes.SAME, status, gives_mark=status is _LIVE)


def _row(empty: BookCell | None, live: BookCell | None, stale: BookCell | None) -> BookRow:
    return {_EMPTY: empty, _LIVE: live, _STALE: stale}


def _of_live(cell: BookCell) -> BookRow:
    """A case that only a LIVE book knows: otherwise the message is just kept."""
    return {**_kept, _LIVE: cell}


def _of_order(cell: BookCell) -> BookRow:
    """About a single order: one cannot be put upon a snapshot of levels, which must contain it."""
    return _row(BookCell(_ASIDE, _EMPTY), cell, BookCell(_ASIDE, _STALE))


def _stale(does: BookDoes, kind: Anomaly | None, *, asks: bool = True) -> BookCell:
    return BookCell(does, _STALE, kind, asks)


_no_mark: Final = BookCell(_APPLY, _LIVE)
_short: Final = _stale(_APPLY, Anomaly.BOOK_GAP)
_negative: Final = _stale(_ASIDE, Anomaly.BOOK_NEGATIVE_SIZE)
_wrong_sum: Final = _stale(_ASIDE, Anomaly.BOOK_CHECKSUM)
_bad: Final = Anomaly.BOOK_BAD_PRICE

BOOK_TABLE: Final[dict[Case, BookRow]] = {
    Case.NEXT: _of_live(_applied),
    Case.OLD: _row(_same(_EMPTY), _same(_LIVE), _same(_STALE)),
    Case.GAP: _of_live(_stale(_KEEP, Anomaly.BOOK_GAP)),
    Case.ABSENT_LEVEL: _of_live(_applied),
    Case.NEGATIVE_SIZE: _row(
        _negative,
        _negative,
        _stale(_ASIDE, Anomaly.BOOK_NEGATIVE_SIZE, asks=False),
    ),
    Case.ORDER_UNDERFLOW: _of_order(_stale(_ASIDE, Anomaly.BOOK_ORDER_UNDERFLOW)),
    Case.UNKNOWN_ORDER: _of_order(_stale(_ASIDE, Anomaly.BOOK_UNKNOWN_ORDER)),
    Case.CROSSED_INSIDE: _of_live(_applied),
    Case.CROSSED: _of_live(BookCell(_APPLY, _LIVE, Anomaly.BOOK_CROSSED)),
    Case.CROSSED_TOO_LONG: _of_live(_stale(_KEEP, Anomaly.BOOK_CROSSED)),
    Case.CROSSED_AUCTION: _of_live(_no_mark),
    Case.LOCKED: _of_live(_applied),
    Case.BAD_PRICE: _row(
        BookCell(_KEEP, _EMPTY, _bad),
        BookCell(_APPLY, _LIVE, _bad, gives_mark=True),
        BookCell(_KEEP, _STALE, _bad),
    ),
    Case.BAD_PRINT: _row(
        BookCell(_APPLY, _EMPTY, _bad),
        BookCell(_APPLY, _LIVE, _bad, gives_mark=True),
        BookCell(_APPLY, _STALE, _bad),
    ),
    Case.CHECKSUM: _of_live(_stale(_KEEP, Anomaly.BOOK_CHECKSUM)),
    Case.TIME_BACK: _of_live(_applied),
    Case.SNAPSHOT: _row(_applied, _applied, _applied),
    Case.SNAPSHOT_OLD: _row(None, _same(_LIVE), _applied),
    Case.SNAPSHOT_SHORT: _row(_short, None, _stale(_APPLY, None)),
    Case.SNAPSHOT_NEGATIVE: _row(_negative, _negative, _negative),
    Case.SNAPSHOT_CHECKSUM: _row(_wrong_sum, _wrong_sum, _wrong_sum),
    Case.TRADING_BEGINS_CROSSED: _row(None, BookCell(_APPLY, _LIVE, Anomaly.BOOK_CROSSED), None),
    Case.TAIL_LOST: _row(None, _stale(_APPLY, None), None),
}
"""Case -> status that it meets -> cell."""

FAULTS: Final[dict[BookFault, Case]] = {
    BookFault.NEGATIVE_SIZE: Case.NEGATIVE_SIZE,
    BookFault.CHECKSUM: Case.CHECKSUM,
    BookFault.ORDER_UNDERFLOW: Case.ORDER_UNDERFLOW,
    BookFault.UNKNOWN_ORDER: Case.UNKNOWN_ORDER,
    BookFault.CROSSED: Case.CROSSED_TOO_LONG,
}
"""What decide found wrong with a change, as the event keeps it."""
SNAPSHOT_FAULTS: Final[dict[BookFault, Case]] = {
    BookFault.NEGATIVE_SIZE: Case.SNAPSHOT_NEGATIVE,
    BookFault.CHECKSUM: Case.SNAPSHOT_CHECKSUM,
}
