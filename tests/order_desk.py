"""A desk for tests of orders: it finds orders and fills as an engine does, and asks the real decide and evolve."""

from __future__ import annotations

import uuid
from typing import Any

from ledger.domain import commands as c
from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain import fill
from ledger.domain.context import Context, Instrument, OrderRules, Rejection, Strategy
from ledger.domain.enums import OrderType, Side, TimeInForce
from ledger.domain.fill import FillKey, FillState
from ledger.domain.order import (
    NO_FILLS,
    OrderState,
    Repeated,
    Unfit,
    decide,
    evolve,
    find_fills,
    id_given,
)

AAPL = Instrument("AAPL", "NASDAQ", 4, 0, 1000, 1, 10**8, "USD", False, False, "24/7", 1)
S1 = Strategy("S1", "A1", 2)
NOW = 1_763_650_000_000_000_000
DAY = "2026-11-20"
COMMANDS = (c.SubmitOrder, c.CancelOrder, c.ReplaceOrder)
EXECUTIONS = (f.ReportFill, f.ReportTradeCancel, f.ReportTradeCorrect)
FILL_EVENTS = (e.OrderFilled, e.FillBusted, e.FillCorrected)
Outcome = list[Any] | Rejection | Repeated | Unfit


class Desk:
    """Orders of AAPL for strategy S1, with everything that was journaled."""

    def __init__(self, rules: OrderRules | None = None) -> None:
        self.rules = rules or OrderRules()
        self.orders: dict[str, OrderState] = {}
        self.ids: dict[str, str] = {}
        self.fills: dict[FillKey, FillState] = {}
        self.journal: list[Any] = []
        self._sent = 0

    # ---- inputs ----

    def submit(self, client_order_id: str = "X", qty: int = 100, **more: Any) -> Outcome:
        terms = {"side": Side.BUY, "order_type": OrderType.LIMIT, "px": 100_000, "strategy_id": "S1", **more}
        return self.tell(
            c.SubmitOrder(
                command_id(),
                client_order_id=client_order_id,
                symbol="AAPL",
                exchange="NASDAQ",
                qty=qty,
                **terms,
            )
        )

    def cancel(self, request_id: str, orig: str = "X") -> Outcome:
        return self.tell(c.CancelOrder(command_id(), "AAPL", request_id, orig))

    def replace(self, request_id: str, qty: int | None = None, orig: str = "X", **more: Any) -> Outcome:
        return self.tell(c.ReplaceOrder(command_id(), "AAPL", request_id, orig, qty, **more))

    def report(self, kind: type, *fields: Any, order: str = "X", **more: Any) -> Outcome:
        self._sent += 1
        return self.tell(kind("gw1", 1, self._sent, "AAPL", "NASDAQ", order, *fields, **more))

    def fill(self, execution_id: str, qty: int, px: int = 100_000, order: str = "X", **more: Any) -> Outcome:
        side = more.pop("side", Side.BUY)
        return self.report(f.ReportFill, execution_id, DAY, side, qty, px, order=order, account="A1", **more)

    def bust(self, execution_id: str, ref: str, order: str = "X", **more: Any) -> Outcome:
        return self.report(f.ReportTradeCancel, execution_id, ref, DAY, order=order, account="A1", **more)

    def correct(
        self, execution_id: str, ref: str, qty: int, px: int, order: str = "X", **more: Any
    ) -> Outcome:
        return self.report(
            f.ReportTradeCorrect, execution_id, ref, DAY, qty, px, order=order, account="A1", **more
        )

    # ---- the turn ----

    def tell(self, said: Any) -> Outcome:
        """One turn: decide (twice, which must agree), journal, evolve."""
        context = self.context()
        state, fills, owner = self._surroundings(said)
        outcome = decide(state, said, context, fills, owner)
        assert decide(state, said, context, fills, owner) == outcome
        if isinstance(outcome, list):
            for event in outcome:
                self.apply(event)
        return outcome

    def context(self) -> Context:
        return Context(
            now_ns=NOW,
            received_at_ns=NOW - 1,
            next_seq=len(self.journal) + 1,
            instrument=AAPL,
            strategy=S1,
            rules=self.rules,
        )

    def _surroundings(self, said: Any) -> tuple[OrderState | None, fill.Fills, OrderState | None]:
        if type(said) in COMMANDS:
            owner = self.known(said.client_order_id)
            aimed = said.client_order_id if type(said) is c.SubmitOrder else said.orig_client_order_id
            return self.known(aimed), NO_FILLS, owner
        state = self.known(said.client_order_id)
        if type(said) not in EXECUTIONS:
            return state, NO_FILLS, None
        fills = find_fills(said, "A1", self.fills.get)
        if fills.root is not None and fills.root.order:
            state = self.orders[fills.root.order]
        return state, fills, None

    def known(self, client_order_id: str) -> OrderState | None:
        first = self.ids.get(client_order_id)
        return None if first is None else self.orders[first]

    def apply(self, event: Any) -> None:
        self.journal.append(event)
        seq = len(self.journal)
        if type(event) is e.AnomalyRecorded:
            return
        if type(event) in FILL_EVENTS:
            for key in fill.event_keys(event):
                self.fills[key] = fill.evolve(self.fills.get(key), event, key, seq, NOW)
        first = event.client_order_id if type(event) in (e.OrderSubmitted, e.OrderAdopted) else event.order
        if first:
            self.orders[first] = evolve(self.orders.get(first), event, seq, NOW)
            if id_given(event):
                self.ids[id_given(event)] = first

    # ---- views ----

    @property
    def x(self) -> OrderState:
        return self.orders["X"]

    def anomalies(self, since: int = 0) -> list[str]:
        return [it.kind for it in self.journal[since:] if type(it) is e.AnomalyRecorded]


def command_id() -> bytes:
    return uuid.UUID(int=0).bytes


def limit(qty: int = 100, **more: Any) -> c.SubmitOrder:
    """A good order, with the fields that a test spoils."""
    terms: dict[str, Any] = {
        "client_order_id": "X",
        "strategy_id": "S1",
        "symbol": "AAPL",
        "exchange": "NASDAQ",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "px": 100_000,
        "time_in_force": TimeInForce.DAY,
        **more,
    }
    return c.SubmitOrder(command_id(), qty=qty, **terms)
