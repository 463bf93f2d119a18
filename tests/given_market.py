"""Market facts made up for tests, and the one way from a fact to the book: decide, then evolve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.domain.book import Book, evolve
from ledger.domain.book_decide import Decided, decide
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

HEAD = ("feed", 1, 1, "BTCUSDT", "BINANCE")
BTC = Instrument("BTCUSDT", "BINANCE", 2, 8, 1, 1, 100_000_000, "USDT", False, False, "24/7")

Levels = Iterable[Sequence[int]]


def snapshot(number: int, bids: Levels = (), asks: Levels = (), **more) -> BookSnapshot:
    return BookSnapshot(*more.pop("head", HEAD), number, pairs(bids), pairs(asks), **more)


def delta(first: int, last: int, bids: Levels = (), asks: Levels = (), **more) -> BookDelta:
    if "prev_update" in more:
        more["continuity"] = BookSource.FUTURES
    return BookDelta(*more.pop("head", HEAD), first, last, pairs(bids), pairs(asks), **more)


def trade(px: int, qty: int = 1, **more) -> MarketTrade:
    return MarketTrade(*HEAD, px, qty, Side.BUY, **more)


def quote(bid: int, ask: int, **more) -> Quote:
    return Quote(*HEAD, bid, 1, ask, 1, **more)


def phase(which: TradingPhase) -> MarketPhase:
    return MarketPhase(*HEAD, which)


def pairs(levels: Levels) -> tuple[tuple[int, int], ...]:
    return tuple((px, qty) for px, qty in levels)


class Feed:
    """A book and everything that was journaled for it; each fact recorded at 1000 times its first seq."""

    def __init__(self, *facts: MarketData, instrument: Instrument = BTC, **settings) -> None:
        self.book: Book | None = None
        self.journal: list = []
        self.instrument = instrument
        self.buffer_max = settings.pop("buffer_max", 10_000)
        self.crossed_max_ns = settings.pop("crossed_max_ns", 10**9)
        self.settings = settings
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
        events = decide(self.book, fact, context, **self.settings)
        self.apply(events)
        return [
            event.kind if type(event) is AnomalyRecorded else type(event).__name__ for event in events
        ] or ["-"]

    def apply(self, events: Decided) -> None:
        recorded_at_ns = (len(self.journal) + 1) * 1000
        for event in events:
            self.journal.append(event)
            if type(event) is not AnomalyRecorded:
                self.book = evolve(self.book, event, len(self.journal), recorded_at_ns, self.buffer_max)

    @property
    def live(self) -> Book:
        assert self.book is not None
        return self.book

    @property
    def anomalies(self) -> list[str]:
        return [event.kind for event in self.journal if type(event) is AnomalyRecorded]
