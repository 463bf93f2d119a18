"""Runs FIX order matrices and order anomaly cases through the real order: commands, reports, fills by execution id.

The engine's part is played here in its smallest form: it keeps the order and its executions, and hands `decide` those
that a report names. A command that is refused was not sent; the states that follow tell whether that was right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _vector_case import Case, Difference, expect, journaled, named
from ledger.domain import commands as c
from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain import fill as fills
from ledger.domain.context import Context, Instrument, OrderRules, Rejection, Strategy
from ledger.domain.enums import OrderType, Side, TimeInForce
from ledger.domain.order import OrderState, decide, evolve, leaves, status_of_broker

SYMBOL, EXCHANGE, ACCOUNT, DATE, PX = "SYMBOL", "EXCHANGE", "ACCOUNT", "2026-01-02", 100
INSTRUMENT = Instrument(SYMBOL, EXCHANGE, 0, 0, 1, 1, 100_000_000, "USD", True, False, "24/7")
STRATEGY = Strategy("STRATEGY", ACCOUNT)
RULES = OrderRules(max_outstanding_replaces=0, replace_filled=True)
EXECUTION_EVENTS = (e.OrderFilled, e.FillBusted, e.FillCorrected)


def matrices(group: object) -> list[tuple[str, Callable[[], None]]]:
    """The runs of `fix_order_matrices`: a state after every step that states one."""
    if not isinstance(group, dict):
        raise Difference("fix_order_matrices is an object with `initial` and `cases`")
    initial = group.get("initial", {"client_order_id": "X", "qty": 10_000})
    return [(name, lambda case=case: _run_matrix(initial, case)) for name, case in named(group["cases"])]


def anomaly_cases(group: object) -> list[tuple[str, Callable[[], None]]]:
    """The runs of `order_anomaly_cases`: the state at the end, and the anomalies recorded on the way."""
    return [(name, lambda case=case: _run_anomalies(case)) for name, case in named(group)]


def _run_matrix(initial: Case, steps: Any) -> None:
    desk = _Desk(initial["client_order_id"], initial["qty"])
    for number, (op, *arguments, wanted) in enumerate(steps, 1):
        desk.step(op, arguments)
        if wanted is not None:
            expect(f"after step {number} ({op})", wanted, desk.shown())


def _run_anomalies(case: Case) -> None:
    desk = _Desk(case.get("client_order_id", "X"), case["qty"])
    for op, *arguments in case["steps"]:
        desk.step(op, arguments)
    expect("at the end", case["expect"], desk.shown())
    listed = set(case["anomalies"])
    beside = {kind for kind in desk.anomalies if kind.startswith("UNSOLICITED_")}
    expect("anomalies", sorted(listed), sorted(desk.anomalies - (beside - listed)))


class _Desk:
    """One order with its executions, fed step by step."""

    def __init__(self, client_order_id: str, qty: int) -> None:
        self.first = client_order_id
        self.order: OrderState | None = None
        self.fills: dict[fills.FillKey, fills.FillState] = {}
        self.requests: dict[str, str] = {}
        self.anomalies: set[str] = set()
        self.seq = 0
        self.inputs = 0
        self.take(
            c.SubmitOrder(
                self._command_id(),
                client_order_id,
                STRATEGY.strategy_id,
                SYMBOL,
                EXCHANGE,
                Side.BUY,
                OrderType.LIMIT,
                qty,
                PX,
                time_in_force=TimeInForce.GTC,
            )
        )
        if self.order is None:
            raise Difference("the order was not submitted")

    def shown(self) -> list[object]:
        """[OrdStatus in the broker's view, OrderQty, CumQty, LeavesQty]"""
        order = self.order
        assert order is not None
        return [status_of_broker(order).name, order.qty, order.cum, leaves(order)]

    def step(self, op: str, arguments: list[Any]) -> None:
        make = _OPS.get(op)
        if make is None:
            raise Difference(f"unknown step {op}; the steps are {', '.join(_OPS)}")
        self.inputs += 1
        self.take(make(self, *arguments))

    def take(self, fact: Any) -> None:
        """Decides, journals and applies one input; nothing of a refused command."""
        context = Context(
            now_ns=self.seq + 1,
            next_seq=self.seq + 1,
            instrument=INSTRUMENT,
            strategy=STRATEGY,
            rules=RULES,
        )
        known = fills.NO_FILLS
        if isinstance(fact, f.ReportFill | f.ReportTradeCancel | f.ReportTradeCorrect):
            known = fills.find_fills(fact, ACCOUNT, self.fills.get, EXCHANGE)
        outcome = decide(self.order, fact, context, known)
        if isinstance(outcome, Rejection):
            return
        if not isinstance(outcome, list):
            raise Difference(f"{type(fact).__name__} became {outcome}")
        for event in outcome:
            self.seq += 1
            self._apply(journaled(event))

    def _apply(self, event: Any) -> None:
        if type(event) is e.AnomalyRecorded:
            self.anomalies.add(event.kind)
            return
        if isinstance(event, EXECUTION_EVENTS):
            for key in fills.event_keys(event):
                self.fills[key] = fills.evolve(self.fills.get(key), event, key, self.seq, self.seq)
        self.order = evolve(self.order, event, self.seq, self.seq)

    def _command_id(self) -> bytes:
        self.inputs += 1
        return self.inputs.to_bytes(16, "big")

    def head(self) -> tuple[Any, ...]:
        return ("vectors", 1, self.inputs, SYMBOL, EXCHANGE, self.first)

    def cancel(self, request_id: str) -> c.CancelOrder:
        self.requests[request_id] = "cancel"
        return c.CancelOrder(self._command_id(), SYMBOL, request_id, self.first)

    def replace(self, request_id: str, qty: int) -> c.ReplaceOrder:
        self.requests[request_id] = "replace"
        return c.ReplaceOrder(self._command_id(), SYMBOL, request_id, self.first, qty)

    def reject(self, request_id: str) -> f.ReportCancelRejected | f.ReportReplaceRejected:
        if self.requests.get(request_id) == "replace":
            return f.ReportReplaceRejected(*self.head(), request_id)
        return f.ReportCancelRejected(*self.head(), request_id)


_OPS: dict[str, Callable[..., Any]] = {
    "accepted": lambda desk: f.ReportAccepted(*desk.head()),
    "rejected": lambda desk: f.ReportRejected(*desk.head()),
    "expired": lambda desk: f.ReportExpired(*desk.head()),
    "done_for_day": lambda desk: f.ReportDoneForDay(*desk.head()),
    "restated": lambda desk: f.ReportRestated(*desk.head()),
    "fill": lambda desk, execution_id, qty, px: f.ReportFill(
        *desk.head(), execution_id, DATE, Side.BUY, qty, px
    ),
    "bust": lambda desk, execution_id, ref: f.ReportTradeCancel(*desk.head(), execution_id, ref, DATE, True),
    "correct": lambda desk, execution_id, ref, qty, px: f.ReportTradeCorrect(
        *desk.head(), execution_id, ref, DATE, qty, px
    ),
    "cancel_req": _Desk.cancel,
    "pending_cancel": lambda desk, request_id: f.ReportPendingCancel(*desk.head(), request_id),
    "cancel_rej": _Desk.reject,
    "canceled": lambda desk, request_id=None, solicited=True: f.ReportCanceled(
        *desk.head(), solicited, request_id or ""
    ),
    "replace_req": _Desk.replace,
    "pending_replace": lambda desk, request_id: f.ReportPendingReplace(*desk.head(), request_id),
    "replaced": lambda desk, request_id=None, qty=None: f.ReportReplaced(*desk.head(), request_id or "", qty),
}
