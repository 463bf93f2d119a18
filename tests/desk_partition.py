"""One partition whose journal stays in memory: the real turns, folds and decisions, without a writer or a loop.

Inputs run one after the other, as the dispatcher runs them; what the partition tells itself queues behind them.
"""

from __future__ import annotations

from typing import Any

import actors
from ledger.domain.commands import (
    CancelOrder,
    DefineInstrument,
    DefineStrategy,
    ReplaceOrder,
    SubmitOrder,
)
from ledger.domain.context import OrderRules
from ledger.domain.control_commands import (
    EngageKillSwitch,
    MassCancel,
    ReleaseKillSwitch,
    SetRiskLimit,
    SetTradingState,
)
from ledger.domain.enums import OrderType, Side, TradingState
from ledger.domain.facts import (
    BookSnapshot,
    MarketTrade,
    ReportAccepted,
    ReportCanceled,
    ReportFill,
    ReportReplaced,
)
from ledger.domain.operator_commands import OpenSession
from ledger.domain.order_state import OrderState
from ledger.domain.scope import Scope
from ledger.engine.open_frame import OpenJournal
from ledger.engine.partition import Arrival, Limits, Partition
from ledger.fold import MarketFold, TradingFold
from ledger.journal import Head

START_NS = 1_763_650_000_000_000_000
MS = 1_000_000


class DeskPartition:
    """AAPL (two digits of price) and MSFT on XNAS, S1 and S2 of account A1, S3 of A2."""

    def __init__(self, *, run_posted: bool = True) -> None:
        self.now_ns = START_NS
        self._sessions: set[str] = set()
        self.run_posted = run_posted
        self.entities = actors.Entities()
        self.trading = TradingFold(0, self.entities)
        self.market = MarketFold(0, self.entities)
        self.partition = Partition(
            self.trading,
            self.market,
            self._journal("trading"),
            self._journal("market"),
            Limits(7 * 86_400 * 10**9, 5 * 10**9, OrderRules()),
            None,  # type: ignore[arg-type]
        )
        self._behaviours = self.partition.behaviours()
        self._ids = self.reports = 0
        self._times: list[int] = []
        self.tell(Arrival("ann", START_NS))
        for symbol in ("AAPL", "MSFT"):
            self.tell(DefineInstrument(self.new_id(), symbol, "XNAS", 2, 0))
        for strategy, account in (("S1", "A1"), ("S2", "A1"), ("S3", "A2")):
            self.tell(DefineStrategy(self.new_id(), strategy, account))

    def _journal(self, name: str) -> OpenJournal:
        return OpenJournal(
            name,
            epoch=1,
            head=Head(0, 0, bytes(32), START_NS),
            first_seq=1,
            clock=lambda: self.now_ns,
            frame_bytes_max=1 << 30,
            one_at_a_time=True,
        )

    # ---- turns ----

    def tell(self, said: Any) -> Any:
        """One turn, and those that it asks for; the answer."""
        answer = self._turn(said)
        while self.run_posted and self.partition.posted:
            self.run_one_posted()
        return answer

    def run_one_posted(self) -> None:
        """The oldest input of the partition to itself."""
        self._turn(self.partition.posted.pop(0))

    def _turn(self, said: Any) -> Any:
        try:
            answer = self._behaviours[type(said)](said)
        except Exception as error:
            self.entities.discard()
            answer = self.partition.fault(said, error)
        self.entities.install()
        self._times += [self.now_ns] * (len(self.journal) - len(self._times))
        return answer

    def advance(self, milliseconds: int) -> None:
        """Time goes on: what comes now is in a frame of its own."""
        self.now_ns += milliseconds * MS
        for journal in (self.partition.open_trading, self.partition.open_market):
            journal.now_ns = self.now_ns

    def new_id(self) -> bytes:
        self._ids += 1
        return (START_NS // MS).to_bytes(6, "big") + b"\x70\x00\x80\x00" + self._ids.to_bytes(6, "big")

    # ---- inputs ----

    def submit(self, client_order_id: str, qty: int = 10, px: int | None = 10_000, **more: Any) -> Any:
        terms = {"side": Side.BUY, "order_type": OrderType.LIMIT, **more}
        strategy, symbol = terms.pop("strategy", "S1"), terms.pop("symbol", "AAPL")
        side, order_type = terms.pop("side"), terms.pop("order_type")
        session_id = terms.get("session_id", "")
        if session_id and session_id not in self._sessions:
            self._sessions.add(session_id)
            self.tell(OpenSession(self.new_id(), session_id, "user"))
        return self.tell(
            SubmitOrder(
                self.new_id(), client_order_id, strategy, symbol, "XNAS", side, order_type, qty, px, **terms
            )
        )

    def replace(self, request: str, order: str, symbol: str = "AAPL", **change: Any) -> Any:
        return self.tell(ReplaceOrder(self.new_id(), symbol, request, order, **change))

    def cancel(self, request: str, order: str, symbol: str = "AAPL") -> Any:
        return self.tell(CancelOrder(self.new_id(), symbol, request, order))

    def report(self, kind: type, order: str, *fields: Any, symbol: str = "AAPL", **more: Any) -> Any:
        self.reports += 1
        return self.tell(kind("gw", 1, self.reports, symbol, "XNAS", order, *fields, **more))

    def accept(self, order: str, symbol: str = "AAPL") -> Any:
        return self.report(ReportAccepted, order, symbol=symbol)

    def canceled(self, order: str, symbol: str = "AAPL") -> Any:
        return self.report(ReportCanceled, order, symbol=symbol)

    def replaced(self, order: str, *fields: Any, symbol: str = "AAPL", **more: Any) -> Any:
        return self.report(ReportReplaced, order, *fields, symbol=symbol, **more)

    def fill(self, order: str, qty: int, px: int = 10_000, side: Side = Side.BUY, **more: Any) -> Any:
        execution = f"x{self.reports + 1}"
        return self.report(ReportFill, order, execution, "2025-11-20", side, qty, px, **more)

    def holds(self, qty: int, px: int = 10_000, strategy: str = "S1") -> None:
        """A position that an order of its own has made, with nothing left open."""
        name, side = f"h{self.reports}", Side.BUY if qty > 0 else Side.SELL
        self.submit(name, abs(qty), px, side=side, strategy=strategy)
        self.fill(name, abs(qty), px, side)

    def book(self, bid: int, ask: int, symbol: str = "AAPL") -> Any:
        self.reports += 1
        return self.tell(
            BookSnapshot("f", 1, self.reports, symbol, "XNAS", self.reports, ((bid, 5),), ((ask, 5),))
        )

    def trade(self, px: int, symbol: str = "AAPL") -> Any:
        self.reports += 1
        return self.tell(
            MarketTrade("f", 1, self.reports, symbol, "XNAS", px, 1, Side.BUY, event_time_ns=self.now_ns)
        )

    def limit(self, scope: Scope = Scope.ALL, name: str = "", reason: str = "tested", **values: Any) -> Any:
        return self.tell(SetRiskLimit(self.new_id(), scope, name, reason=reason, **values))

    def engage(self, scope: Scope, name: str = "", reason: str = "panic") -> bytes:
        engagement = self.new_id()
        self.tell(EngageKillSwitch(engagement, scope, name, reason))
        return engagement

    def release(self, engagement: bytes, reason: str = "over") -> Any:
        return self.tell(ReleaseKillSwitch(self.new_id(), engagement, reason))

    def state(self, state: TradingState, scope: Scope = Scope.ALL, name: str = "") -> Any:
        return self.tell(SetTradingState(self.new_id(), scope, state, name, "tested"))

    def mass_cancel(self, scope: Scope, name: str = "") -> Any:
        return self.tell(MassCancel(self.new_id(), scope, name, "tested"))

    # ---- views ----

    @property
    def journal(self) -> list[Any]:
        """Every event of the trading journal."""
        return self.partition.open_trading.events

    def order(self, client_order_id: str, symbol: str = "AAPL") -> OrderState:
        return self.trading.orders.states[(symbol, client_order_id)]

    def asked(self) -> list[str]:
        """The orders with a cancel on its way."""
        return [key[1] for key, order in self.trading.orders.states.items() if order.requests]

    def folded(self, *, at_once: bool = False) -> TradingFold:
        """The journal folded anew: event by event, or as one frame."""
        fold = TradingFold(0)
        for seq, (event, now_ns) in enumerate(zip(self.journal, self._times, strict=True), 1):
            fold.apply(seq, now_ns, event)
            if not at_once:
                fold.entities.install()
        fold.entities.install()
        return fold


def code_of(answer: Any) -> int:
    """The code of a refusal, 0 where the command was taken."""
    return getattr(answer, "code", 0)
