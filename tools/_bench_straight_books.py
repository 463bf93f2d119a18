"""The straight line of market data: the levels of books, quotes and marks in plain dicts and sorted lists."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

from _bench_load import SYMBOLS_MAX, TICK, symbol_name
from _bench_result import WorkNotDone
from _bench_straight import FACT_COMMITTED, Sources
from ledger.domain.events import BookDeltaApplied, BookSnapshotApplied, MarketQuoted
from ledger.domain.facts import BookDelta, BookSnapshot, Quote


class _Side:
    """One side of a book: sizes, and prices in order, best last."""

    __slots__ = ("ranks", "sign", "sizes")

    def __init__(self, sign: int, levels: tuple[tuple[int, int], ...]) -> None:
        self.sign = sign
        self.sizes: dict[int, int] = dict(levels)
        self.ranks = sorted(sign * px for px in self.sizes)

    def apply(self, levels: tuple[tuple[int, int], ...]) -> None:
        sizes, ranks, sign = self.sizes, self.ranks, self.sign
        for px, qty in levels:
            if qty:
                if px not in sizes:
                    insort(ranks, sign * px)
                sizes[px] = qty
            elif px in sizes:
                del sizes[px]
                del ranks[bisect_left(ranks, sign * px)]


class Books:
    """Books, quotes and their marks."""

    journal = "market"

    def __init__(self, base_seq: int) -> None:
        self.seq = base_seq
        self.now_ns = 0
        self.books: dict[tuple[str, str], list[Any]] = {}
        """[bids, asks, last_update, quote, mark, version] by (exchange, symbol)."""
        self._sources = Sources()
        self._instruments = {symbol_name(i): TICK for i in range(SYMBOLS_MAX)}
        self._rules = {Quote: self._quote, BookDelta: self._delta, BookSnapshot: self._snapshot}

    def take(self, inputs: list[Any], answers: list[Any]) -> list[Any]:
        """The events of one message's inputs; an answer for each goes into `answers`."""
        rules = self._rules
        return [rules[type(item)](item, answers) for item in inputs]

    def _begin(self, fact: Any, answers: list[Any]) -> int:
        self._sources.judge(fact)
        seq = self.seq = self.seq + 1
        answers.append(
            (FACT_COMMITTED, fact.source, fact.source_epoch, fact.source_seq, "market", 0, seq, False)
        )
        return seq

    def _quote(self, fact: Quote, answers: list[Any]) -> MarketQuoted:
        seq = self._begin(fact, answers)
        book = self.books[(fact.exchange, fact.symbol)]
        event = MarketQuoted(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.bid_px,
            fact.bid_qty,
            fact.ask_px,
            fact.ask_qty,
            fact.update,
        )
        book[3], book[5] = event, seq
        return event

    def _delta(self, fact: BookDelta, answers: list[Any]) -> BookDeltaApplied:
        seq = self._begin(fact, answers)
        book = self.books[(fact.exchange, fact.symbol)]
        tick = self._instruments[fact.symbol]
        if fact.first_update != book[2] + 1:
            raise WorkNotDone("a delta is not the next")
        for px, qty in fact.bids + fact.asks:
            if qty < 0 or px <= 0 or px % tick:
                raise WorkNotDone("a level is not sound")
        event = BookDeltaApplied(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.first_update,
            fact.last_update,
            fact.bids,
            fact.asks,
            fact.prev_update,
            fact.continuity,
            fact.checksum,
        )
        bids, asks = book[0], book[1]
        bids.apply(fact.bids)
        asks.apply(fact.asks)
        if bids.ranks and asks.ranks:
            if bids.ranks[-1] > -asks.ranks[-1]:
                raise WorkNotDone("the book is crossed")
            book[4] = (bids.ranks[-1] - asks.ranks[-1], self.now_ns)
        book[2], book[5] = fact.last_update, seq
        return event

    def _snapshot(self, fact: BookSnapshot, answers: list[Any]) -> BookSnapshotApplied:
        seq = self._begin(fact, answers)
        event = BookSnapshotApplied(
            fact.symbol,
            fact.exchange,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            fact.last_update,
            fact.bids,
            fact.asks,
            fact.continuity,
            fact.checksum,
        )
        self.books[(fact.exchange, fact.symbol)] = [
            _Side(1, fact.bids), _Side(-1, fact.asks), fact.last_update, None, None, seq
        ]  # fmt: skip
        return event
