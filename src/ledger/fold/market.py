"""The state of a partition's market journal: books, their instruments, and the senders of market data."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, final

import actors
from ledger.codec import MODULO
from ledger.domain import book as books
from ledger.domain import book_view
from ledger.domain.book import Book
from ledger.domain.context import Instrument
from ledger.domain.events import (
    BookDeltaApplied,
    BookOrderApplied,
    BookSnapshotApplied,
    EngineStarted,
    InstrumentDefined,
    MarketQuoted,
    MarketTailLost,
    MarketTraded,
    PhaseChanged,
)
from ledger.fold.digest import Digest
from ledger.fold.facts import Apply, SourceFacts
from ledger.fold.instruments import instrument_of

BookKey = tuple[str, str]
"""(exchange, symbol)."""


@final
class MarketFold:
    """Books, trades and quotes of one partition."""

    def __init__(self, partition: int = 0, entities: actors.Entities | None = None) -> None:
        self.partition = partition
        self.entities = entities or actors.Entities()
        store = self.entities.store
        self.facts = SourceFacts(self.entities, "market-")
        self.instruments: actors.Store[str, Instrument] = store("market-instrument")
        self.books: actors.Store[BookKey, Book] = store("book")
        self.started: EngineStarted | None = None
        self._digest = Digest(
            (self.instruments, self.facts.sources, self.facts.suspended, self.facts.cases, self.facts.closed)
        )
        booked = self.booked
        self.steps: Final[dict[type, Apply]] = {
            **self.facts.table(),
            EngineStarted: self._engine_started,
            MarketTailLost: self._tail_lost,
            InstrumentDefined: self._instrument_defined,
            BookSnapshotApplied: booked,
            BookDeltaApplied: booked,
            MarketTraded: booked,
            MarketQuoted: booked,
            PhaseChanged: booked,
            BookOrderApplied: booked,
        }

    def apply(self, seq: int, recorded_at_ns: int, event: Any) -> None:
        """Change what this event changes: books in place, everything else staged."""
        self.steps[type(event)](seq, recorded_at_ns, event)

    def digest(self) -> int:
        """Of the installed state; a book counts by level."""
        total = self._digest.value()
        for book in self.books.states.values():
            for key, value in book_view.digest_items(book):
                total += int.from_bytes(blake2b(key + value, digest_size=16).digest(), "big")
        return total % MODULO

    def forget_from(self, seq: int) -> None:
        """A turn raised: drop what stands beside the entities of events that were never journaled, from `seq` on."""
        self.facts.forget_from(seq)

    def _engine_started(self, _seq: int, _now: int, event: EngineStarted) -> None:
        self.started = event

    def _tail_lost(self, seq: int, _now: int, _event: MarketTailLost) -> None:
        self.facts.counts["lost"] += 1
        for key, book in self.books.states.items():
            self.books.put(key, books.lose_tail(book, seq))

    def _instrument_defined(self, seq: int, _now: int, event: InstrumentDefined) -> None:
        self.instruments.put(event.symbol, instrument_of(event, seq))

    def booked(self, seq: int, now: int, event: Any) -> None:
        self.facts.advance(event)
        key = (event.exchange, event.symbol)
        self.books.put(key, books.evolve(self.books.get(key), event, seq, now))
