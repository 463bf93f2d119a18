"""Fills of one position through the real decide and fold, as many as are asked for; nothing is written."""

from __future__ import annotations

from typing import final

from ledger.domain import fill as fills
from ledger.domain import order
from ledger.domain.context import Context
from ledger.domain.enums import OrderType, Side, TimeInForce
from ledger.domain.events import InstrumentDefined, OrderSubmitted, StrategyDefined
from ledger.domain.facts import ReportFill
from ledger.fold import TradingFold

QTY_MAX = 1 << 60
NOW_NS = 1_763_650_800_000_000_000


@final
class Filler:
    """One order, and a fill of it after the other."""

    def __init__(self) -> None:
        self.count = 0
        self._fold = TradingFold(0)
        self._seq = 0
        self._apply(
            InstrumentDefined("AAPL", "XNAS", 4, 0, 1, 1, 100_000_000, "USD", False, False, "24/7"),
            StrategyDefined("S1", "A1"),
            OrderSubmitted(
                "c1",
                "S1",
                "A1",
                "AAPL",
                "XNAS",
                Side.BUY,
                OrderType.LIMIT,
                QTY_MAX,
                100_000,
                None,
                TimeInForce.DAY,
                bytes(16),
                "bench",
                NOW_NS,
            ),
        )
        list(
            self._fold.fills_by_position.of(("S1", "AAPL"))
        )  # the index of fills by position is kept from here on

    def _apply(self, *events: object) -> None:
        for event in events:
            self._seq += 1
            self._fold.apply(self._seq, NOW_NS, event)
        self._fold.entities.install()

    def fill(self, count: int) -> None:
        """So many more, buys at moving prices."""
        fold = self._fold
        context = Context(now_ns=NOW_NS, instrument=fold.instruments.states["AAPL"])
        for number in range(self.count + 1, self.count + count + 1):
            fact = ReportFill(
                "gw",
                1,
                number,
                "AAPL",
                "XNAS",
                "c1",
                f"x{number}",
                "2025-11-20",
                Side.BUY,
                1,
                100_000 + number % 97,
            )
            state = fold.orders.get(("AAPL", "c1"))
            assert state is not None
            context.next_seq = self._seq + 1
            found = fills.find_fills(fact, state.terms.account, fold.fills.get, state.terms.exchange)
            self._apply(*order.decide(state, fact, context, found))  # type: ignore[misc]
        self.count += count
