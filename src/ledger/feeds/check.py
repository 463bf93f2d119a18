"""Fold a capture with the engine's own book code and compare it with what the venue said, without any ledger.

The venue ships two independent streams: changes of levels, and its best bid and ask. Wherever both name the same
update number, the folded book must show exactly the venue's best prices and sizes. A hole in the numbers, a crossed
or impossible book counts as a difference too, and so does a capture in which nothing could be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

from msgspec import Struct

from ledger.domain.book import Book, evolve
from ledger.domain.book_decide import decide
from ledger.domain.book_view import Level, best
from ledger.domain.context import Context, Instrument
from ledger.domain.enums import BookStatus
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import BookDelta, BookSnapshot, MarketTrade, Quote
from ledger.domain.values import format_decimal
from ledger.feeds.binance import EXCHANGE, Terms, facts, inspect_all

REMEMBERED: Final = 65_536
"""Update numbers kept of each stream until the other one names them."""
Fact = BookDelta | BookSnapshot | MarketTrade | Quote
Best = tuple[Level | None, Level | None]


@final
class Difference(Struct, frozen=True):
    """Where our book is not the venue's."""

    file: str
    message: int
    """Its number among the file's messages."""
    update: int
    """The venue's update number; 0 where the difference is an anomaly."""
    what: str
    ours: Any = None
    venue: Any = None


@final
class Checked(Struct, frozen=True):
    """What a check found."""

    source: str
    messages: int
    compared: int
    """Update numbers that both streams named."""
    equal: int
    first_difference: Difference | None
    anomalies: int

    @property
    def sound(self) -> bool:
        """Whether something was compared and nothing differed."""
        return bool(self.compared) and self.first_difference is None


def check(paths: Sequence[Path], symbol: str = "") -> Checked:
    """Fold the files in their order as one book and compare; raises CaptureError."""
    folds: dict[str, _Fold] = {}
    for path, terms in zip(paths, inspect_all(paths, symbol), strict=True):
        fold = folds.setdefault(terms.symbol, _Fold(terms))
        fold.begin(path)
        for _, fact in facts(path, terms):
            fold.take(fact)
    checked = [fold.checked() for fold in folds.values()]
    first = next((each.first_difference for each in checked if each.first_difference), None)
    return Checked(
        ", ".join(each.source for each in checked),
        sum(each.messages for each in checked),
        sum(each.compared for each in checked),
        sum(each.equal for each in checked),
        first,
        sum(each.anomalies for each in checked),
    )


@final
class _Fold:
    """One symbol's book beside the venue's best prices."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._file = ""
        self._book: Book | None = None
        self._context = Context(now_ns=0, instrument=_instrument(terms))
        self._ours: dict[int, Best] = {}
        self._theirs: dict[int, Best] = {}
        self._messages = 0
        self._compared = 0
        self._equal = 0
        self._anomalies = 0
        self._first: Difference | None = None

    def begin(self, path: Path) -> None:
        """The next file; the book goes on where the last one ended."""
        self._file = path.name

    def take(self, fact: Fact) -> None:
        self._messages += 1
        if type(fact) is Quote:
            said = ((fact.bid_px, fact.bid_qty), (fact.ask_px, fact.ask_qty))
            self._compare(fact.source_seq, fact.update, self._ours.pop(fact.update, None), said)
            _remember(self._theirs, fact.update, said)
        elif type(fact) is not MarketTrade:
            self._fold(fact)

    def _fold(self, fact: Fact) -> None:
        self._context.next_seq = self._messages
        for event in decide(self._book, fact, self._context):
            if type(event) is AnomalyRecorded:
                self._anomalies += 1
                self._differs(Difference(self._file, fact.source_seq, 0, f"{event.kind}: {event.detail}"))
            else:
                self._book = evolve(self._book, event, self._messages, self._messages)  # type: ignore[arg-type]
        book = self._book
        if book is not None and book.status is BookStatus.LIVE:
            shown = best(book)
            self._compare(fact.source_seq, book.last_update, shown, self._theirs.pop(book.last_update, None))
            _remember(self._ours, book.last_update, shown)

    def _compare(self, message: int, update: int, ours: Best | None, theirs: Best | None) -> None:
        if ours is None or theirs is None:
            return
        self._compared += 1
        if ours == theirs:
            self._equal += 1
            return
        what = f"best prices at update {update}"
        self._differs(Difference(self._file, message, update, what, self._text(ours), self._text(theirs)))

    def _differs(self, difference: Difference) -> None:
        self._first = self._first or difference

    def _text(self, shown: Best) -> dict[str, str]:
        (bid, ask), scales = shown, (self._terms.price_scale, self._terms.qty_scale)
        text: dict[str, str] = {}
        for name, level in (("bid", bid), ("ask", ask)):
            for unit, value, scale in zip(("px", "qty"), level or (0, 0), scales, strict=True):
                text[f"{name}_{unit}"] = format_decimal(value, scale) if level else ""
        return text

    def checked(self) -> Checked:
        return Checked(
            self._terms.source, self._messages, self._compared, self._equal, self._first, self._anomalies
        )


def _remember(kept: dict[int, Best], update: int, shown: Best) -> None:
    kept[update] = shown
    if len(kept) > REMEMBERED:
        del kept[next(iter(kept))]


def _instrument(terms: Terms) -> Instrument:
    return Instrument(
        terms.symbol,
        EXCHANGE,
        terms.price_scale,
        terms.qty_scale,
        1,
        1,
        100_000_000,
        "",
        False,
        False,
        "24/7",
    )
