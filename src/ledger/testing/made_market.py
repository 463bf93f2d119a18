"""Market facts made up for tests, and the one way from a fact to the book: decide, then evolve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, final

from ledger.domain.book import BUFFER_MAX, Book, evolve
from ledger.domain.book_decide import NO_CHECKSUMS, Checksum, decide
from ledger.domain.book_outcome import Decided
from ledger.domain.context import Context, Instrument
from ledger.domain.enums import BookSource, Side, TradingPhase
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import (
    BookDelta,
    BookSnapshot,
    MarketData,
    MarketPhase,
    MarketTrade,
    Quote,
)

HEAD: Final = ("feed", 1, 1, "BTCUSDT", "BINANCE")
BTC: Final = Instrument("BTCUSDT", "BINANCE", 2, 8, 1, 1, 100_000_000, "USDT", False, False, "24/7")

Levels = Iterable[Sequence[int]]
"""(px, qty) pairs."""


def snapshot(number: int, bids: Levels = (), asks: Levels = (), **more: Any) -> BookSnapshot:
    """All levels as they are after update `number`."""
    return BookSnapshot(*_head(more), number, pairs(bids), pairs(asks), **more)


def delta(first: int, last: int, bids: Levels = (), asks: Levels = (), **more: Any) -> BookDelta:
    """The levels that updates `first` to `last` changed; with `prev_update` it is a futures feed's."""
    if "prev_update" in more:
        more["continuity"] = BookSource.FUTURES
    return BookDelta(*_head(more), first, last, pairs(bids), pairs(asks), **more)


def trade(px: int, qty: int = 1, **more: Any) -> MarketTrade:
    """A buyer's trade."""
    return MarketTrade(*HEAD, px, qty, Side.BUY, **more)


def quote(bid: int, ask: int, **more: Any) -> Quote:
    """One of each side."""
    return Quote(*HEAD, bid, 1, ask, 1, **more)


def phase(which: TradingPhase) -> MarketPhase:
    """The venue enters a phase."""
    return MarketPhase(*HEAD, which)


def pairs(levels: Levels) -> tuple[tuple[int, int], ...]:
    """Levels as facts hold them."""
    return tuple((px, qty) for px, qty in levels)


def _head(more: dict[str, Any]) -> tuple[str, int, int, str, str]:
    return more.pop("head", HEAD)


@final
class Feed:
    """A book and everything that was journaled for it; each fact recorded at 1000 times its first seq."""

    def __init__(
        self,
        *facts: MarketData,
        instrument: Instrument = BTC,
        buffer_max: int = BUFFER_MAX,
        crossed_max_ns: int = 10**9,
        checksums: Mapping[str, Checksum] = NO_CHECKSUMS,
    ) -> None:
        self.book: Book | None = None
        self.journal: list[Any] = []
        self.instrument = instrument
        self.buffer_max = buffer_max
        self.crossed_max_ns = crossed_max_ns
        self.checksums = checksums
        for fact in facts:
            self.take(fact)

    def take(self, fact: MarketData) -> list[str]:
        """Decide and apply; what it was: `-` for nothing, else the event's name, then the anomalies."""
        seq = len(self.journal) + 1
        context = Context(
            now_ns=seq * 1000,
            next_seq=seq,
            instrument=self.instrument,
            crossed_max_ns=self.crossed_max_ns,
        )
        events = decide(self.book, fact, context, self.checksums)
        self.apply(events)
        return [
            event.kind if type(event) is AnomalyRecorded else type(event).__name__ for event in events
        ] or ["-"]

    def apply(self, events: Decided) -> None:
        """Journal events that belong together."""
        recorded_at_ns = (len(self.journal) + 1) * 1000
        for event in events:
            self.journal.append(event)
            if type(event) is not AnomalyRecorded:
                self.book = evolve(self.book, event, len(self.journal), recorded_at_ns, self.buffer_max)  # type: ignore[arg-type]

    @property
    def live(self) -> Book:
        """The book, once there is one."""
        assert self.book is not None
        return self.book

    @property
    def anomalies(self) -> list[str]:
        """Every kind that was recorded, in order."""
        return [event.kind for event in self.journal if type(event) is AnomalyRecorded]
