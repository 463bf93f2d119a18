"""A desk for tests of orders: finds orders and fills as an engine does, asks decide and evolve, and keeps the journal.

The rules are the ledger's own, or a pair of yours: `Desk(pair=...)`. One instrument, one strategy, no clock.
"""

from __future__ import annotations

import uuid
from typing import Any, Final, Protocol, final

from ledger.domain import commands as c
from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain import fill
from ledger.domain.context import Context, Instrument, OrderRules, Rejection, Strategy
from ledger.domain.enums import OrderType, Side, TimeInForce
from ledger.domain.fill import FillKey, FillState
from ledger.domain.order import (
    NO_FILLS,
    Repeated,
    Unfit,
    decide,
    evolve,
    find_fills,
    id_given,
)

AAPL: Final = Instrument("AAPL", "NASDAQ", 4, 0, 1000, 1, 10**8, "USD", False, False, "24/7", 1)
S1: Final = Strategy("S1", "A1", 2)
NOW: Final = 1_763_650_000_000_000_000
DAY: Final = "2026-11-20"
COMMANDS: Final = (c.SubmitOrder, c.CancelOrder, c.ReplaceOrder)
EXECUTIONS: Final = (f.ReportFill, f.ReportTradeCancel, f.ReportTradeCorrect)
FILL_EVENTS: Final = (e.OrderFilled, e.FillBusted, e.FillCorrected)
Outcome = list[Any] | Rejection | Repeated | Unfit
"""What a turn comes to: events, a refusal, the first answer again, or a fact that no event can hold."""


class Pair(Protocol):
    """The rules of orders: two pure functions. The state is yours; the desk never looks into it."""

    def decide(self, state: Any, said: Any, context: Context, fills: fill.Fills, owner: Any) -> Outcome:
        """What a command or report becomes; `owner` is the order that has a command's id already."""
        ...

    def evolve(self, state: Any, event: Any, seq: int, recorded_at_ns: int) -> Any:
        """The order after an event; `state` is None before its first."""
        ...


@final
class OurPair:
    """The ledger's own rules."""

    def decide(self, state: Any, said: Any, context: Context, fills: fill.Fills, owner: Any) -> Outcome:
        """As the engine asks."""
        return decide(state, said, context, fills, owner)

    def evolve(self, state: Any, event: Any, seq: int, recorded_at_ns: int) -> Any:
        """As the fold asks."""
        return evolve(state, event, seq, recorded_at_ns)


OURS: Final = OurPair()


class Desk:
    """Orders of AAPL for strategy S1, with everything that was journaled."""

    def __init__(self, rules: OrderRules | None = None, pair: Pair = OURS) -> None:
        self.rules = rules or OrderRules()
        self.pair = pair
        self.orders: dict[str, Any] = {}
        """The pair's states, by first client_order_id."""
        self.ids: dict[str, str] = {}
        self.fills: dict[FillKey, FillState] = {}
        self.journal: list[Any] = []
        self._sent = 0

    # ---- inputs ----

    def submit(self, client_order_id: str = "X", qty: int = 100, **more: Any) -> Outcome:
        """SubmitOrder: BUY LIMIT at 10.0000, unless told otherwise."""
        terms: dict[str, Any] = {
            "side": Side.BUY,
            "order_type": OrderType.LIMIT,
            "px": 100_000,
            "strategy_id": "S1",
            **more,
        }
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
        """CancelOrder."""
        return self.tell(c.CancelOrder(command_id(), "AAPL", request_id, orig))

    def replace(self, request_id: str, qty: int | None = None, orig: str = "X", **more: Any) -> Outcome:
        """ReplaceOrder."""
        return self.tell(c.ReplaceOrder(command_id(), "AAPL", request_id, orig, qty, **more))

    def report(self, kind: type, *fields: Any, order: str = "X", **more: Any) -> Outcome:
        """A report of that type with the next number of its source."""
        self._sent += 1
        return self.tell(kind("gw1", 1, self._sent, "AAPL", "NASDAQ", order, *fields, **more))

    def fill(self, execution_id: str, qty: int, px: int = 100_000, order: str = "X", **more: Any) -> Outcome:
        """ReportFill."""
        side = more.pop("side", Side.BUY)
        return self.report(f.ReportFill, execution_id, DAY, side, qty, px, order=order, account="A1", **more)

    def bust(self, execution_id: str, ref: str, order: str = "X", **more: Any) -> Outcome:
        """ReportTradeCancel."""
        return self.report(f.ReportTradeCancel, execution_id, ref, DAY, order=order, account="A1", **more)

    def correct(
        self, execution_id: str, ref: str, qty: int, px: int, order: str = "X", **more: Any
    ) -> Outcome:
        """ReportTradeCorrect."""
        return self.report(
            f.ReportTradeCorrect, execution_id, ref, DAY, qty, px, order=order, account="A1", **more
        )

    # ---- the turn ----

    def tell(self, said: Any) -> Outcome:
        """One turn: decide (twice, which must agree), journal, evolve."""
        context = self.context()
        state, fills, owner = self._surroundings(said)
        outcome = self.pair.decide(state, said, context, fills, owner)
        again = self.pair.decide(state, said, context, fills, owner)
        assert again == outcome, "decide has changed something"
        if isinstance(outcome, list):
            for event in outcome:
                self.apply(event)
        return outcome

    def context(self) -> Context:
        """What the next turn may look at."""
        return Context(
            now_ns=NOW,
            received_at_ns=NOW - 1,
            next_seq=len(self.journal) + 1,
            instrument=AAPL,
            strategy=S1,
            rules=self.rules,
        )

    def _surroundings(self, said: Any) -> tuple[Any, fill.Fills, Any]:
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

    def known(self, client_order_id: str) -> Any:
        """The order that has, or had, this id; None if there is none."""
        first = self.ids.get(client_order_id)
        return None if first is None else self.orders[first]

    def apply(self, event: Any) -> None:
        """Journal an event and evolve the order and the executions that it concerns."""
        self.journal.append(event)
        seq = len(self.journal)
        if type(event) is e.AnomalyRecorded:
            return
        if type(event) in FILL_EVENTS:
            for key in fill.event_keys(event):
                self.fills[key] = fill.evolve(self.fills.get(key), event, key, seq, NOW)
        first = event.client_order_id if type(event) in (e.OrderSubmitted, e.OrderAdopted) else event.order
        if first:
            self.orders[first] = self.pair.evolve(self.orders.get(first), event, seq, NOW)
            if id_given(event):
                self.ids[id_given(event)] = first

    # ---- views ----

    @property
    def x(self) -> Any:
        """The order that most tests are about."""
        return self.orders["X"]

    def anomalies(self, since: int = 0) -> list[str]:
        """Kinds recorded in the journal from that index on."""
        return [it.kind for it in self.journal[since:] if type(it) is e.AnomalyRecorded]


def command_id() -> bytes:
    """Always the same: `decide` does not look at it."""
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
