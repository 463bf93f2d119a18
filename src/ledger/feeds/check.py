"""Fold a capture with the engine's own book code and compare it with what the venue shipped, without any ledger.

What can be compared differs by venue (its best prices, its checksums, its book file) and has a file each; this is
what they share. A hole in the numbers, a crossed or impossible book counts as a difference too, and so does a capture
in which nothing could be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, final

from msgspec import Struct

from ledger.domain.book import Book, evolve
from ledger.domain.book_decide import decide
from ledger.domain.checksums import CHECKSUMS
from ledger.domain.context import Context
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import MARKET_DATA, MarketData, MarketTrade, Quote
from ledger.domain.values import format_decimal
from ledger.feeds.terms import Terms, instrument

_FOLDED: Final = tuple(kind for kind in MARKET_DATA if kind not in (MarketTrade, Quote))
"""The facts that can change levels or how they are judged."""


@final
class Difference(Struct, frozen=True):
    """Where our book is not the venue's."""

    file: str
    message: int
    """Its number among the messages of its symbol in the file; for LOBSTER the row, from 0."""
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
    """Places at which there was something to compare with."""
    equal: int
    first_difference: Difference | None
    anomalies: int

    @property
    def sound(self) -> bool:
        """Whether something was compared and nothing differed."""
        return bool(self.compared) and self.first_difference is None


@final
class BookFold:
    """One symbol's book, folded, and what was found about it so far."""

    def __init__(self, terms: Terms, accepted: frozenset[str] = frozenset()) -> None:
        self.terms = terms
        self._accepted = accepted
        """Anomalies that the venue's own book may have: counted, but no difference."""
        self.book: Book | None = None
        self.file = ""
        self.messages = self.compared = self.equal = self.anomalies = 0
        self.first: Difference | None = None
        self._context = Context(now_ns=0, instrument=instrument(terms))

    def take(self, fact: MarketData) -> list[str]:
        """Fold a fact; the kinds of the anomalies that it showed."""
        self.messages += 1
        if type(fact) not in _FOLDED:
            return []
        self._context.next_seq = self.messages
        kinds: list[str] = []
        for event in decide(self.book, fact, self._context, CHECKSUMS):
            if type(event) is AnomalyRecorded:
                kinds.append(event.kind)
                self.anomalies += 1
                if event.kind not in self._accepted:
                    self.differs(Difference(self.file, fact.source_seq, 0, f"{event.kind}: {event.detail}"))
            else:
                self.book = evolve(self.book, event, self.messages, self.messages)  # type: ignore[arg-type]
        return kinds

    def differs(self, difference: Difference) -> None:
        """Note a difference; the first one stays."""
        self.first = self.first or difference

    def text(self, level: tuple[int, int] | None) -> tuple[str, str]:
        """(px, qty) as decimal text; empty text for no level."""
        if level is None:
            return "", ""
        return format_decimal(level[0], self.terms.price_scale), format_decimal(
            level[1], self.terms.qty_scale
        )


def found(folds: Iterable[BookFold]) -> Checked:
    """What the folds found together."""
    each = list(folds)
    return Checked(
        ", ".join(fold.terms.source for fold in each),
        sum(fold.messages for fold in each),
        sum(fold.compared for fold in each),
        sum(fold.equal for fold in each),
        next((fold.first for fold in each if fold.first), None),
        sum(fold.anomalies for fold in each),
    )
