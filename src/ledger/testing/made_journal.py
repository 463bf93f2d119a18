"""A small journal with something of everything, written straight to disk: for tests of whatever follows a journal.

It is deterministic: the same calls make the same events. Each frame is settled at once, so that followers see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self, final

from ledger.codec import encode_events
from ledger.domain import position as positions
from ledger.domain.book import Book
from ledger.domain.enums import AdjustReason, Liquidity, OrderType, Severity, Side, TimeInForce
from ledger.domain.events import (
    AnomalyRecorded,
    BookDeltaApplied,
    BookSnapshotApplied,
    EngineStarted,
    FillBusted,
    InstrumentDefined,
    MarketQuoted,
    MarketTraded,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderSubmitted,
    PositionRestated,
    StrategyDefined,
)
from ledger.domain.operator_events import PositionAdjusted
from ledger.domain.position import EffectiveFill
from ledger.journal import FrameDraft, Head, LmdbCommit, chain_frame, create_or_open

START_NS: Final = 1_763_650_000_000_000_000
STEP_NS: Final = 1_000_000
SYMBOLS: Final = ("AAPL", "MSFT")
EXCHANGE: Final = "XNAS"
STRATEGY: Final = "S1"
ACCOUNT: Final = "ACC"
DAY: Final = "2025-11-20"


_Head = tuple[str, str, str, str, str, int, int, int, int, str]


@final
class MadeJournal:
    """Both journals of partition 0 in `path`, to be written frame by frame; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = create_or_open(path, partitions=1, command="test")
        self.lineage = self._data.lineage
        self._commits = {name: LmdbCommit(self._data.journal(name, 0)) for name in ("trading", "market")}
        self._now = START_NS
        self._orders = 0
        self._told = 0
        self._updates = 0
        self._fills: dict[str, list[EffectiveFill]] = {}
        self._told_fills: dict[str, list[tuple[str, Side, int, int, int]]] = {}
        for name, commit in self._commits.items():
            head = commit.open()
            self._now = max(self._now, head.recorded_at_ns)
            if head.seq == 0:
                self._begin(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """A clean stop."""
        for commit in self._commits.values():
            commit.close()
        self._data.close({(name, 0): commit.head for name, commit in self._commits.items()})

    def head(self, journal: str = "trading") -> int:
        """The seq of the last event."""
        return self._commits[journal].head.seq

    def heads(self) -> dict[str, Head]:
        """Of both journals, durable."""
        return {name: commit.head for name, commit in self._commits.items()}

    def write(self, journal: str, events: Sequence[Any]) -> None:
        """One frame."""
        commit = self._commits[journal]
        head = commit.head
        self._now += STEP_NS
        draft = FrameDraft(1, head.seq + 1, len(events), self._now, encode_events(list(events)))
        commit.commit([chain_frame(head.chain_hash, draft)])

    def trade(self, orders: int, *, in_a_frame: int = 1) -> None:
        """So many orders, so many in a frame: filled, partly filled, cancelled, busted, or open, in turn."""
        for at in range(0, orders, in_a_frame):
            events: list[Any] = []
            for _ in range(min(in_a_frame, orders - at)):
                events += self.order(self.head() + 1 + len(events))
            self.write("trading", events)

    def anomaly(self, detail: str = "the venue says otherwise") -> None:
        """One recorded anomaly."""
        self.write(
            "trading", [AnomalyRecorded("BOOK_CROSSED", Severity.WARN, symbol=SYMBOLS[0], detail=detail)]
        )

    def adjust(self) -> None:
        """One adjustment of a position; later busts of the symbol would forget it, so it stands apart."""
        event = PositionAdjusted("S2", SYMBOLS[0], ACCOUNT, AdjustReason.MANUAL, "second", 5, 500, -400)
        self.write("trading", [event])

    def bust_late(self) -> None:
        """The venue takes back the newest execution of a symbol that still counts: its order was closed long ago."""
        symbol = next(name for name in SYMBOLS if self._told_fills.get(name))
        order, side, qty, px, number = self._told_fills[symbol].pop()
        self.write("trading", self._bust(symbol, order, side, qty, px, number))

    def quote(self, count: int, *, in_a_frame: int = 1) -> None:
        """So much market data, so much in a frame: snapshots, deltas, quotes and trades, in turn."""
        for at in range(0, count, in_a_frame):
            self.write("market", [self._market_event() for _ in range(min(in_a_frame, count - at))])

    def _begin(self, journal: str) -> None:
        instruments = [
            InstrumentDefined(symbol, EXCHANGE, 4, 0, 100, 1, 10**8, "USD", False, False, "24/7")
            for symbol in SYMBOLS
        ]
        strategies = [StrategyDefined(name, ACCOUNT) for name in (STRATEGY, "S2")]
        events = [EngineStarted(1, "made", {}), *instruments]
        self.write(journal, [*events, *strategies] if journal == "trading" else events)

    def _head_of_report(self, symbol: str, order: str) -> _Head:
        self._told += 1
        return (symbol, order, STRATEGY, EXCHANGE, "gw", 1, self._told, self._now, self._now, "gw")

    def order(self, seq: int) -> list[Any]:
        """The events of the next order, of which the first will have that seq; not written yet."""
        number = self._orders
        self._orders += 1
        symbol, order = SYMBOLS[number % 2], f"c{number}"
        side = Side.BUY if number % 3 else Side.SELL
        qty, px = 100 + number % 7, 1_000_000 + 100 * (number % 11)
        events: list[Any] = [
            OrderSubmitted(
                order, STRATEGY, ACCOUNT, symbol, EXCHANGE, side, OrderType.LIMIT, qty, px, None, TimeInForce.DAY,
                self._command_id(number), "me", self._now,
            ),
            OrderAccepted(*self._head_of_report(symbol, order), venue_order_id=f"v{number}"),
        ]  # fmt: skip
        filled = (qty, qty // 2, 0, qty // 2, 0)[number % 5]
        if filled:
            events.append(self._fill(symbol, order, seq, side, filled, px, number))
        if number % 5 == 1:
            events.append(OrderCanceled(*self._head_of_report(symbol, order)))
        if number % 5 == 3:
            events += self._bust(symbol, order, side, filled, px, number)
        elif filled:
            self._told_fills.setdefault(symbol, []).append((order, side, filled, px, number))
        return events

    def _fill(
        self, symbol: str, order: str, seq: int, side: Side, qty: int, px: int, number: int
    ) -> OrderFilled:
        self._fills.setdefault(symbol, []).append(EffectiveFill(side, qty, px, 125, "USD", self._now))
        return OrderFilled(
            *self._head_of_report(symbol, order), seq, order, ACCOUNT, side, f"e{number}", DAY, qty, px, 125, "USD",
            Liquidity.MAKER, f"v{number}",
        )  # fmt: skip

    def _bust(self, symbol: str, order: str, side: Side, qty: int, px: int, number: int) -> list[Any]:
        self._fills[symbol].pop()
        state = positions.refold(self._fills[symbol], positions.empty(STRATEGY, symbol, ACCOUNT))
        busted = FillBusted(
            *self._head_of_report(symbol, order), ACCOUNT, f"b{number}", f"e{number}", DAY, f"e{number}", False, True,
            qty, px, 125, "USD", side, "test",
        )  # fmt: skip
        restated = PositionRestated(
            STRATEGY, symbol, state.qty, state.cost, state.realized, state.cash, dict(state.fees), state.buy_qty,
            state.sell_qty, state.fill_count, state.cycle, state.ts_opened, 0,
        )  # fmt: skip
        return [busted, restated]

    def _command_id(self, number: int) -> bytes:
        return (self._now // 10**6).to_bytes(6, "big") + b"\x70\x00\x80\x00" + number.to_bytes(6, "big")

    def _market_event(self) -> Any:
        number = self._updates
        self._updates += 1
        symbol = SYMBOLS[number % 2]
        turn = number // 2  # of this symbol
        head = (symbol, EXCHANGE, "md", 1, number + 1, self._now)
        bid, size = 1_000_000 + 100 * (turn % 9), 10 + turn % 13
        if turn == 0:
            levels = tuple((bid - 100 * at, 10 + at) for at in range(5))
            asks = tuple((bid + 1000 + 100 * at, 20 + at) for at in range(5))
            return BookSnapshotApplied(*head, 1, levels, asks)
        if turn % 3 == 0:
            return MarketTraded(*head, bid, size, Side.BUY, f"t{number}")
        if turn % 3 == 1:
            return MarketQuoted(*head, bid, size, bid + 100, size + 1, turn)
        update = 1 + (turn + 1) // 3
        return BookDeltaApplied(*head, update, update, ((bid, size),), ((1_001_000, turn % 4),))


def book_of(fold: Any, symbol: str) -> Book:
    """The book that the market fold has of a symbol of this journal."""
    return fold.books.states[(EXCHANGE, symbol)]
